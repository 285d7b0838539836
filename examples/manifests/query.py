"""Ask questions of the layout itself, by SQL over its manifests; `athena.sql` asks the same of Athena.

    pip install boto3 duckdb
    python examples/manifests/query.py PROCESSED_BUCKET
    python examples/manifests/query.py PROCESSED_BUCKET "SELECT * FROM documents WHERE reason = 'conflict'"

S3 alone is asked, not the catalog: each folder of a document has a `_manifest.json` that says whose it is and why. The
view `documents` has one row per filed document, `sessions` one per session folder. A session's objects have no manifest
of their own. Reading costs one GET per folder; for millions of them use Athena over an S3 inventory of the layout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import duckdb

_THREADS = 16
_VIEWS = """
CREATE VIEW documents AS
SELECT key, body->>'$.source.key' AS landing_key, body->>'$.classification.patient.id' AS patient,
       body->>'$.classification.patient.reason' AS reason, body->>'$.classification.rule' AS rule,
       CAST(body->>'$.source.size' AS BIGINT) AS size, CAST(body->>'$.revision' AS INTEGER) AS revision
FROM manifests WHERE body->>'$.state' = 'filed';
CREATE VIEW sessions AS
SELECT key, body->>'$.session_id' AS session, body->>'$.patient.id' AS patient, body->>'$.patient.reason' AS reason
FROM manifests WHERE body->>'$.state' = 'session';
"""
ASKED = (
    "SELECT coalesce(patient, 'unknown') AS patient, reason, count(*) AS documents, sum(size) AS bytes "
    + ("FROM documents GROUP BY ALL ORDER BY documents DESC, patient")
)


def manifests(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield each manifest's key and body."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = (item["Key"] for page in pages for item in page.get("Contents", ()))
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(
            lambda key: (key, s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()),
            (key for key in keys if key.endswith("/_manifest.json")),
        )


def answer(rows: Iterator[tuple[str, str]], question: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a query over manifests and return the names of its columns and its rows."""
    with duckdb.connect() as database:
        database.execute("CREATE TABLE manifests (key VARCHAR, body JSON)")
        if held := list(rows):
            database.executemany("INSERT INTO manifests VALUES (?, ?)", held)
        database.execute(_VIEWS)
        # What is asked can read no file and no network.
        database.execute("SET enable_external_access = false")
        found = database.execute(question)
        return [column[0] for column in found.description or ()], found.fetchall()


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    question = sys.argv[2] if len(sys.argv) == 3 else ASKED
    names, rows = answer(manifests(boto3.client("s3"), sys.argv[1], "processed/"), question)
    for row in rows:
        print(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
