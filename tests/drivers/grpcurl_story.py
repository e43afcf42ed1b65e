"""Plays a story through the command grpcurl, with the API from server reflection."""

import json
import os
import re
import subprocess
import threading

import story

# The command exits with 64 plus the number of the status.
CODES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED "
    "FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class Client:
    def __init__(self):
        self._running = []

    def call(self, method, metadata, request):
        process = start(method, metadata, "-max-time", str(story.CALL_LIMIT))
        stdout, stderr = process.communicate(to_json(request))
        return end_of(process.returncode, stderr, json.loads(stdout or "null"))

    def open(self, method, metadata, request):
        process = start(method, metadata)
        self._running.append(process)
        process.stdin.write(to_json(request))
        process.stdin.close()
        stream = story.Stream()
        threading.Thread(target=read, args=(process, stream), daemon=True).start()
        return stream

    def close(self):
        for process in self._running:
            process.kill()
            process.wait()


def to_json(request):
    """The command takes proto3 JSON but for a field mask, which it wants as the message that it is; several requests one after the other."""
    if isinstance(request, list):
        return "\n".join(map(to_json, request))
    if "updateMask" in request:
        paths = [re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", field) for field in request["updateMask"].split(",")]
        request = {**request, "updateMask": {"paths": paths}}
    return json.dumps(request)


def start(method, metadata, *options):
    # A command line is no secret; the environment is.
    environment = {**os.environ, "CREWLINE_AUTHORIZATION": metadata["authorization"]}
    command = [os.environ.get("CREWLINE_GRPCURL", "grpcurl"), "-plaintext", "-emit-defaults", "-format-error", *options]
    command += ["-expand-headers", "-H", "authorization: ${CREWLINE_AUTHORIZATION}"]
    command += ["-H", f"x-crewline-tenant: {metadata['x-crewline-tenant']}"]
    command += ["-d", "@", story.address_of(method), method]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def read(process, stream):
    """Frames are printed one after the other, each over several lines that end with a lone brace."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line in ("}\n", "{}\n"):
            stream.put_frame(json.loads("".join(lines)))
            lines.clear()
    stderr = process.stderr.read()
    stream.put_end(end_of(process.wait(), stderr))


def end_of(exit_status, stderr, response=None):
    if exit_status == 0:
        return story.outcome("OK", response=response)
    if exit_status <= 64:
        return story.outcome(f"grpcurl exited with {exit_status}", stderr)
    status = json.loads(stderr)
    details = status.get("details", [])
    infos = [
        # Without `reason` it is raw bytes: then the server's reflection does not describe google.rpc.
        (detail.get("reason", detail), detail.get("domain"), detail.get("metadata", {}))
        for detail in details
        if detail["@type"] == ERROR_INFO
    ]
    bad = [detail for detail in details if detail["@type"] == BAD_REQUEST]
    fields = [violation["field"] for detail in bad for violation in detail["fieldViolations"]]
    return story.outcome(CODES[exit_status - 64], status.get("message"), infos, fields)


if __name__ == "__main__":
    story.main(Client())
