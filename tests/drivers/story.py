"""Plays a story through a client; tests/stories/README.md has the form.

A client has `call(method, metadata, request)`, which returns an outcome, `open(method, metadata, request)`, which returns a
`Stream`, and `close()`. A request that is a list is a stream of requests.
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
# The bytes of a status, its details included: clients limit what comes in trailers.
STATUS_LIMIT = 2048


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
            item = self._next(deadline)
            if item[0] == kind and matches(expected, item[1]):
                return item[1]
            if item[0] != "frame" or not (eventually or item[1].keys() <= ignore):
                raise Mismatch({kind: expected}, {item[0]: item[1]})

    def outcome(self, ignore):
        """How it ends, or the first frame that is not ignored."""
        deadline = time.monotonic() + LIMIT
        while True:
            kind, item = self._next(deadline)
            if kind == "end":
                return item
            if not item.keys() <= ignore:
                return {"frame": item}

    def _next(self, deadline):
        try:
            return self._items.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return "nothing", f"within {LIMIT:.0f} s"


def outcome(code, message="", infos=(), fields=(), response=None):
    """How a call or a stream ended: the (reason, domain, metadata) of its ErrorInfo details, and the fields that its BadRequest names."""
    if code == "OK":
        return {"code": code, "reason": "", "field": "", "response": response}
    ended = {"code": code, "field": ", ".join(fields), "message": message}
    if [domain for _, domain, _ in infos] != ["crewline"]:
        return {**ended, "reason": f"not one ErrorInfo of Crewline: {infos}"}
    [(reason, _, metadata)] = infos
    return {**ended, "reason": reason, "metadata": metadata}


def caller_metadata(caller, tenant):
    with open(os.environ["CREWLINE_TOKENS"], encoding="utf-8") as file:
        token = json.load(file)[caller]
    return {"authorization": f"Bearer {token}", "x-crewline-tenant": tenant}


def first_variables():
    variables = {"tenant": os.environ["CREWLINE_TENANT"]}
    if "CREWLINE_VARIABLES" in os.environ:
        with open(os.environ["CREWLINE_VARIABLES"], encoding="utf-8") as file:
            variables.update(json.load(file))
    return variables


def address_of(method):
    service = re.match(r"crewline\.(permissions|chat)\.", method)[1]
    return os.environ[f"CREWLINE_{service.upper()}"]


def matches(expected, actual):
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(k in actual and matches(v, actual[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(matches, expected, actual))
    return expected == actual


def with_defaults(expected):
    return {"code": "OK", "reason": "", "field": "", **expected}


def fill(value, variables):
    if isinstance(value, str):
        named = re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], value)
        return re.sub(r"\$\{repeat:(.+?):(\d+)\}", lambda found: found[1] * int(found[2]), named)
    if isinstance(value, list):
        return [fill(one, variables) for element in value for one in repeated(element)]
    if isinstance(value, dict):
        return {key: fill(element, variables) for key, element in value.items()}
    return value


def repeated(element):
    """In a list, `{"repeat": 3, "of": element}` stands for three of them."""
    return [element["of"]] * element["repeat"] if isinstance(element, dict) and "repeat" in element else [element]


class Player:
    def __init__(self, client, story):
        self._client = client
        self._ignore = set(story["ignore"])
        self._streams = {}
        self._variables = first_variables()

    def play(self, raw):
        step = fill(raw, self._variables)
        if "open" in step:
            self._streams[step["open"]] = self._open(step)
        elif "call" in step:
            self._save(step, self._call(step).get("response"))
        elif "frame" in step:
            for name in step["on"]:
                self._save(step, self._expect(name, step))
        else:
            for name in step["on"]:
                self._streams[name].expect("end", with_defaults(step["end"]), self._ignore)

    def _expect(self, name, step):
        return self._streams[name].expect("frame", step["frame"], self._ignore, step.get("eventually", False))

    def _call(self, step):
        expected = with_defaults(step["expect"])
        deadline = time.monotonic() + LIMIT
        while True:
            actual = self._outcome(step)
            if matches(expected, actual):
                return actual
            again = step.get("eventually") or actual.get("reason") == "ACCESS_UNKNOWN"
            if not again or time.monotonic() > deadline:
                raise Mismatch(expected, actual)
            time.sleep(PACE)

    def _outcome(self, step):
        if step.get("stream"):
            return self._open(step).outcome(self._ignore)
        return self._client.call(step["call"], self._metadata(step), step["request"])

    def _open(self, step):
        return self._client.open(step["call"], self._metadata(step), step["request"])

    def _metadata(self, step):
        return caller_metadata(step["as"], step.get("tenant", self._variables["tenant"]))

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
