"""What the pages of the documentation name is there: files and folders, and each page in an index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
PATH = re.compile(r"`([\w.-]*[\w-](?:/[\w.*-]+)*/?)`")
PAGES = sorted(it for it in DOCS.rglob("*.md") if it.parent.name != "site")
# Made when something runs, or named as what somebody has of their own.
NOT_HERE = re.compile(
    r"^(?:\.|dist/|out/|processed/|sessions/|documents/|docs/site/html|benchmarks/results/|tests/simulation/proof)|/$"
)


def is_a_path(word: str) -> bool:
    return "/" in word or word.endswith((".py", ".json", ".md"))


def test_every_file_and_folder_that_the_architecture_names_is_there() -> None:
    """By its path in the project, or beside or below another that its row names."""
    for row in (line for line in ARCHITECTURE.splitlines() if line.startswith("| ")):
        near = [ROOT]
        for word in filter(is_a_path, PATH.findall(row.replace("`processed/`", ""))):
            found = [there for folder in near for there in folder.glob(word.rstrip("/"))]
            assert found, f"{word} in: {row}"
            near += [it if it.is_dir() else it.parent for it in found]


def test_every_folder_of_the_project_is_in_the_architecture() -> None:
    listed = {
        word.partition("/")[0] for word in re.findall(r"^\| `([\w.]+/[^`]*)` \|", ARCHITECTURE, re.MULTILINE)
    }
    built = {"node_modules", "dist"}
    there = {it.name for it in ROOT.iterdir() if it.is_dir() and not it.name.startswith(".")} - built
    assert {name for name in there if any((ROOT / name).rglob("*.*"))} - {"cdk.out"} == listed


@pytest.mark.parametrize("whole", ["carefile/core", "carefile/cli", "infrastructure", "local"])
def test_every_room_of_a_folder_is_named(whole: str) -> None:
    rows = "\n".join(line for line in ARCHITECTURE.splitlines() if line.startswith("| "))
    rooms = [it.name for it in (ROOT / whole).iterdir() if (it / "__init__.py").exists()]
    assert not [name for name in rooms if not re.search(rf"[`/]{name}/", rows)]


def test_every_page_is_in_the_index_and_in_the_site() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    site = (DOCS / "site/index.md").read_text(encoding="utf-8")
    names = [it.relative_to(DOCS).as_posix() for it in PAGES if it.name != "README.md"]
    assert not [name for name in names if f"]({name}" not in index]
    assert not [
        name
        for name in names
        if not name.startswith("decisions/") and f"docs/{name.removesuffix('.md')}" not in site
    ]


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda it: it.stem
)
def test_every_file_of_the_project_that_a_page_names_is_there(page: Path) -> None:
    tops = {it.name for it in ROOT.iterdir()}
    for word in PATH.findall(page.read_text(encoding="utf-8")):
        if "/" in word and word.partition("/")[0] in tops and not NOT_HERE.search(word):
            assert any(ROOT.glob(word)), word
