"""Files as a browser asks for them: modules-io 8.7."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.chromium import Page
    from tests.browser.conftest import Served


def test_an_application_of_one_page_is_shown(
    page: Page, served: Served, tmp_path: Path
) -> None:
    """The index comes with its style and its script, below any path."""
    page.go(f"{served.url}/")
    assert page.run("window.ready") is True
    style = "getComputedStyle(document.querySelector('h1')).color"
    assert page.run(style) == "rgb(0, 90, 140)"
    assert page.run("document.contentType + ' ' + document.characterSet") == (
        "text/html UTF-8"
    )
    page.go(f"{served.url}/users/7?tab=mail#top")  # no such file: the index, with 200
    assert page.run("document.getElementById('place').textContent") == "/users/7"
    assert page.run("fetch(location.href).then(r => r.status)") == 200
    page.screenshot(tmp_path / "index.png")
    assert (tmp_path / "index.png").stat().st_size > 5_000


def test_a_folder_is_its_index_and_links_in_it_hold(page: Page, served: Served) -> None:
    """A relative link leads to the file beside the index, with and without a slash."""
    page.go(f"{served.url}/docs")
    assert page.run("location.pathname") == "/docs/"
    page.run("document.querySelector('a').click()")
    page.until("document.title === 'More'")
    assert page.run("location.pathname") == "/docs/more.html"


def test_what_is_no_file_is_not_found_where_there_is_no_spa(
    page: Page, served: Served
) -> None:
    """Neither a missing file, nor one outside of the folder, nor a listing."""
    page.go(f"{served.url}/")
    asked = "['nope', '..%2fsrc/room.lua', '%2e%2e/src/room.lua', 'site.css/']"
    script = f"Promise.all({asked}.map(p => fetch('/assets/' + p).then(r => r.status)))"
    assert page.run(script) == [404, 404, 200, 404]  # the third is /src: the index


def test_a_sound_can_be_sought_in(page: Page, served: Served) -> None:
    """A player asks for ranges; without them it could not jump ahead."""
    page.go(f"{served.url}/")
    script = """new Promise((resolve, reject) => {
      const sound = new Audio("/tone.wav")
      sound.onerror = () => reject(new Error(sound.error.message))
      sound.onloadedmetadata = () => { sound.currentTime = 55 }
      sound.onseeked = () => resolve([sound.seekable.end(0), sound.currentTime])
      sound.load()
    })"""
    assert page.run(script) == [60, 55]
    script = """fetch("/tone.wav", {headers: {Range: "bytes=-4"}}).then(async r =>
      [r.status, r.headers.get("content-range"), (await r.arrayBuffer()).byteLength])"""
    size = (served.folder / "public/tone.wav").stat().st_size
    assert page.run(script) == [206, f"bytes {size - 4}-{size - 1}/{size}", 4]


def test_the_browser_keeps_what_it_may_keep(page: Page, served: Served) -> None:
    """``max-age``: no request. ``no-cache``: asked again, and nothing is sent twice."""
    page.go(f"{served.url}/")
    script = """(async () => {
      performance.clearResourceTimings()
      for (const url of [%r, %r]) await (await fetch(url)).text()
      return performance.getEntriesByType("resource").map(e => e.transferSize)
    })()"""
    size = (served.folder / "public/site.css").stat().st_size
    first, second = page.run(script % ("/assets/site.css", "/assets/site.css"))
    assert first > size
    assert second == 0
    first, second = page.run(script % ("/docs/more.html", "/docs/more.html"))
    assert first > second > 0  # the head of a 304
    page.go(f"{served.url}/docs/more.html")
    (served.folder / "public/docs/more.html").write_text("<title>Changed</title>")
    page.go(f"{served.url}/docs/more.html")
    assert page.run("document.title") == "Changed"
