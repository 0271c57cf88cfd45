"""Drive a headless Chromium over its DevTools pipe; nothing but the standard library.

The browser reads commands on descriptor 3 and writes answers and events on 4, each a
JSON text that ends in a zero byte. No port is opened, so runs never meet.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Browser", "BrowserError", "Page", "find_chromium", "open_browser"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE_S = 30.0
PLACE = """
import os, sys
for text, at in zip(sys.argv[1:3], (98, 99)):
    os.dup2(int(text), at)
os.dup2(98, 3), os.dup2(99, 4)
os.closerange(5, 100)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Puts the pipes where the browser looks for them, and becomes the browser."""


class BrowserError(Exception):
    """The browser refused a command, or a page threw."""


def find_chromium() -> str | None:
    """Find the browser: ``WIPPY_TRIO_CHROMIUM``, or one of the usual names."""
    named = os.environ.get("WIPPY_TRIO_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser process; commands are answered in the order they are given."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(
        self, method: str, session: str | None = None, **params: Any
    ) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self._read(deadline)).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait_event(self, method: str, session: str) -> dict[str, Any]:
        """Wait for an event of a page; those before it are dropped."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            event = self.events.pop(0) if self.events else self._read(deadline)
            if event.get("method") == method and event.get("sessionId") == session:
                return event

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._answers], [], [], left)[0]:
                raise BrowserError(f"the browser said nothing for {PATIENCE_S} s")
            data = os.read(self._answers, 1 << 20)
            if not data:
                raise BrowserError("the browser is gone")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    @contextlib.contextmanager
    def page(self, width: int = 1280, height: int = 900) -> Iterator[Page]:
        """Open a tab of its own context: no cookie and no cache of another one."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, attached["sessionId"])
        page.call("Page.enable")
        page.call("Runtime.enable")
        page.resize(width, height)
        try:
            yield page
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)
            self.events.clear()


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command to this tab."""
        return self._browser.call(method, self._session, **params)

    def resize(self, width: int, height: int) -> None:
        """Pretend to be a screen of that size; a narrow one is a phone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def go(self, url: str) -> None:
        """Load a page, and wait until all that it names is loaded."""
        self._browser.events.clear()
        failure = self.call("Page.navigate", url=url).get("errorText")
        if failure:
            raise BrowserError(f"{url}: {failure}")
        self._browser.wait_event("Page.loadEventFired", self._session)

    def run(self, script: str) -> Any:
        """Evaluate an expression; a promise is waited for."""
        outcome = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in outcome:
            details = outcome["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            raise BrowserError(f"{script}: {text}")
        return outcome["result"].get("value")

    def until(self, script: str, patience_s: float = PATIENCE_S) -> Any:
        """Wait until an expression is true; give what it then is."""
        deadline = time.monotonic() + patience_s
        while not (value := self.run(script)):
            if time.monotonic() > deadline:
                shown = self.run("document.body && document.body.innerText")
                raise BrowserError(f"never true: {script}; the page shows {shown!r}")
            time.sleep(0.02)
        return value

    def screenshot(self, path: Path) -> None:
        """Take a picture of what a person would see."""
        picture = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(picture))


@contextlib.contextmanager
def open_browser(executable: str, folder: Path) -> Iterator[Browser]:
    """Start a browser with a fresh profile in a folder; end it with the block."""
    (from_us, to_browser), (from_browser, to_us) = os.pipe(), os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, to_browser)
        stack.callback(os.close, from_browser)
        log = stack.enter_context((folder / "chromium.log").open("wb"))
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                PLACE,
                str(from_us),
                str(to_us),
                executable,
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                "about:blank",
            ],
            pass_fds=(from_us, to_us),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        os.close(from_us)
        os.close(to_us)
        stack.callback(_end, process)
        browser = Browser(to_browser, from_browser)
        yield browser
        with contextlib.suppress(BrowserError, BrokenPipeError):
            browser.call("Browser.close")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
