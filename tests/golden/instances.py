"""Good data for every schema, and many ways to spoil it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from carefile.core.deciding.classification import classify
from carefile.core.documents.recognition import PENDING, Line, RecognisedPage, Word, recognition_of
from carefile.core.filing.layout import owner_of
from carefile.core.messages import events
from carefile.core.messages.events import EventType
from carefile.core.model import Decision, DecisionType, Observation, Source, StoredObject
from lambdas.adapters import contracts
from lambdas.adapters.settings import ROOT
from tests.golden.pairs import pairs

Json = Any
Path = tuple[str | int, ...]
SCHEMAS = sorted({path.name.split(".")[0] for path in (ROOT / "schemas").glob("*.v*.json")})
# One of each type, and texts that patterns and lengths may let through by mistake.
_SPOILT = (None, True, 0, -1, 1.5, "", "x", " ", "2026-11-20", "known", [], [None], {}, {"a": 1})


def schema(name: str, version: str | None = None) -> Json:
    """The newest version of a schema, or the one that an instance of this `schema_version` is of."""
    found = contracts.versions(name)
    path = found[int(version.partition(".")[0])] if version else [*found.values()][-1]
    return json.loads(path.read_bytes())


def good(name: str) -> list[Json]:
    """Instances that the schema of this name accepts."""
    match name:
        case "classification":
            return [found.to_json() for found, _ in _classified()]
        case "manifest":
            return list(_manifests())
        case "rule_table":
            return [json.loads((ROOT / "rules" / "default.json").read_bytes())]
        case "pipeline_input":
            return list(_inputs())
        case "scan_result":
            return list(_verdicts())
        case "stage":
            return list(_stages())
        case "patient_identified":
            return list(_assignments())
        case "patient_registered":
            return list(_registered())
        case "patients_merged":
            return list(_merged())
        case "extracted_data":
            return [
                json.loads(path.read_bytes())
                | {"schema_version": "3.0", "reader": {"name": "pdf", "version": 2}}
                | reading
                for path in sorted((ROOT / "tests/readers/golden").glob("*.expected.json"))
                for reading in ({}, *({"reading": reading} for reading in _readings()))
            ]
    named = {kind.schema: kind.value for kind in EventType}[name]
    return [pair.expected["detail"] for pair in pairs("events") if pair.expected["detail_type"] == named]


def _readings() -> Iterator[Json]:
    words = (Word("MRN", (1, 2, 30, 12), 91), Word("4711", (34, 2, 70, 12), 40))
    pages = [
        RecognisedPage(1, 100, 200, 90, (Line(words), Line(words, begins_paragraph=True))),
        RecognisedPage(2, failed="too-slow"),
        RecognisedPage(3, 10, 20, place="image1.png"),
    ]
    yield PENDING.to_json()
    yield recognition_of("tesseract", "5.5.4", ("eng", "spa"), pages).to_json()


def spoilt(instance: Json) -> Iterator[Json]:
    """The instance with one thing changed, for each place and each way."""
    for path, value in _places(instance):
        if isinstance(value, dict):
            yield _with(instance, path, value | {"unheard_of": 1})
            for member in value:
                yield _with(instance, path, {name: kept for name, kept in value.items() if name != member})
        if isinstance(value, list):
            yield _with(instance, path, [])
            yield _with(instance, path, [*value, None])
        for other in _SPOILT:
            if type(other) is not type(value) or other != value:
                yield _with(instance, path, other)


def _places(instance: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    yield path, instance
    members = instance.items() if isinstance(instance, dict) else ()
    items = list(enumerate(instance))[:2] if isinstance(instance, list) else ()
    for step, value in (*members, *items):
        yield from _places(value, (*path, step))


def _with(instance: Json, path: Path, value: Json) -> Json:
    if not path:
        return value
    changed = copy.deepcopy(instance)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


def _classified() -> Iterator[tuple[Any, Source]]:
    for pair in pairs("classification")[::6]:
        source = Source("landing", pair.given["key"])
        yield classify(source.key, pair.given.get("metadata", {}).items(), contracts.rules()), source


def _manifests() -> Iterator[Json]:
    for found, source in _classified():
        owner = owner_of(found, source)
        if found.session:
            yield events.session_manifest(owner, found)
            yield events.session_manifest(owner, replace(found, decision=_BY_PHONE))
            continue
        seen = Observation(source, "v1", "v1", "0cc1", 5, "text/plain", "2026-11-20T10:00:00Z")
        kept = [
            StoredObject(f"processed/x/{role}", role, "v1", "0cc1", 5, "text/plain")
            for role in ("original", "extracted", "result")
        ]
        yield events.claim(owner)
        yield events.document_manifest(owner, seen, found, 1, kept, "execution")


def _assignments() -> Iterator[Json]:
    yield {"patient_id": "P", "session_id": "s", "from": ["Q", "R"]}
    yield {"patient_id": "P", "prefix": "processed/unknown_x/", "from": "Q"}
    asked = {"patient_id": "P", "key": "documents/x.txt", "bucket": "landing"}
    yield {"source": "carefile.intake", "detail-type": "Patient Identified", "detail": asked}

    yield {"decision": "nobody", "prefix": "processed/P_x/", "from": "P", **_DECIDED}
    yield {"decision": "take-back", "key": "documents/x.txt", **_DECIDED}


_BY_PHONE = Decision(DecisionType.ASSIGN, "Dr. Rey", "2026-11-20T10:00:00Z", "by phone")
_DECIDED = {"decided_by": "Dr. Rey", "decided_at": "2026-11-20T10:00:00Z", "reason": "by phone"}


def _registered() -> Iterator[Json]:
    yield {"patient_id": "P"}
    yield {
        "patient_id": "P",
        "names": [{"text": "Ana Rey", "family": "Rey", "given": ["Ana"]}],
        "birth_date": "1980-02-29",
        "sex": "female",
        "identifiers": [{"system": "urn:oid:1.2.3", "value": "7"}],
        "status": "inactive",
        "source": "ehr",
        "stated_at": "2026-11-20T10:00:00Z",
    }


def _merged() -> Iterator[Json]:
    yield {"from": "P", "into": "Q"}
    yield {"decision": "unmerge", "from": "P", "into": "Q", **_DECIDED}


def _stages() -> Iterator[Json]:
    yield from json.loads((ROOT / "cdk.json").read_bytes())["context"]["stages"].values()
    role, key = "arn:aws:iam::111122223333:role/clinic", "arn:aws:kms:eu-west-1:111122223333:key/k"
    yield {
        "landing_bucket": "clinic-uploads",
        "landing_bucket_key_arn": key,
        "source_buckets": {"old-records": None, "older-records": key},
        "layout_writers": [role, "arn:aws:iam::111122223333:root"],
        "alarm_email": "ops@clinic.example",
        "lane": "express-first",
        "filed_expiry_days": None,
        "organization_id": "o-a1b2c3d4e5",
        "malware_scan": False,
        "retention": [{"kind": "session", "patient_status": "unknown", "expire_days": 30}],
    }


def _verdicts() -> Iterator[Json]:
    scanned = {"bucketName": "landing", "objectKey": "x", "eTag": "0cc1", "versionId": "v1"}
    told = {"scanStatus": "SKIPPED", "s3ObjectDetails": {"bucketName": "landing", "objectKey": "x"}}
    event = {"source": "aws.guardduty", "detail-type": "GuardDuty Malware Protection Object Scan Result"}
    for detail in (
        told
        | {
            "scanStatus": "COMPLETED",
            "s3ObjectDetails": scanned,
            "scanResultDetails": {"scanResultStatus": "x"},
        },
        told | {"s3ObjectDetails": scanned | {"versionId": None}},
        told,
    ):
        yield event | {"time": "2026-11-20T10:00:05Z", "detail": detail}


def _inputs() -> Iterator[Json]:
    hints = {"kind": "document", "patient_id": "P", "document_name": "d", "session_id": "s"}
    hints |= {"decided_by": "Dr. Rey", "reason": "by phone"}
    asked = {"bucket": "landing", "key": "documents/P/x.txt", "version_id": "v1", "hints": hints}
    yield asked
    yield {"bucket": "landing", "key": "x"}
    yield {"source": "carefile.intake", "detail-type": "Object Submitted", "detail": asked}
    yield {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": "landing"},
            "object": {"key": "x", "size": 5, "etag": "0cc1", "version-id": "v1", "sequencer": "00"},
        },
    }
