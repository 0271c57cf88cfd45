"""An editor as far as the language server can tell: JSON-RPC over two pipes."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 30.0

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
  - name: main
    kind: process.lua
    meta: {comment: Greets people}
    source: file://main.lua
    method: main
    modules: [json, time]
    imports: {lib: "app:lib"}
  - name: lib
    kind: library.lua
    source: file://lib.lua
  - name: add
    kind: function.lua
    source: file://add.lua
    method: main
"""
LIB = """local M = {}
type User = {name: string, age: number?}
function M.double(x: number): number
  return x * 2
end
function M.user(name: string): User
  return {name = name}
end
M.limit = 10
return M
"""
MAIN = """local json = require("json")
local lib = require("lib")
local function main(count: number)
  local user = lib.user("ann")
  local twice = lib.double(count)
  print(user.name, twice, json.encode({}))
  return twice
end
return { main = main }
"""
ADD = "return { main = function(a: number, b: number): number return a + b end }\n"


def write_application(folder: Path, index: str = INDEX, **sources: str) -> None:
    """Write an application of a process, a library and a function."""
    source = folder / "src"
    source.mkdir(exist_ok=True)
    (folder / ".wippy.yaml").write_text('version: "1.0"\n')
    (source / "_index.yaml").write_text(index)
    for name, text in {"main": MAIN, "lib": LIB, "add": ADD, **sources}.items():
        (source / f"{name}.lua").write_text(text)


class RequestError(Exception):
    """The server answered with an error."""


class Editor:
    """Starts a server and speaks to it."""

    def __init__(self, **capabilities: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wippy_trio", "lsp", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.told: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._errors: list[bytes] = []
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()
        self._last = 0
        self.versions: dict[str, int] = {}
        self.server = self.request(
            "initialize",
            {"processId": None, "rootUri": None, "capabilities": capabilities},
        )
        self.notify("initialized", {})

    # The wire

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while True:
            length = 0
            while True:
                line = stream.readline()
                if not line:
                    self._answers.put(None)
                    return
                if line == b"\r\n":
                    break
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            self._answers.put(json.loads(stream.read(length)))

    def _read_errors(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        self._errors.extend(stream)

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream = self._process.stdin
        assert stream is not None
        stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        stream.flush()

    def _take(self, deadline: float) -> dict[str, Any]:
        message = self._answers.get(timeout=max(deadline - time.monotonic(), 0.01))
        if message is None:
            raise AssertionError(b"".join(self._errors).decode())
        if message.get("method") == "textDocument/publishDiagnostics":
            self.told[message["params"]["uri"]] = message["params"]
        elif "method" in message and "id" in message:
            self.asked.append(message)
            self.send({"id": message["id"], "result": None})
        return message

    def request(self, method: str, params: Any = None) -> Any:
        """Ask, and wait for the answer.

        Raises:
          RequestError: The answer is an error.
        """
        self._last += 1
        self.send({"id": self._last, "method": method, "params": params})
        deadline = time.monotonic() + LIMIT
        while True:
            message = self._take(deadline)
            if message.get("id") == self._last and "method" not in message:
                if "error" in message:
                    raise RequestError(message["error"]["message"])
                return message["result"]

    def notify(self, method: str, params: Any) -> None:
        """Tell."""
        self.send({"method": method, "params": params})

    @property
    def errors(self) -> str:
        """What the server wrote to standard error."""
        return b"".join(self._errors).decode()

    def close(self) -> int:
        """Say good-bye; give the exit code."""
        self.request("shutdown")
        self.notify("exit", None)
        code = self._process.wait(LIMIT)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._reader.join(LIMIT)
        self._drain.join(LIMIT)
        return code

    # Documents

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a document with its text on disk, or another one."""
        uri = path.as_uri()
        self.versions[uri] = 1
        document = {
            "uri": uri,
            "languageId": "lua",
            "version": 1,
            "text": path.read_text() if text is None else text,
        }
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, text: str) -> None:
        """Replace the text of a document."""
        self.versions[uri] += 1
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": self.versions[uri]},
                "contentChanges": [{"text": text}],
            },
        )

    def save(self, uri: str) -> None:
        """Say that a document was saved."""
        self.notify("textDocument/didSave", {"textDocument": {"uri": uri}})

    def shut(self, uri: str) -> None:
        """Close a document."""
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        del self.versions[uri]

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """Wait for what is wrong with the present version of a document."""
        version = self.versions[uri]
        deadline = time.monotonic() + LIMIT
        while self.told.get(uri, {}).get("version") != version:
            self._take(deadline)
        found: list[dict[str, Any]] = self.told[uri]["diagnostics"]
        return found

    def next_diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """Wait for the next word on a document, whatever its version."""
        deadline = time.monotonic() + LIMIT
        while True:
            message = self._take(deadline)
            params = message.get("params")
            if isinstance(params, dict) and params.get("uri") == uri:
                found: list[dict[str, Any]] = params["diagnostics"]
                return found

    def at(self, method: str, uri: str, line: int, character: int, **more: Any) -> Any:
        """Ask about a place."""
        position = {"line": line, "character": character}
        params = {"textDocument": {"uri": uri}, "position": position, **more}
        return self.request(f"textDocument/{method}", params)


def place_of(text: str, needle: str, shift: int = 0) -> tuple[int, int]:
    """Return line and character of the first needle, and some characters on."""
    at = text.index(needle) + shift
    before = text[:at]
    start = before.rfind("\n") + 1
    return before.count("\n"), len(before[start:].encode("utf-16-le")) // 2
