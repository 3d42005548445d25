"""Pictures of every page: both languages, light and dark, narrow and wide.

    python tests/web/shots.py FOLDER [URL]

Without a URL a filled folder is served for the time of the pictures. Needs Chromium.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import plantroom
from gridwitness.domain.clock import FixedClock
from gridwitness.web.server import listen, server
from playwright.sync_api import sync_playwright

SIZES = {"wide": (1440, 900), "narrow": (390, 844), "wall": (2560, 1440)}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
             "--disable-component-update", "--no-default-browser-check"]  # fmt: skip


@contextlib.contextmanager
def served(directory: Path, now_ms: int) -> Iterator[str]:
    """The pages of a folder on a free port, for as long as the block lasts."""
    listener = listen("127.0.0.1", 0)
    running = server(directory, FixedClock(now_ms), "zh")
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(20)
        listener.close()


def take(url: str, folder: Path, paths: dict[str, str]) -> None:
    """One picture for each page, language, theme and size."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                for language in ("zh", "en"):
                    if size == "wall" and (theme, language) != ("dark", "zh"):
                        continue
                    page = browser.new_page(viewport={"width": width, "height": height})
                    for name, path in paths.items():
                        mark = "&" if "?" in path else "?"
                        page.goto(f"{url}{path}{mark}lang={language}&theme={theme}")
                        page.screenshot(path=folder / f"{name}-{size}-{theme}-{language}.png", full_page=True)
                    page.close()
        browser.close()


def main(folder: Path, url: str | None = None) -> None:
    """Fill, serve, photograph."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        room = plantroom.make(Path(scratch) / "gateway")
        finding = room.store.findings()[0].id
        address = url or stack.enter_context(served(room.directory, room.until_ms + 30_000))
        paths = {name: f"/{name}" for name in ("devices", "quarantine", "evidence")}
        paths |= {"overview": "/", "site": "/sites/longtan", "cascade": "/sites/qinggou", "waiting": "/sites/shimen"}
        paths |= {"finding": f"/findings/{finding}", "missing": "/sites/nowhere"}
        take(address, folder, paths)
        room.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
