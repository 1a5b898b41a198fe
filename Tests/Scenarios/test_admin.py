"""Who may read /metrics and the whole of /health: everyone on loopback, else only who knows the admin key; and the
addresses a listener can have."""
import json
import socket
import subprocess
import unittest

import dialects
import wire
from harness import BINARY, Gateway, Program, Scenario, environment, fresh_directory
from upstreams import RawUpstream

KEY = "admin-key-0123456789"


class AdminKey(Scenario):
    def check_guarded(self, gateway):
        for headers in ([], [("Authorization", "Bearer wrong")], [("Authorization", f"Bearer {KEY}x")],
                        [("Authorization", f"Bearer {KEY[:-1]}")], [("Authorization", KEY)],
                        [("Authorization", "Bearer ")]):
            with self.subTest(headers=headers):
                metrics = gateway.get("/metrics", headers)
                self.assert_refused(metrics, (401,))
                self.assertIn("Bearer", metrics.header("www-authenticate"))
                health = gateway.get("/health", headers)
                self.assertEqual(health.status, 200, "a load balancer may ask whether the gateway lives")
                self.assertNotIn("upstreams", json.loads(health.body))
        right = [("Authorization", f"Bearer {KEY}")]
        self.assertEqual(gateway.get("/metrics", right).status, 200)
        self.assertIn("upstreams", json.loads(gateway.get("/health", right).body))

    def test_an_admin_key_is_asked_for(self):
        with RawUpstream() as upstream:
            with Gateway(upstream.url, ["--admin-key", KEY]) as gateway:
                self.check_guarded(gateway)
                self.assertEqual(gateway.call(dialects.CHAT).status, 200, "calls need no admin key")
            with Gateway(upstream.url, CAIRN_ADMIN_KEY=KEY) as gateway:
                self.check_guarded(gateway)

    def test_the_admin_key_is_never_sent_upstream_or_logged(self):
        with RawUpstream() as upstream, Gateway(upstream.url, ["--admin-key", KEY, "--log-level", "trace"]) as gateway:
            gateway.get("/metrics", [("Authorization", f"Bearer {KEY}")])
            gateway.get("/health", [("Authorization", f"Bearer {KEY}")])
            gateway.get("/metrics", [("Authorization", "Bearer wrong-key-9876543210")])

            self.assertNotIn(KEY.encode(), bytes(upstream.received))
            self.assertNotIn(KEY, gateway.log)
            self.assertNotIn("wrong-key", gateway.log)

    def test_a_listener_that_others_reach_shows_no_metrics_without_a_key(self):
        with RawUpstream() as upstream:
            with Gateway(upstream.url, listen="0.0.0.0:0") as gateway:
                self.assert_refused(gateway.get("/metrics"), (401, 403))
                self.assertEqual(gateway.get("/health").status, 200)
                with gateway.connect() as client:
                    response = client.exchange("POST", "/v1/chat/completions", [], b"{}", host="gateway.lan:8787")
                    self.assertEqual(response.status, 200, "it has names that it cannot know")
            with Gateway(upstream.url, ["--admin-key", KEY], listen="0.0.0.0:0") as gateway:
                self.check_guarded(gateway)


class Addresses(Scenario):
    def test_ipv6_loopback(self):
        with RawUpstream() as upstream, Program(
                ["serve", "--listen", "[::1]:0", "--upstream", upstream.url]) as program:
            match = program.wait_for_line(program.stderr_lines, r"listening on http://\[::1\]:(\d+)")
            for host, status in ((f"[::1]:{match[1]}", 200), (f"localhost:{match[1]}", 200), ("evil.example", 403)):
                with wire.Connection(int(match[1]), address="::1") as client:
                    response = client.exchange("POST", "/v1/chat/completions", [], b"{}", host=host)
                self.assertEqual(response.status, status)

    def test_an_ipv6_upstream(self):
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            with Gateway(f"http://[::1]:{listener.getsockname()[1]}") as gateway:
                with gateway.connect() as client:
                    client.send_request("POST", "/v1/chat/completions", [], b"{}")
                    sock, _ = listener.accept()
                    head = wire.Reader(sock).until(b"\r\n\r\n", 65536)
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    self.assertEqual(client.read_response().body, b"ok")
                    self.assertIn(b"[::1]:%d" % listener.getsockname()[1], head)
                    sock.close()

    def test_a_socket_handed_over_by_the_service_manager_is_used(self):
        """systemd's protocol: descriptor 3, LISTEN_FDS and LISTEN_PID (sd_listen_fds(3))."""
        with RawUpstream() as upstream, socket.create_server(("127.0.0.1", 0)) as listener:
            script = 'exec env LISTEN_PID=$$ "$0" serve --upstream "$1" --home "$2" 3<&"$FD"'
            with subprocess.Popen(
                    ["bash", "-c", script, BINARY, upstream.url, fresh_directory()],
                    env=environment(fresh_directory(), LISTEN_FDS="1", FD=str(listener.fileno())),
                    pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True) as process:
                self.addCleanup(process.kill)
                line = ""
                while "listening on" not in line:
                    line = process.stderr.readline()
                    self.assertTrue(line, "it ended")
                self.assertIn(str(listener.getsockname()[1]), line)
                with wire.Connection(listener.getsockname()[1]) as client:
                    response = client.exchange("POST", "/v1/chat/completions", [], b"{}")
                self.assertEqual(response.status, 200)
                process.kill()

    def test_every_loop_takes_its_share_of_connections(self):
        with RawUpstream() as upstream, Gateway(upstream.url, ["--threads", "4"]) as gateway:
            clients = [gateway.connect() for _ in range(64)]
            for client in clients:
                self.assertEqual(client.exchange("POST", "/v1/chat/completions", [], b"{}").status, 200)
            counts = [loop["client_connections"] for loop in json.loads(gateway.get("/health").body)["loops"]]
            for client in clients:
                client.close()

            self.assertEqual((len(counts), sum(counts)), (4, 65))
            self.assertGreater(min(counts), 0)


if __name__ == "__main__":
    unittest.main()
