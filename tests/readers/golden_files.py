"""The golden pairs: `golden/x.ext` is read, `golden/x.expected.json` is what must come of it.

After a change that is meant to change them, write them anew with `python -m tests.readers.golden_files`, and read
the difference before it is committed. Who reads a file, and how its reader's version is raised, is for `versions.py`.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

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


def record_of(extraction: Extraction) -> dict[str, Any]:
    """What was read, without who read it: so a version that is raised changes no golden file."""
    record = extraction.to_json() | {"schema_version": "1.0"}
    del record["reader"]
    return record


first_reading = functools.cache(read_file)  # the same for every test that does not ask for another


if __name__ == "__main__":
    for document in documents():
        record = record_of(read_file(document))
        written = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        expected_of(document).write_text(written, encoding="utf-8")
