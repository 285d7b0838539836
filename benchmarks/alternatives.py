"""Which of the project's sample documents another library returns text of; docs/why.md states the result.

It needs nothing of the project, so that it runs in an environment of the other library's:

    python -m venv other && other/bin/pip install 'markitdown[pdf,docx,xlsx,outlook]==0.1.9'
    other/bin/python benchmarks/alternatives.py markitdown
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is the beginning of a format's source, and no text for a person.
SOURCE = ("{\\rtf", "<", "MSH|", "FHS|", "BHS|")


def markitdown() -> Callable[[Path], str]:
    converter = importlib.import_module("markitdown").MarkItDown()
    return lambda path: str(converter.convert(str(path)).text_content)


def unstructured() -> Callable[[Path], str]:
    partition = importlib.import_module("unstructured.partition.auto").partition
    return lambda path: "\n".join(map(str, partition(filename=str(path), strategy="fast")))


def documents() -> list[Path]:
    folders = [ROOT / "samples" / name for name in ("files", "scans", "listed")]
    golden = [path for path in (ROOT / "tests/readers/golden").iterdir() if ".expected." not in path.name]
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()) + sorted(golden)


def outcome(read: Callable[[Path], str], path: Path) -> str:
    try:
        text = read(path).strip()
    except Exception as error:
        return f"refused: {type(error).__name__}"
    return "nothing" if not text else "the source itself" if text.startswith(SOURCE) else "text"


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    read = {"markitdown": markitdown, "unstructured": unstructured}[sys.argv[1]]()
    found = {path: outcome(read, path) for path in documents()}
    for path, said in found.items():
        print(f"{said:<32} {path.relative_to(ROOT)}")
    print(
        f"{len(found)} documents:",
        ", ".join(f"{count} {said}" for said, count in Counter(found.values()).most_common()),
    )


if __name__ == "__main__":
    main()
