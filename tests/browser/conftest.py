"""One browser for all tests of this folder, and the application that they look at."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import Browser, Page, find_chromium, open_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start the browser, or skip where there is none."""
    executable = find_chromium()
    if executable is None:
        reason = "no chromium on this machine"
        if os.environ.get("WIPPY_TRIO_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with open_browser(executable, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a fresh tab."""
    with browser.page() as page:
        yield page


class Served:
    """The application, run as a user runs it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, and wait until it listens."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "wippy_trio",
                    "run",
                    "-o",
                    f"app:gateway:addr=127.0.0.1:{self.port}",
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> int:
        """Ask it to finish, as Ctrl-C does; give its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"it did not stop: {self.log()}") from None

    def log(self) -> str:
        """Give all that it said."""
        return (self.folder / "log").read_text("utf-8", "replace")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Run a copy of the application beside a sound of some size."""
    folder = tmp_path / "app"
    shutil.copytree(HERE / "app", folder)
    with wave.open(str(folder / "public/tone.wav"), "wb") as sound:
        sound.setparams((1, 2, 44100, 0, "NONE", ""))
        period = struct.pack("<100h", *(300 * (i % 100) - 15000 for i in range(100)))
        sound.writeframes(period * 441 * 60)  # a minute, 5 MB
    served = Served(folder)
    served.start()
    try:
        yield served
    finally:
        served.stop()
