"""Running an application as its users do, in real or in virtual time."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cli.application import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
PATIENCE_S = 20.0


class Outcome(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[str]:
        """The log: each message with its fields, without time, level, pid and place."""
        found = []
        for line in self.err.splitlines():
            message = re.sub(r"^\S+ \S+\t\w+\t", "", line)
            head, brace, fields = message.partition("\t{")
            if brace:
                kept = json.loads("{" + fields)
                for name in ("pid", "process_pid", "location"):
                    kept.pop(name, None)
                message = head + (
                    "\t" + json.dumps(kept, sort_keys=True) if kept else ""
                )
            found.append(message)
        return found


def copy_of(name: str, folder: Path) -> Path:
    """Copy an application, since a run may write into its folder."""
    place = HERE / name if (HERE / name).is_dir() else EXAMPLES / name
    return Path(shutil.copytree(place, folder / name))


def run_virtually(
    folder: Path, *arguments: str, until: float = 0, **variables: str
) -> Outcome:
    """Run a command in virtual time; Ctrl-C comes after ``until`` seconds, if any."""
    done = subprocess.run(
        [sys.executable, str(HERE / "virtual.py"), str(until), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: Any
    type: str


class Server:
    """A served application, its log, and the ports it listens on."""

    def __init__(self, process: subprocess.Popen[str], log: Path, port: int) -> None:
        self.process = process
        self.log = log
        self.port = port

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; a body that is no text goes as JSON."""
        data = None
        if body is not None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, headers, method=method
        )
        try:
            response = urllib.request.urlopen(request, timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            text = response.read().decode()
            kind = response.headers.get("Content-Type", "")
        is_json = kind.startswith("application/json") and text
        return Answer(response.status, json.loads(text) if is_json else text, kind)

    def ask_until(self, path: str, holds: Callable[[Any], bool]) -> Any:
        """Ask again until what is answered is as wanted; return it."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(body := self.ask("GET", path).body):
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} went on answering {body}")
            time.sleep(0.01)  # another process, real time
        return body

    def wait_for(self, text: str) -> None:
        """Wait until the log says something."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.log.read_text("utf-8"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text("utf-8")
                raise AssertionError(f"it never said {text!r}:\n{said}")
            time.sleep(0.01)  # another process, real time

    def interrupt(self) -> Outcome:
        """Press Ctrl-C and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return Outcome(self.process.returncode, out, self.log.read_text("utf-8"))


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Server]:
    """Run ``wippy-trio run`` for the length of a block, on a port of its own."""
    port = free_port()
    ours = ("-o", f"app:gateway:addr=127.0.0.1:{port}")
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "wippy_trio", "run", *ours, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            encoding="utf-8",
            env=environment() | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    server = Server(process, log, port)
    try:
        server.wait_for("runtime ready")
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
