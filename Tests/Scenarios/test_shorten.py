"""cairn context shorten: what the strategies would leave out of a recorded request, without a network."""
import json
import os
import unittest

from harness import Scenario, fresh_directory, run


def request(*outputs):
    """A chat request of an agent whose commands printed these outputs."""
    messages = [{"role": "user", "content": "Look around."}]
    for number, output in enumerate(outputs):
        call = {"id": f"c{number}", "type": "function",
                "function": {"name": "shell", "arguments": json.dumps({"command": f"cat file{number}.py"})}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": output})
    return {"model": "m", "messages": messages}


def written(text):
    path = os.path.join(fresh_directory(), "body.json")
    with open(path, "w") as file:
        file.write(text)
    return path


class Shorten(Scenario):
    def test_lines_that_stand_above_are_told(self):
        lines = "\n".join(f"value_{number} = compute_the_value({number})" for number in range(40))

        result = run(["context", "shorten", written(json.dumps(request(lines, lines + "\nanother = 1")))])

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("seen-line-runs", result.stdout)
        self.assertIn("at the prices of anthropic", result.stdout)

    def test_a_request_without_repetition_is_left_as_it_is(self):
        result = run(["context", "shorten", "--book", "deepseek-flash", written(json.dumps(request("a\nb")))])

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(", 0 less (0.0 %)", result.stdout)

    def test_what_cannot_be_read_is_told(self):
        for arguments, word in ((["--book", "nobody", written("{}")], "nobody"), ([written("no JSON")], "JSON"),
                                ([written('{"a":1}')], "dialect"), (["/nowhere/at/all"], "cannot read")):
            with self.subTest(word):
                result = run(["context", "shorten", *arguments])

                self.assertEqual(result.returncode, 1)
                self.assertIn(word, result.stderr)
                self.assertEqual(len(result.stderr.strip().splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
