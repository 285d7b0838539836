"""What the functions store, made from values that stand still: the ledger's items, the catalog's, objects of S3."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

import boto3
from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.core.deciding.adoption import folder_patient
from carefile.core.deciding.scanning import Scan, Verdict
from carefile.core.documents.extraction import DocumentFacts, Extraction, Status
from carefile.core.filing import tagging
from carefile.core.filing.layout import Layout, Owner
from carefile.core.filing.tagging import PipelineStatus
from carefile.core.messages import events
from carefile.core.model import Hints, Kind, Observation, Source, Stamp
from carefile.core.records.catalog import Entry
from carefile.core.records.session_entries import Place, changes_between
from lambdas.adapters import contracts
from lambdas.adapters.catalog import Catalog
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.processed import Processed
from lambdas.intake.filing import Filing
from tests.golden.pairs import pairs

Json = dict[str, Any]
DOCUMENT, SESSION = Source("landing", "documents/Ana_7/lab.txt"), "sessions/Ana_7/session_1/"
FIRST, SECOND, NOON = "version-1", "version-2", "2026-11-20T12:00:00.000Z"
DIGEST = f"sha256:{'0a1b2c3d' * 8}"
LAYOUT = Layout()


def observed(source: Source, version: str | None = FIRST, **members: Any) -> Observation:
    etag, modified = "5d41402abc4b2a76b9719d911017c592", "2026-11-20T10:00:00Z"
    name = version or f"{etag}@{modified}"
    return Observation(source, name, version, etag, 5, "text/plain", modified, **members)


def ledger_items() -> dict[str, Json]:
    """Every form of item that the ledger holds, each written as the functions and the command write it."""
    dynamodb = tables()
    ledger = Ledger(dynamodb, "ledger")
    known = ledger.write_ahead(observed(DOCUMENT), "processed/Ana_7_lab/", ledger.read(DOCUMENT))
    assert known
    ledger.write_ahead(observed(DOCUMENT, SECOND), "processed/Ben_8_lab/", known)
    hints = Hints(Kind.DOCUMENT, "Ben_8", "lab", "session_1")
    ledger.decide(DOCUMENT, SECOND, hints, NOON, DIGEST)
    unversioned, empty, moved = (Source("landing", name) for name in ("unversioned", "empty", "moved"))
    ledger.write_ahead(
        observed(unversioned, None), "processed/unknown_unversioned/", ledger.read(unversioned)
    )
    ledger.stop_others(empty, ledger.read(empty))
    ledger.assign(Owner("landing", SESSION, tree=True), "Ben_8", frozenset({"Ana_7"}), NOON)
    ledger.note_status(DOCUMENT, FIRST, PipelineStatus.CATALOGED)
    ledger.note_status(DOCUMENT, SECOND, PipelineStatus.SUPERSEDED)
    ledger.record_verdict(unversioned, FIRST, Scan(Verdict.CLEAN, "etag", "2026-11-20T12:00:05Z"))
    ledger.record_verdict(unversioned, SECOND, Scan(Verdict.THREAT, "etag", "2026-11-20T12:00:05Z"))
    _trim(ledger, moved)
    return {item["source_id"]["S"]: plain(item) for item in dynamodb.scan(TableName="ledger")["Items"]}


def _trim(ledger: Ledger, source: Source) -> None:
    known = ledger.write_ahead(observed(source), "processed/unknown_moved/", ledger.read(source))
    assert known
    ledger.write_ahead(observed(source), "processed/Ana_7_moved/", known)
    session = boto3.session.Session(region_name="us-east-1")
    places = LedgerPlaces(Connection(session, "Carefile", defaultdict(str, LedgerTableName="ledger")))
    assert places.note(source, places.known(source))
    assert places.trim(source, places.known(source), frozenset({"processed/unknown_moved/"}))


def entries() -> dict[str, Entry]:
    """The entry that each golden event becomes in the catalog."""
    return {
        pair.name: Entry.of_event(pair.expected["detail"])
        for pair in pairs("events")
        if pair.expected["detail_type"] == "Object Cataloged"
    }


def catalog_items() -> dict[str, Json]:
    dynamodb = tables()
    found: dict[str, Json] = {}
    for name, entry in entries().items():
        Catalog(dynamodb, "catalog").put(entry)
        found[name] = plain(_only(dynamodb, "catalog"))
        dynamodb.delete_item(TableName="catalog", Key={"source_id": {"S": entry.source_id}})
    return found


def session_items() -> dict[str, Json]:
    """Entries of sessions: of a patient's, of nobody's with a conflict, and of one that all its objects have left."""
    return {name: plain(_session(name, reason)) for name, reason in SESSIONS.items()}


SESSIONS = {"known": None, "conflict": "conflict", "left": "left"}


def _session(name: str, reason: str | None) -> Json:
    dynamodb = tables()
    place = Place("processed-bucket", f"processed/Ana_7_medical_notes/session_{name}/")
    for number, sub_path in enumerate(
        ("session.json", "agents/agent_guide/agent.json", "agents/agent_guide/messages/message_0.json",
         "session/9/scopes/agent/scribe/snapshots/snapshot_latest.json")
    ):  # fmt: skip
        entry = dataclasses.replace(
            next(iter(entries().values())),
            source_id=f"{number:032x}",
            kind="session",
            patient=None if reason == "conflict" else "Ana_7",
            reason="conflict" if reason == "conflict" and number == 1 else None,
            revision=number + 1,
            size=10 * number,
            modified=f"2026-11-20T10:0{number}:00Z",
            cataloged_at=f"2026-11-20T10:0{number}:01.250Z",
            bucket=place.bucket,
            prefix=place.prefix,
            key=place.prefix + sub_path,
        )
        Catalog(dynamodb, "catalog").change_session(place, list(changes_between(None, entry)))
        if reason == "left":
            gone = dataclasses.replace(entry, kind="document", revision=entry.revision + 1)
            Catalog(dynamodb, "catalog").change_session(place, list(changes_between(entry, gone)))
    return _only(dynamodb, "catalog")


class PutObjects:
    """S3 as far as filing asks for it. Whatever is written is kept, as it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Json] = []
        self._bodies: dict[str, bytes] = {}

    def put_object(self, **asked: Any) -> Json:
        self._bodies[asked["Key"]] = asked["Body"]
        return self._keep(asked)

    def copy_object(self, **asked: Any) -> Json:
        return {"CopyObjectResult": self._keep(asked)} | {"VersionId": f"stored-{len(self.asked)}"}

    def get_object(self, **asked: Any) -> Json:
        if asked["Key"] not in self._bodies:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self._bodies[asked["Key"]])}

    def get_object_tagging(self, **_: Any) -> Json:
        return {"TagSet": [{"Key": "ward", "Value": "7"}, {"Key": "pipeline-status", "Value": "failed"}]}

    def list_objects_v2(self, **_: Any) -> Json:
        return {}

    def _keep(self, asked: Json) -> Json:
        kept = asked | {"Tagging": dict(parse_qsl(asked["Tagging"], strict_parsing=True))}
        if kept.get("ContentType") == "application/json" and "Body" in kept:
            kept["Body"] = json.loads(kept["Body"])
        elif "Body" in kept:
            kept["Body"] = kept["Body"].decode()
        self.asked.append(kept)
        return {"ETag": '"etag"', "VersionId": f"stored-{len(self.asked)}"}


class Nothing(Extraction):
    """What was read out of a document. How a record is written is a matter of the readers' golden files."""

    def to_bytes(self) -> bytes:
        return b"{}"


class OnePage:
    """A document that says nothing, read and shown."""

    def read(self, observed: Observation) -> Extraction:
        return Nothing(DocumentFacts("lab.txt", 5, 5, "text", "text/plain"), Status.READ)

    def page(self, *_: object) -> bytes:
        return b"<p>a page</p>"


def put_objects() -> dict[str, list[Json]]:
    """What is put into S3 for one object of each kind."""
    long = SESSION + "x/" * 485 + "y" * 20 + ".json"
    sources = {
        "document": observed(DOCUMENT, metadata=(("ward", "7"),), headers=(("CacheControl", "no-cache"),)),
        "page": dataclasses.replace(observed(Source("landing", "x.html")), content_type="text/html"),
        "session": observed(Source("landing", f"{SESSION}session.json")),
        "session of nobody": observed(Source("landing", "sessions/session_2/session.json"), None),
        "long key": observed(Source("landing", long)),
    }
    return {name: list(_filed(one)) for name, one in sources.items()} | {"adopted": list(_adopted())}


def _filing(s3: PutObjects) -> Filing:
    landing, processed = Landing(s3), Processed(s3, "processed-bucket")  # type: ignore[arg-type]
    return Filing(landing, processed, LAYOUT, contracts.rules(), lambda: b"k" * 32, OnePage())


def _filed(one: Observation) -> Iterator[Json]:
    s3 = PutObjects()
    filing, entry = _filing(s3), Ledger(tables(), "ledger").read(one.source)
    plan = filing.plan(one, entry)
    assert plan
    folder = filing.claim(plan, entry)
    stamp = Stamp(one.source.source_id, one.version, 3, "e1")
    filing.write(plan, folder, stamp, "arn:aws:states:us-east-1:123456789012:execution:object-pipeline:e1")
    yield from s3.asked


def _adopted() -> Iterator[Json]:
    s3 = PutObjects()
    for key in ("processed/Ana_7_medical_notes/session_1/session.json", "processed/Ana_7_lab/by_hand.pdf"):
        standing = LAYOUT.standing(key)
        assert standing
        kind = Kind.SESSION if standing.session_id else Kind.DOCUMENT
        owner = Owner("processed-bucket", standing.folder, tree=True)
        patient = folder_patient(standing, contracts.rules())
        manifest = events.adopted_manifest(owner, kind, patient, standing.session_id)
        tags = tagging.manifest_tags(tagging.layout_tags(kind, patient, b"k" * 32))
        _filing(s3).processed.adopt(standing.folder, owner, manifest, tags)
    yield from s3.asked
    yield {"Tagging": {tagging.ADOPTED_TAG: tagging.adoption_mark(FIRST, 3)}}


def plain(item: Any) -> Any:
    """An item as JSON can hold it: bytes in base64, sets in their order."""
    if isinstance(item, bytes):
        return {"base64": base64.b64encode(item).decode()}
    if isinstance(item, Mapping):
        found = {name: plain(value) for name, value in item.items()}
        return {name: sorted(value) if name == "SS" else value for name, value in found.items()}
    return [plain(value) for value in item] if isinstance(item, list) else item


def item_of(stored: Any) -> Any:
    """The inverse of `plain`."""
    if isinstance(stored, dict):
        if "base64" in stored:
            return base64.b64decode(stored["base64"])
        return {name: item_of(value) for name, value in stored.items()}
    return [item_of(value) for value in stored] if isinstance(stored, list) else stored


def inflated(stored: Json) -> Json:
    """A session's item with what is packed in it laid open: how well it is packed is zlib's own matter."""
    if "seen" not in stored:
        return stored
    data = item_of(stored["seen"]["B"])
    end = 4 + 16 * int.from_bytes(data[:4], "big")
    return stored | {"seen": [data[:end].hex(), json.loads(zlib.decompress(data[end:]))]}


def as_json(value: Any) -> Any:
    """A value of ours as JSON, member by member."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {one.name: as_json(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(as_json, value))
    return [as_json(one) for one in value] if isinstance(value, tuple) else value


def tables() -> Any:
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    for table in ("ledger", "catalog"):
        if table in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=table)
        dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "source_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return dynamodb


def _only(dynamodb: Any, table: str) -> Json:
    (item,) = dynamodb.scan(TableName=table)["Items"]
    return dict(item)
