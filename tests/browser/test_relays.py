"""Event streams and WebSockets of a real browser: modules-io 8.6."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import Browser, BrowserError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.chromium import Page
    from tests.browser.conftest import Served


def test_a_stream_of_events_comes_back(
    page: Page, browser: Browser, served: Served, tmp_path: Path
) -> None:
    """The browser hears what is sent, and connects anew after every end of a stream."""
    page.go(f"{served.url}/")
    page.run("listen('Ann')")
    page.until("news.length === 1")
    assert page.run("news") == ["Ann came"]
    with browser.page() as other:
        other.go(f"{served.url}/")
        other.run("enter('Bob')")
        page.until("news.length === 2")
        said = "two\nlines and a ☃"
        other.run(f"socket.send({json.dumps(said)})")
        page.until("news.length === 3")
        assert json.loads(page.run("news[2]")) == {"from": "Bob", "text": said}
        page.screenshot(tmp_path / "room.png")
        other.run("socket.send('end')")  # the room ends: so do stream and socket
        page.until("opened === 2")  # and the browser connects to the next one
        other.until("ended")
    page.until("news.length === 5")
    assert page.run("news")[1:2] + page.run("news")[3:] == [
        "Bob came",
        'done {"reason":"target process exited"}',
        "Ann came",
    ]
    assert served.stop() == 0
    page.until("source.readyState === EventSource.CONNECTING")
    served.start()
    page.until("opened === 3")
    page.until("news.at(-1) === 'Ann came' && news.length >= 6")
    page.until("document.getElementById('state').textContent === 'open'")


def test_who_closes_the_page_leaves_the_room(
    page: Page, browser: Browser, served: Served
) -> None:
    """A closed tab is a member less, whichever way it was connected."""
    page.go(f"{served.url}/")
    page.run("listen('Ann')")
    page.until("news.length === 1")
    for enter in ("enter('Bob')", "listen('Bob')"):
        page.run("news.length = 0")
        with browser.page() as other:
            other.go(f"{served.url}/")
            other.run(enter)
            page.until("news.includes('Bob came')")
        page.until("news.includes('Bob left')")


def test_a_socket_carries_text_and_bytes(page: Page, served: Served) -> None:
    """Text is text; bytes come back in base64, of any length and any value."""
    page.go(f"{served.url}/")
    page.run("enter('Ann')")
    page.until("received.length === 1")
    assert page.run("received[0]") == {"topic": "news", "data": "Ann came"}
    page.run("socket.send('echo:☃')")
    page.until("received.length === 2")
    assert page.run("received[1]") == {"topic": "echo", "data": "☃"}
    script = """(() => {
      const bytes = new Uint8Array(5 + 70000)
      bytes.set(new TextEncoder().encode("echo:"))
      for (let i = 5; i < bytes.length; i++) bytes[i] = (i - 5) % 256
      socket.send(bytes)
    })()"""
    page.run(script)
    page.until("received.length === 3")
    script = """(() => {
      const text = atob(received[2].data)
      let same = text.length === 70000
      for (let i = 0; i < text.length; i++) same &&= text.charCodeAt(i) === i % 256
      return same
    })()"""
    assert page.run(script) is True
    page.run("socket.send('x'.repeat(1 << 20))")  # many fragments of a network
    page.until("received.length === 4")
    assert page.run("received[3].data.text.length") == 1 << 20


def test_a_socket_ends_with_a_code_and_a_reason(page: Page, served: Served) -> None:
    """Closed on request, by the end of the target, and by the end of the server."""
    page.go(f"{served.url}/")
    normal = {"code": 1000, "clean": True}
    page.run("enter('Ann')")
    page.run("socket.send('close me')")
    assert page.until("ended") == {**normal, "reason": "as you wish"}
    page.run("enter('Ann')")
    page.run("socket.send('end')")
    assert page.until("ended") == {**normal, "reason": "target process exited"}
    page.until("fetch('/api/nope').then(r => r.status === 404)")
    _enter_again(page)
    page.run("socket.close(4321, 'bye')")
    assert page.until("ended") == {"code": 4321, "reason": "bye", "clean": True}
    page.run("enter('Ann')")
    assert served.stop() == 0
    ended = page.until("ended")
    assert (ended["code"], ended["clean"]) == (1001, True)
    with pytest.raises(BrowserError, match="refused"):
        page.run("enter('Ann')")
    served.start()  # for the end of the fixture


def _enter_again(page: Page) -> None:
    """Enter as soon as the room is there again."""
    page.until("enter('Ann').then(() => true, () => false)")


def test_pages_of_another_origin_are_refused(page: Page, served: Served) -> None:
    """A page of another place may neither listen nor enter."""
    page.go(f"{served.url.replace('127.0.0.1', 'localhost')}/")
    with pytest.raises(BrowserError, match="refused"):
        page.run(f"""new Promise((resolve, reject) => {{
          const socket = new WebSocket("ws://127.0.0.1:{served.port}/api/socket?name=X")
          socket.onopen = resolve
          socket.onerror = () => reject(new Error("refused"))
        }})""")
    script = f"""new Promise(resolve => {{
      const source = new EventSource("{served.url}/api/events?name=X")
      source.onopen = () => resolve("open")
      source.onerror = () => resolve(source.readyState)
    }})"""
    assert page.run(script) == 2  # closed for good: no second try
