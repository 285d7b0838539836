"""The golden pairs: `golden/x.ext` is read, `golden/x.expected.json` is what must come of it.

After a change that is meant to change them, write them anew with `python -m tests.readers.golden_files`, and read
the difference before it is committed.
"""

from __future__ import annotations

from pathlib import Path

from carefile.core.documents.extraction import Extraction
from lambdas.readers import Content, read

GOLDEN = Path(__file__).parent / "golden"


def documents() -> list[Path]:
    return sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".expected.json"))


def expected_of(document: Path) -> Path:
    return document.with_name(f"{document.stem}.expected.json")


def read_file(path: Path) -> Extraction:
    data = path.read_bytes()
    return read(Content(data, len(data)), name=path.name, declared_type=None)


if __name__ == "__main__":
    for document in documents():
        expected_of(document).write_bytes(read_file(document).to_bytes())
