"""What the pages tell people to type exists."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "operator.md", ROOT / "docs" / "coordinator.md", ROOT / "deploy/README.md"]
SIDE = re.compile(
    r"\bfedcmr-(client|server) ((?:init|ingest|preview|doctor|start|enrol|run|status)\b.*)"
)
"""A command of one side with its arguments."""


def code(page: Path) -> list[str]:
    """Lines of fenced blocks and inline code."""
    text = page.read_text("utf-8")
    fences = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    outside = re.sub(r"^```\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*"".join(fences).splitlines(), *re.findall(r"`([^`\n]+)`", outside)]


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Side and arguments of every command of a page."""
    matches = [match for line in code(page) if (match := SIDE.search(line))]
    return [(match[1], shlex.split(match[2])) for match in matches]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_understood(page: Path) -> None:
    found = commands(page)
    assert found
    for side, (verb, *arguments) in found:
        module = importlib.import_module(f"fedcmr_{side}.cli")
        known = {
            name for item in get_command(module.app).commands[verb].params for name in item.opts
        }
        given = {word for word in arguments if word.startswith("--")}
        assert given <= known, f"fedcmr-{side} {verb}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [page.parent / link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    named = re.findall(r"\b(?:deploy|configs|tests)/[\w@/-]+\.(?:\w+)", text)
    made = {"deploy/docker/site/site.yaml", "deploy/docker/state/server.yaml"}
    paths = [*links, *(ROOT / name for name in set(named) - made)]
    assert [path for path in paths if not path.exists()] == []
