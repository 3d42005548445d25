"""A filled gateway folder, its pages on a real port, and a browser that tells of everything that should not happen."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import plantroom
import pytest
import shots
from gridwitness.web.text import Words
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[plantroom.Plantroom]:
    """Eight hours with a hidden load, read by many tests and changed by none."""
    room = plantroom.make(tmp_path_factory.mktemp("filled") / "gateway")
    yield room
    room.close()


@pytest.fixture(scope="session")
def pages(filled: plantroom.Plantroom) -> Iterator[str]:
    """Address of the filled folder's pages."""
    with shots.served(filled.directory, filled.until_ms + 30_000) as url:
        yield url


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[plantroom.Plantroom]:
    """Five hours without anything hidden, for a test of its own."""
    room = plantroom.make(tmp_path / "gateway", 5.0, oddities=False)
    yield room
    room.close()


@pytest.fixture(params=["zh", "en"])
def words(request: pytest.FixtureRequest) -> Words:
    """Each language."""
    return Words(request.param)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=shots.ARGUMENTS)
        yield running
        running.close()
