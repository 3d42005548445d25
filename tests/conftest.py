"""Rules for all tests: real data is read from beside the checkout, and in CI nothing is skipped that could have run."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

PERMITTED_SKIPS = (
    "the folder ../shared/data is missing",  # real measurements are not part of the project
)
"""Reasons for which a test may be skipped in CI: what a new machine cannot have."""

_skipped: list[tuple[str, str]] = []


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real measurements beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared/data is missing")
    return SHARED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append((item.nodeid, report.longrepr[2]))
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A whole file that skips itself counts too."""
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append((report.nodeid, report.longrepr[2]))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A test that CI skipped without a permitted reason turns the run red."""
    if os.environ.get("GRIDWITNESS_NO_SKIPS") != "1":
        return
    bad = [(test, why) for test, why in _skipped if not any(reason in why for reason in PERMITTED_SKIPS)]
    for test, why in bad:
        print(f"\nerror[skipped]: {test}: {why}")
    if bad and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
