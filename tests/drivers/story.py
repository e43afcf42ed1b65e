"""Plays a story through a client; tests/stories/README.md has the form.

A client has `call(method, caller, request)`, which returns an outcome, `open(method, caller, request)`, which returns a
`Stream`, and `close()`.
"""

import json
import os
import queue
import re
import sys
import time

LIMIT = 30.0
CALL_LIMIT = 10.0
# Between two tries of an `eventually` step: it only keeps the tries from being a load.
PACE = 0.05


class Mismatch(Exception):
    def __init__(self, expected, actual):
        super().__init__(f"expected {json.dumps(expected, indent=2)}\nactual   {json.dumps(actual, indent=2)}")


class Stream:
    """What a stream has brought and the story has not yet looked at: frames, and at last ("end", outcome)."""

    def __init__(self):
        self._items = queue.Queue()

    def put_frame(self, frame):
        self._items.put(("frame", frame))

    def put_end(self, outcome):
        self._items.put(("end", outcome))

    def expect(self, kind, expected, ignore, eventually=False):
        """The next item that is not an ignored frame, if it is as expected; with `eventually` the first frame that is."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                item = self._items.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Mismatch({kind: expected}, f"nothing within {LIMIT:.0f} s") from None
            if item[0] == kind and matches(expected, item[1]):
                return item[1]
            if item[0] != "frame" or not (eventually or item[1].keys() <= ignore):
                raise Mismatch({kind: expected}, {item[0]: item[1]})


def outcome(code, message="", infos=(), response=None):
    """How a call or a stream ended. `infos` are the (reason, domain, metadata) of its ErrorInfo details."""
    if code == "OK":
        return {"code": code, "reason": "", "response": response}
    if [domain for _, domain, _ in infos] != ["crewline"]:
        return {"code": code, "reason": f"not one ErrorInfo of Crewline: {infos}", "message": message}
    [(reason, _, metadata)] = infos
    return {"code": code, "reason": reason, "metadata": metadata, "message": message}


def caller_metadata(caller):
    with open(os.environ["CREWLINE_TOKENS"], encoding="utf-8") as file:
        token = json.load(file)[caller]
    return {"authorization": f"Bearer {token}", "x-crewline-tenant": os.environ["CREWLINE_TENANT"]}


def address_of(method):
    service = re.match(r"crewline\.(permissions|chat)\.", method)[1]
    return os.environ[f"CREWLINE_{service.upper()}"]


def matches(expected, actual):
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(k in actual and matches(v, actual[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(matches, expected, actual))
    return expected == actual


def fill(value, variables):
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], value)
    if isinstance(value, list):
        return [fill(element, variables) for element in value]
    if isinstance(value, dict):
        return {key: fill(element, variables) for key, element in value.items()}
    return value


class Player:
    def __init__(self, client, story):
        self._client = client
        self._ignore = set(story["ignore"])
        self._streams = {}
        self._variables = {"tenant": os.environ["CREWLINE_TENANT"]}

    def play(self, raw):
        step = fill(raw, self._variables)
        if "open" in step:
            self._streams[step["open"]] = self._client.open(step["call"], step["as"], step["request"])
        elif "call" in step:
            self._save(step, self._call(step).get("response"))
        elif "frame" in step:
            for name in step["on"]:
                self._save(step, self._expect(name, step))
        else:
            for name in step["on"]:
                self._streams[name].expect("end", {"code": "OK", "reason": "", **step["end"]}, self._ignore)

    def _expect(self, name, step):
        return self._streams[name].expect("frame", step["frame"], self._ignore, step.get("eventually", False))

    def _call(self, step):
        expected = {"code": "OK", "reason": "", **step["expect"]}
        deadline = time.monotonic() + LIMIT
        while True:
            actual = self._client.call(step["call"], step["as"], step["request"])
            if matches(expected, actual):
                return actual
            if not step.get("eventually") or time.monotonic() > deadline:
                raise Mismatch(expected, actual)
            time.sleep(PACE)

    def _save(self, step, source):
        for name, path in step.get("save", {}).items():
            value = source
            for key in path.split("."):
                value = value[int(key) if isinstance(value, list) else key]
            self._variables[name] = value


def main(client):
    with open(sys.argv[1], encoding="utf-8") as file:
        story = json.load(file)
    player = Player(client, story)
    print(story["title"], flush=True)
    try:
        for number, step in enumerate(story["steps"], 1):
            try:
                player.play(step)
            except Mismatch as mismatch:
                sys.exit(f"FAILED {number:3}  {step['say']}\n{mismatch}")
            print(f"ok {number:3}  {step['say']}", flush=True)
    finally:
        client.close()
    print(f"{len(story['steps'])} steps passed")
