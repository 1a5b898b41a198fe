"""The command line: what is wrong is told in one line with exit 2, and nothing is left half-started."""
import os
import socket
import subprocess
import unittest

import dialects
import wire
from harness import BINARY, Gateway, Program, Scenario, fresh_directory, run
from upstreams import RawUpstream

SERVE = ["serve", "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:9"]


def config_file(text):
    path = os.path.join(fresh_directory(), "cairn.yaml")
    with open(path, "w") as file:
        file.write(text)
    return path


class Refusals(Scenario):
    def check(self, arguments, *words, home=None, **variables):
        """Exit 2, one line on stderr that holds `words`, nothing on stdout, no home made."""
        home = home or os.path.join(fresh_directory(), "not-made")
        if arguments and arguments[0] == "serve":
            arguments = [*arguments, "--home", home]
        with self.subTest(arguments=arguments, variables=variables):
            result = run(arguments, timeout=5, **variables)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stdout, "")
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertTrue(result.stderr.endswith("\n"))
            for word in words:
                self.assertIn(word, result.stderr)
            self.assertFalse(os.path.exists(os.path.join(home, "usage.jsonl")))

    def test_unknown_words_and_flags(self):
        self.check(["frobnicate"], "frobnicate")
        self.check([*SERVE, "--frob"], "--frob")
        self.check([*SERVE, "--frob=1"], "--frob")
        self.check([*SERVE, "stray"], "argument 5")
        self.check(["practice", "--upstream", "http://127.0.0.1:9"], "--upstream")
        self.check(["version", "--listen", "127.0.0.1:0"], "--listen")

    def test_bad_values(self):
        for flag, value in (
            ("--listen", "nonsense"), ("--listen", "127.0.0.1:99999"), ("--listen", "127.0.0.1:-1"),
            ("--upstream", "ftp://x"), ("--upstream", "http://"), ("--upstream", "not a url"),
            ("--upstream", "http://user:pw@host"), ("--provider", "nobody"), ("--mode", "fast"),
            ("--log-level", "loud"), ("--threads", "0"), ("--threads", "many"), ("--threads", "99999999999999999999"),
            ("--api-key", ""), ("--api-key", "with\nnewline"), ("--allow-host", "a b"),
        ):
            base = ["serve"] if flag == "--upstream" else SERVE[:1] + SERVE[3:]
            base += [] if flag == "--listen" else ["--listen", "127.0.0.1:0"]
            self.check([*base, flag, value], flag)

    def test_missing_values(self):
        for flag in ("--mode", "--threads", "--api-key", "--config"):
            home = fresh_directory()
            result = run(["serve", "--home", home, flag])
            with self.subTest(flag=flag):
                self.assertEqual(result.returncode, 2)
                self.assertEqual(len(result.stderr.splitlines()), 1)
                self.assertIn(flag, result.stderr)

    def test_bad_variables(self):
        self.check(SERVE, "CAIRN_MODE", CAIRN_MODE="fast")
        self.check(SERVE, "CAIRN_THREADS", CAIRN_THREADS="-3")
        self.check(["serve", "--listen", "127.0.0.1:0"], "CAIRN_UPSTREAM", CAIRN_UPSTREAM="ftp://x")

    def test_bad_configuration_files(self):
        self.check([*SERVE, "--config", "/nonexistent/cairn.yaml"], "/nonexistent/cairn.yaml")
        self.check([*SERVE, "--config", fresh_directory()], "--config")
        for text, word in (
            ("upstreams: [", "cairn.yaml"), ("frobs: 1\n", "frobs"), ("mode: fast\n", "mode"),
            ("timeouts:\n  header_seconds: soon\n", "header_seconds"), ("upstreams: []\n", "upstreams"),
            ("upstreams:\n  - name: a\n    url: http://h\n  - name: a\n    url: http://i\n", "a"),
            ("- just\n- a list\n", "cairn.yaml"), ("\0", "cairn.yaml"),
            ("limits:\n  body_bytes_max: -1\n", "body_bytes_max"),
            ("a: &a [*a]\n", "cairn.yaml"),
        ):
            self.check(["serve", "--listen", "127.0.0.1:0", "--config", config_file(text)], word)

    def test_a_line_of_the_file_is_named(self):
        path = config_file("listen: 127.0.0.1:0\nmode: passthrough\nthreads: none\n")

        result = run(["serve", "--home", fresh_directory(), "--config", path])

        self.assertRegex(result.stderr, r"\b3\b")

    def test_a_busy_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            self.check(["practice", "--listen", f"127.0.0.1:{port}"], str(port))

    def test_a_port_that_another_gateway_serves_is_busy(self):
        with RawUpstream() as upstream, Gateway(upstream.url, ["--threads", "2"]) as gateway:
            self.check(["serve", "--listen", f"127.0.0.1:{gateway.port}", "--upstream", upstream.url],
                       str(gateway.port))
            self.assertEqual(gateway.call(dialects.CHAT).status, 200)

    def test_an_address_that_is_not_ours(self):
        self.check(["serve", "--listen", "192.0.2.1:0", "--upstream", "http://127.0.0.1:9"], "192.0.2.1")

    def test_bad_tls_files(self):
        key = config_file("no key")
        self.check([*SERVE, "--tls-cert", key], "--tls-key")
        self.check([*SERVE, "--tls-key", key], "--tls-cert")
        self.check([*SERVE, "--tls-cert", key, "--tls-key", key])
        self.check([*SERVE, "--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], "/nonexistent")
        self.check([*SERVE, "--tls-auto", "--tls-cert", key, "--tls-key", key])

    def test_a_home_that_cannot_be_made(self):
        in_the_way = config_file("a file")
        result = run([*SERVE, "--home", os.path.join(in_the_way, "home")])

        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def test_keys_are_not_shown_in_errors(self):
        secret = "sk-verysecret-0123456789abcdef0123456789"
        for arguments in ([*SERVE, secret], [*SERVE, "--api-key", secret + "\n"],
                          [*SERVE, f"--{secret}"]):
            with self.subTest(arguments=arguments[-2:]):
                self.assertNotIn("verysecret-0123", run(arguments).stderr)


class Words(Scenario):
    def test_version_is_one_line(self):
        result = run(["version"])

        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"\Acairn \d+\.\d+\.\d+\S*.*\n\Z")

    def test_help_names_every_command_and_flag(self):
        for arguments in (["help"], ["--help"], ["-h"]):
            result = run(arguments)
            with self.subTest(arguments=arguments):
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                for word in ("serve", "practice", "demo", "version"):
                    self.assertIn(word, result.stdout)
        serve = run(["serve", "--help"]).stdout
        for flag in ("--listen", "--upstream", "--provider", "--api-key", "--admin-key", "--mode", "--home", "--config",
                     "--tls-cert", "--tls-key", "--tls-auto", "--log-level", "--threads", "--allow-host",
                     "CAIRN_LISTEN", "CAIRN_API_KEY"):
            self.assertIn(flag, serve)

    def test_no_word_shows_the_help(self):
        self.assertEqual(run([]).stdout, run(["help"]).stdout)

    def test_help_into_a_closed_pipe_does_not_crash(self):
        result = subprocess.run(
            ["bash", "-c", '"$0" help serve | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}', BINARY])

        self.assertIn(result.returncode, (0, 1, 2, 141))


class Precedence(Scenario):
    def health(self, gateway):
        return gateway.get("/health").body

    def test_each_flag_has_an_environment_twin(self):
        with RawUpstream() as upstream:
            home = os.path.join(fresh_directory(), "home")
            with Program(["serve"], CAIRN_LISTEN="127.0.0.1:0", CAIRN_UPSTREAM=upstream.url, CAIRN_MODE="stable",
                         CAIRN_HOME=home, CAIRN_LOG_LEVEL="info", CAIRN_THREADS="1",
                         CAIRN_ALLOW_HOST="one.example,two.example") as program:
                match = program.wait_for_line(program.stderr_lines, r"listening on http://127\.0\.0\.1:(\d+)")
                for host in ("127.0.0.1", "one.example", "two.example"):
                    with wire.Connection(int(match[1])) as client:
                        response = client.exchange("GET", "/health", host=host)
                    self.assertEqual(response.status, 200)
                    self.assertIn(b"stable", response.body)
            self.assertTrue(os.path.isdir(home))

    def test_a_flag_wins_over_its_variable_and_that_over_the_file(self):
        with RawUpstream() as upstream:
            config = f"mode: observe\nupstreams:\n  - name: a\n    url: {upstream.url}\n"
            with Gateway(config=config) as gateway:
                self.assertIn(b"observe", self.health(gateway))
            with Gateway(config=config, CAIRN_MODE="stable") as gateway:
                self.assertIn(b"stable", self.health(gateway))
            with Gateway(config=config, arguments=["--mode", "full"], CAIRN_MODE="stable") as gateway:
                self.assertIn(b"full", self.health(gateway))

    def test_flags_may_be_written_with_an_equals_sign(self):
        with RawUpstream() as upstream, Gateway(arguments=[f"--upstream={upstream.url}", "--mode=full"]) as gateway:
            self.assertIn(b"full", self.health(gateway))


class Demo(Scenario):
    def test_the_demo_needs_no_key_and_no_network_and_shows_each_dialect(self):
        result = run(["demo"], timeout=60, HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")

        self.assertEqual(result.returncode, 0, result.stderr)
        for word in ("chat", "responses", "messages"):
            self.assertIn(word, result.stdout)
        self.assertLess(len(result.stdout.splitlines()), 80)


if __name__ == "__main__":
    unittest.main()
