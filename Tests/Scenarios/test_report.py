"""prove, report, status and backup beside a running gateway in mode stable."""
import contextlib
import json
import os
import socket
import sqlite3
import unittest
import xml.etree.ElementTree

from harness import Gateway, Practice, Scenario, fresh_directory, run
from upstreams import wait_until

MODEL = "deepseek-v4-flash"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("read", "write", "run")
]
KEY = [("content-type", "application/json"), ("authorization", "Bearer sk-test-1234567890")]


class Agent:
    """Speaks chat with a clock in its system prompt, and shuffles its tools."""

    def __init__(self, gateway, task="Explain the project."):
        self.gateway = gateway
        self.turns = [{"role": "user", "content": task + " Be thorough. " * 40}]
        self.calls = 0
        self.session = None

    def call(self, key=KEY):
        clock = f"Current time: 2026-11-20T12:{10 + self.calls:02}:09Z\n"
        system = clock + "You are a careful coding agent. " + "Rule. " * 300
        tools = TOOLS if self.calls % 2 == 0 else TOOLS[::-1]
        body = {"model": MODEL, "tools": tools, "messages": [{"role": "system", "content": system}, *self.turns]}
        with self.gateway.connect() as client:
            response = client.exchange("POST", "/v1/chat/completions", key, json.dumps(body).encode())
        if response.status != 200:
            raise AssertionError(f"{response.status} {response.body[:300]}")
        self.session = response.header("x-cairn-session")
        message = json.loads(response.body)["choices"][0]["message"]
        self.turns.append({"role": "assistant", "content": message.get("content") or "Done."})
        self.turns.append({"role": "user", "content": f"Go on with step {self.calls}. " * 20})
        self.calls += 1


class ReportScenario(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.practice = Practice()
        cls.gateway = cls.start()
        cls.agents = [Agent(cls.gateway, f"Task {number}.") for number in range(3)]
        for agent in cls.agents:
            for _ in range(5):
                agent.call()
        cls.gateway.usage_lines(15)
        wait_until(lambda: cls.command("prove").stdout.count("proven  5 calls") == 3, 5, "15 calls in the store")

    @classmethod
    def start(cls, home=None):
        return Gateway(f"deepseek={cls.practice.url}", ["--mode", "stable", "--provider", "deepseek"], home=home)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.practice.stop()

    @classmethod
    def command(cls, *words, home=None, **variables):
        return run([words[0], "--home", home or cls.gateway.home, *words[1:]], **variables)


class Prove(ReportScenario):
    def test_every_session_is_proven_beside_the_running_gateway(self):
        result = self.command("prove", "--all")

        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertEqual(lines[-1], "3 of 3 sessions proven")
        for agent, line in zip(self.agents, lines):
            self.assertRegex(line, rf"^{agent.session}  proven  5 calls, \d+ bytes, 0 breaks$")

    def test_one_session_is_proven_by_its_name(self):
        result = self.command("prove", self.agents[1].session)

        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith(self.agents[1].session))

    def test_what_cannot_be_compared_is_status_2(self):
        for words, text in (
            (["0" * 32], "has no session"), (["xyz"], "32 hexadecimal digits"), (["--all", "0" * 32], "--all"),
        ):
            with self.subTest(words=words):
                result = self.command("prove", *words)
                self.assertEqual(result.returncode, 2)
                self.assertIn(text, result.stderr)
        result = self.command("prove", home=fresh_directory())
        self.assertEqual(result.returncode, 2)
        self.assertIn("cairn.db", result.stderr)

    def test_a_home_without_a_store_stays_as_it_is(self):
        home = fresh_directory()
        for words in (["prove"], ["report"], ["backup"]):
            self.assertEqual(self.command(*words, home=home).returncode, 2)
        self.assertEqual(os.listdir(home), [])

    def test_one_byte_that_differs_is_found(self):
        for table, change, text in (
            ("a proof", "UPDATE calls SET proof = randomblob(16) WHERE number = 7", "the chained proof differs"),
            ("common bytes", "UPDATE calls SET common_bytes = common_bytes - 1 WHERE number = 8",
             "shares another number of bytes"),
            ("a call", "DELETE FROM calls WHERE number = 7", "the call before is not in the store"),
            ("a blob", "UPDATE blobs SET bytes = zeroblob(length(bytes)) WHERE digest = "
             "(SELECT coalesce(emission, raw) FROM links WHERE position = 3 LIMIT 1)",
             "stored bytes are not what was sent"),
            ("a link", "DELETE FROM links WHERE id = (SELECT id FROM links WHERE position = 2 LIMIT 1)",
             "a turn is not"),
        ):
            with self.subTest(table=table):
                home = fresh_directory()
                self.assertEqual(self.command("backup", f"{home}/cairn.db").returncode, 0)
                with contextlib.closing(sqlite3.connect(f"{home}/cairn.db")) as database:
                    database.execute(change)
                    database.commit()

                result = self.command("prove", home=home)

                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(text, result.stdout)
                self.assertRegex(result.stdout, r"NOT PROVEN  call \d \([^)]+\), (turn \d+|tools), byte \d+: ")
                self.assertRegex(result.stdout, r"\n[012] of 3 sessions proven\n$")


class ExportedContext(ReportScenario):
    def test_a_stored_conversation_goes_on_in_another_dialect(self):
        agent = self.agents[0]
        exported = self.command("context", "export", "--session", agent.session)
        self.assertEqual((exported.returncode, exported.stderr), (0, ""))
        path = os.path.join(fresh_directory(), "context.json")
        with open(path, "w") as file:
            file.write(exported.stdout)

        same = json.loads(run(["context", "convert", "--to", "chat", path]).stdout)
        other = json.loads(run(["context", "convert", "--to", "messages", path]).stdout)

        self.assertEqual(same["messages"][1:], agent.turns[:-2])
        self.assertEqual(same["model"], MODEL)
        self.assertEqual(sorted(tool["name"] for tool in other["tools"]), ["read", "run", "write"])
        self.assertEqual(json.loads(exported.stdout)["cairn_prompt"], 1)

    def test_each_dialect_comes_back_as_it_was_sent(self):
        tool = {"name": "read", "description": "Reads.", "input_schema": {"type": "object"}}
        user = {"role": "user", "content": "Hello"}
        for path, dialect, body in (
            ("/v1/messages", "messages",
             {"model": MODEL, "max_tokens": 9, "system": "Be brief.", "tools": [tool], "messages": [user]}),
            ("/v1/messages", "messages",
             {"model": MODEL, "max_tokens": 9, "system": [{"type": "text", "text": "Be quick."}], "messages": [user]}),
            ("/v1/responses", "responses", {"model": MODEL, "instructions": "Be brief.", "input": [user]}),
            ("/v1/responses", "responses", {"model": MODEL, "instructions": "Be quick.", "input": "Hello"}),
            ("/v1/responses", "responses", {"model": MODEL, "input": "Hello alone"}),
        ):
            with self.subTest(dialect=dialect, body=body), self.gateway.connect() as client:
                response = client.exchange("POST", path, KEY, json.dumps(body).encode())
                self.assertEqual(response.status, 200, response.body[:300])
                session = response.header("x-cairn-session")

                def exported():
                    result = self.command("context", "export", "--session", session)
                    return json.loads(result.stdout) if result.returncode == 0 else None

                form = wait_until(exported, 5, "the call in the store")

                self.assertEqual(form["dialect"], dialect)
                for key in ("model", "system", "tools", "messages", "instructions"):
                    self.assertEqual(form["source"].get(key), body.get(key))
                if dialect == "responses" and isinstance(body["input"], str) and "instructions" in body:
                    self.assertEqual(form["source"]["input"], [user])
                else:
                    self.assertEqual(form["source"].get("input"), body.get("input"))

    def test_a_session_that_is_not_there_is_status_2(self):
        result = self.command("context", "export", "--session", "0" * 32)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("has no session", result.stderr)


class Report(ReportScenario):
    def test_dollars_come_first_and_the_clock_is_told(self):
        result = self.command("report")

        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertTrue(lines[0].startswith("Dollars, "))
        self.assertRegex(lines[1], r"^  billed +\$0\.\d+$")
        self.assertIn("15 calls in 3 sessions.", result.stdout)
        self.assertRegex(
            result.stdout,
            r"The clock in your prompts would cost \$\S+ a month without Cairn, extrapolated from \d+ calls\.")

    def test_the_same_calls_give_the_same_bytes(self):
        for form in ("text", "md", "json", "svg"):
            first = self.command("report", "--format", form)
            self.assertEqual(first.returncode, 0)
            self.assertEqual(first.stdout, self.command("report", "--format", form).stdout)

    def test_json_says_what_usage_jsonl_says(self):
        report = json.loads(self.command("report", "--format", "json").stdout)
        lines = self.gateway.usage_lines(15)

        for key in ("billed_usd", "untouched_usd", "predicted_usd"):
            self.assertAlmostEqual(float(report["total"][key]), sum(line[key] for line in lines), 12)
        self.assertGreater(float(report["total"]["saved_usd"]), 0)
        self.assertEqual(report["total"]["prompt_tokens"], sum(line["usage"]["prompt_tokens"] for line in lines))
        self.assertEqual(report["prefix_bytes"]["common_as_sent"], 0)
        self.assertEqual([group["name"] for group in report["models"]], [MODEL])
        self.assertEqual(report["moved"][0]["kinds"], "clock")

    def test_a_session_and_a_time_narrow_it(self):
        report = json.loads(self.command("report", "--format", "json", "--session", self.agents[0].session).stdout)
        self.assertEqual((report["calls"], report["sessions"]), (5, 1))
        report = json.loads(self.command("report", "--format", "json", "--since", "2999-01-01").stdout)
        self.assertEqual(report["calls"], 0)
        report = json.loads(self.command("report", "--format", "json", "--since", "1h").stdout)
        self.assertEqual(report["calls"], 15)

    def test_the_chart_is_one_sound_file(self):
        root = xml.etree.ElementTree.fromstring(self.command("report", "--format", "svg").stdout)
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertFalse([key for element in root.iter() for key in element.attrib if key.endswith("href")])

    def test_wrong_words_are_status_2(self):
        for words in (["--since", "yesterday"], ["--since", "2026-02-31"], ["--format", "pdf"], ["--session", "1"],
                      ["--session", "f" * 32]):
            with self.subTest(words=words):
                result = self.command("report", *words)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertEqual(result.stderr.count("\n"), 1)

    def test_prices_of_the_home_that_cannot_be_read_are_told(self):
        home = fresh_directory()
        self.assertEqual(self.command("backup", f"{home}/cairn.db").returncode, 0)
        with open(f"{home}/prices.yaml", "w") as file:
            file.write("entries: 7\n")
        result = self.command("report", home=home)
        self.assertEqual(result.returncode, 2)
        self.assertIn("prices.yaml", result.stderr)


class Status(ReportScenario):
    def status(self, *words, **variables):
        return run(["status", "--listen", f"127.0.0.1:{self.gateway.port}", *words], **variables)

    def test_one_screen_when_it_is_no_terminal(self):
        result = self.status()

        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("mode stable", result.stdout)
        self.assertRegex(result.stdout, r"saved +\$0\.\d+: billed \$0\.\d+, untouched \$0\.\d+")
        self.assertRegex(result.stdout, r"store +ready, \d+ KiB")
        self.assertRegex(result.stdout, r"sessions +\d in memory, \d+ turns")
        self.assertRegex(result.stdout, r"provider deepseek: \d+\.\d %")
        self.assertNotIn("\x1b", result.stdout)

    def test_the_address_comes_from_the_gateways_own_variable(self):
        result = run(["status"], CAIRN_LISTEN=f"127.0.0.1:{self.gateway.port}")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_no_gateway_is_status_1(self):
        with contextlib.closing(socket.socket()) as closed:
            closed.bind(("127.0.0.1", 0))
            result = run(["status", "--listen", f"127.0.0.1:{closed.getsockname()[1]}"])
        self.assertEqual(result.returncode, 1)
        self.assertIn("nothing listens there", result.stderr)

    def test_a_break_is_shown_with_its_cause(self):
        agent = Agent(self.gateway, "A task with an edit.")
        agent.call()
        agent.call()
        agent.turns[-3]["content"] = "The client changed this."
        agent.call()

        def shown():
            out = self.status().stdout
            return out if "Last breaks" in out else None

        text = wait_until(shown, 5, "a break")

        self.assertRegex(text, rf"{agent.session}  \d+ s ago  the client changed its history at turn \d")

    def test_metrics_and_health_tell_dollars_and_the_store_and_no_secret(self):
        metrics = self.gateway.get("/metrics").body.decode()
        health = self.gateway.get("/health").body.decode()

        for name in ("saved", "billed", "untouched"):
            self.assertRegex(metrics, rf'cairn_{name}_dollars_total{{provider="deepseek"}} 0\.\d+\n')
        for kind in ("hit", "miss", "write"):
            self.assertIn(f'cairn_prompt_tokens_total{{provider="deepseek",kind="{kind}"}}', metrics)
        self.assertIn("cairn_store_ready 1\n", metrics)
        self.assertEqual(json.loads(health)["store"]["state"], "ready")
        self.assertNotIn("sk-test", metrics + health)

    def test_a_gateway_with_an_admin_key_wants_it(self):
        gateway = Gateway(f"deepseek={self.practice.url}", ["--mode", "stable", "--admin-key", "an-admin-key"])
        self.addCleanup(gateway.stop)
        words = ["status", "--listen", f"127.0.0.1:{gateway.port}"]

        refused = run(words)
        told = run([*words, "--admin-key", "an-admin-key"])

        self.assertEqual((refused.returncode, told.returncode), (1, 0), refused.stderr + told.stderr)
        self.assertIn("--admin-key", refused.stderr)
        self.assertNotIn("an-admin-key", told.stdout)


class AfterAKill(ReportScenario):
    def test_sessions_that_go_on_after_a_kill_are_proven(self):
        home = self.gateway.home
        self.gateway.kill()
        gateway = self.start(home)
        self.addCleanup(gateway.stop)
        for agent in self.agents:
            before = agent.session
            agent.gateway = gateway
            for _ in range(2):
                agent.call()
            self.assertEqual(agent.session, before)

        def all_proven():
            out = self.command("prove", home=home).stdout
            return out if out.count("proven  7 calls") == 3 else None

        proven = wait_until(all_proven, 5, "21 proven calls")

        self.assertEqual(proven.count("0 breaks"), 3)


class BegunAgainAfterAKill(ReportScenario):
    def test_conversations_begun_again_leave_as_they_first_left(self):
        home = self.gateway.home
        self.gateway.kill()
        gateway = self.start(home)
        self.addCleanup(gateway.stop)
        for number, before in enumerate(self.agents):
            agent = Agent(gateway, f"Task {number}.")
            for _ in range(5):
                agent.call()
            self.assertNotEqual(agent.session, before.session)

        def all_proven():
            out = self.command("prove", home=home).stdout
            return out if out.count("proven  5 calls") == 6 else None

        wait_until(all_proven, 5, "30 proven calls in two sessions each")
        self.assertIn("cairn_store_conflict_records_total 0\n", gateway.get("/metrics").body.decode())


class BackupOfAStore(ReportScenario):
    def test_a_backup_is_a_store_and_nothing_is_overwritten(self):
        home = fresh_directory()
        path = f"{home}/cairn.db"

        first = self.command("backup", path)
        second = self.command("backup", path)

        self.assertEqual((first.returncode, first.stdout), (0, path + "\n"))
        self.assertEqual(second.returncode, 2)
        self.assertIn("exists", second.stderr)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(self.command("prove", home=home).returncode, 0)

    def test_without_a_path_it_stands_in_the_home(self):
        result = self.command("backup")

        self.assertEqual(result.returncode, 0)
        self.assertEqual(os.path.dirname(result.stdout.strip()), self.gateway.home)
        self.assertTrue(os.path.exists(result.stdout.strip()))


if __name__ == "__main__":
    unittest.main()
