"""Tests that the documentation names as proof exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of the functions of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    missing = [
        f"{file}::{name}"
        for file, name in NAMED.findall(page.read_text("utf-8"))
        if not (ROOT / file).is_file() or (name and name not in functions(ROOT / file))
    ]
    assert missing == []


def test_every_defence_of_the_threat_model_names_its_test_or_says_none() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    assert len(NAMED.findall(text)) > 50
    tables = [part for part in text.split("\n\n") if part.partition("\n")[0].endswith("| test |")]
    assert len(tables) == 5
    for table in tables:
        for row in table.splitlines()[2:]:
            proof = row.strip("| ").rpartition("|")[2].strip()
            assert NAMED.search(proof) or proof.startswith(("none", "by design")), row
