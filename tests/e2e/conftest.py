"""One demo run, watched by a browser while it goes, serves all tests of the whole chain."""

import shutil
from collections.abc import Iterator

import pytest
from demo_run import DemoRun, end, start_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """The demo with a hidden load; tests that need its end call ``wait()``."""
    run = start_demo(tmp_path_factory.mktemp("demo") / "run")
    yield run
    end(run)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    return path
