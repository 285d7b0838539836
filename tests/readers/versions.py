"""Which reader reads each golden document, at which version, and a digest of what it makes of it: `versions.json`.

After a reader was made better, raise its version in `carefile/core/documents/readers.py`, then write the file anew with
`python -m tests.readers.versions`, which refuses what was changed without that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from carefile.core.documents.readers import NOBODY, RECOGNITION, VERSIONS
from lambdas.readers.registry import READERS
from tests.readers.golden_files import documents, read_file, record_of

FILE = Path(__file__).with_name("versions.json")
Json = dict[str, Any]


def seen(versions: Mapping[str, int] = VERSIONS) -> Json:
    """What the readers make of the golden documents now."""
    made: Json = {}
    for document in documents():
        extraction = read_file(document)
        output = json.dumps(record_of(extraction), sort_keys=True).encode()
        made[document.name] = {
            "reader": extraction.reader,
            "version": versions[extraction.reader],
            "output": hashlib.sha256(output).hexdigest()[:16],
        }
    formats = [reader.format for reader in READERS]
    return {"formats": {"readers": formats, "version": versions[NOBODY]}, "documents": made}


def not_raised(recorded: Json, now: Json, versions: Mapping[str, int] = VERSIONS) -> Iterator[str]:
    """The changes to what is read for which no version was raised."""
    before, current = recorded["formats"], now["formats"]
    if before["readers"] != current["readers"] and versions[NOBODY] <= before["version"]:
        yield f"the list of readers has changed: raise the version of {NOBODY!r}"
    for name, was in recorded["documents"].items():
        found = now["documents"].get(name, was)
        changed = (found["reader"], found["output"]) != (was["reader"], was["output"])
        if changed and versions.get(was["reader"], 0) <= was["version"]:
            yield f"{name} is read in another way: raise the version of {was['reader']!r}"


if __name__ == "__main__":
    kept = json.loads(FILE.read_bytes()) if FILE.exists() else None
    # What pages that are pictures go through has a test of its own: tests/scans/test_preparing.py.
    current = seen() | ({RECOGNITION: kept[RECOGNITION]} if kept else {})
    if kept and (missing := list(not_raised(kept, current))):
        raise SystemExit("\n".join(missing))
    FILE.write_text(json.dumps(current, indent=1) + "\n", encoding="utf-8")
