"""README and pages say what the program says: help block, links, commands and make targets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gridwitness.cli.main import COMMANDS
from gridwitness.service import settings

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(p for p in ROOT.glob("**/*.md") if not {".venv", ".tools", ".build", "node_modules"} & set(p.relative_to(ROOT).parts))


def help_text(*words: str) -> str:
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "gridwitness", *words, "--help"], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(line for line in lines if line).replace("python -m gridwitness", "gridwitness")


def test_the_help_block_is_current() -> None:
    block = re.search(r"```text help\n(.*?)```", README, re.S)
    assert block is not None
    assert block.group(1).rstrip("\n") == help_text(), "paste the output of 'COLUMNS=110 NO_COLOR=1 TERM=dumb gridwitness --help'"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert "Usage: gridwitness " + command in help_text(command)


def test_the_page_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "operator" / "settings.md").read_text(encoding="utf-8") == settings.page(), "run 'make contract'"


def test_commands_in_the_readme_exist() -> None:
    named = set(re.findall(r"^\$ gridwitness (\w+)", README, re.M))
    assert named
    assert named <= set(COMMANDS)


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
