"""Certificates for the TLS scenarios, made with the openssl command: an authority, and servers signed by it."""
import os
import ssl
import subprocess

from harness import fresh_directory


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Authority:
    """A certificate authority of our own: `ca_file` is its certificate."""

    def __init__(self):
        self.folder = fresh_directory()
        self.ca_file = os.path.join(self.folder, "ca.pem")
        self.ca_key = os.path.join(self.folder, "ca.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=Cairn test authority", "-keyout", self.ca_key, "-out", self.ca_file)

    def server(self, name, names="DNS:localhost,IP:127.0.0.1", days="2"):
        """(certificate file, key file) of a server that answers for `names`."""
        path = os.path.join(self.folder, name)
        with open(f"{path}.ext", "w") as file:
            file.write(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", f"{path}.key", "-out", f"{path}.csr")
        _openssl("x509", "-req", "-in", f"{path}.csr", "-CA", self.ca_file, "-CAkey", self.ca_key,
                 "-CAcreateserial", "-days", days, "-extfile", f"{path}.ext", "-out", f"{path}.pem")
        return f"{path}.pem", f"{path}.key"

    def server_context(self, name, **options):
        """What an upstream that speaks TLS wraps its sockets with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server(name, **options))
        return context

    def client_context(self):
        return ssl.create_default_context(cafile=self.ca_file)
