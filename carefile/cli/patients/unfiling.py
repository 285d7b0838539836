"""Take a document or a session out of the layout, or file it again: record the decision, let the intake do the work.

The decision is about the bytes of each object, by their digest, and is recorded in the ledger before an intake of its
landing key starts. That intake retires every place of the source with delete markers and announces `Object Retired`;
every other intake of the same bytes follows the decision as well (docs/convergence.md).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.executions import reason_in
from carefile.cli.aws.listing import place_in
from carefile.cli.aws.objects import filed_object, is_gone
from carefile.cli.patients.deciding import principal_of
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.core.deciding.agent_sessions import prefixes_of
from carefile.core.deciding.classification import session_tree
from carefile.core.filing.layout import MANIFEST
from carefile.core.messages.head import content_digest, proves
from carefile.core.model import PROOF, Decision, DecisionType, Source
from carefile.core.records.ledger import KEY, LedgerEntry, entry_in, unfiled_name, unfiling
from carefile.core.records.session_entries import Place

_CHUNK = 1024 * 1024
_RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Decided:
    """A source, the attributes of its ledger item that the decision goes into, and where it is filed, if it is."""

    source: Source
    names: tuple[str, ...]
    place: str | None = None
    patient: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "bucket": self.source.bucket,
            "key": self.source.key,
            "place": self.place,
            "patient": self.patient,
        }


class Unfiler:
    def __init__(self, connection: Connection) -> None:
        self._connection, self._entries = connection, Entries(connection)
        self._s3, self._dynamodb = connection.client("s3"), connection.client("dynamodb")
        self._functions, self._ledger = (
            connection.client("stepfunctions"),
            connection.output("LedgerTableName"),
        )

    def filed(self, text: str) -> list[Decided]:
        """Return what is filed of a landing key, or at a folder or key of the layout; of a session all its objects."""
        entry = self._entry(text)
        if entry is None:
            raise Problem(
                f"nothing of {text} is filed",
                "check the key with `carefile show KEY`; to file again what was taken out, use --undo",
            )
        if entry.landing_bucket == self._connection.processed:
            raise Problem(
                f"{text} was adopted where it stands, so no intake can take it out",
                "delete it by hand, or bring it into the landing bucket (`carefile adopt --into-landing`)",
            )
        whole = self._entries.in_session(Place(entry.bucket, entry.prefix)) if entry.is_session else []
        return [self._decided(one) for one in whole or [entry]]

    def taken_out(self, text: str) -> list[Decided]:
        """Return what was taken out of a landing key; of a session's, of every key of the session."""
        source = self._source(text)
        found = [
            Decided(one, names)
            for one in self._of_the_same(source)
            if (names := tuple(self._unfiled_names(one)))
        ]
        if not found:
            raise Problem(
                f"nothing of {text} was taken out of the layout", "name it by its landing key; keys are exact"
            )
        return found

    def alike(self, decided: Decided) -> list[Entry]:
        """Return the entries of other documents with the same bytes."""
        entry = self._entries.get(decided.source.source_id)
        return self._entries.same_bytes(entry) if entry else []

    def record(self, decided: Decided, decision: Decision) -> None:
        """Write the decision into the ledger; a Problem if a later one is there."""
        for name in decided.names:
            try:
                self._dynamodb.update_item(
                    TableName=self._ledger,
                    Key={KEY: {"S": decided.source.source_id}},
                    **unfiling(name, decision),
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                    raise
                raise Problem(
                    f"a later decision about {decided.source.key} is there, or its patient was forgotten since",
                    "look at it with `carefile show KEY`, then decide anew",
                ) from None

    def note(self, decided: Decided, decision: Decision) -> None:
        """Have the decision added to the record of decisions, which only the function may write."""
        if not self._connection.records_decisions:
            return
        taken = {
            "bucket": decided.source.bucket,
            "key": decided.source.key,
            "decision": decision.to_json(),
            "patient": decided.patient,
            "principal": principal_of(self._connection),
        }
        done = self._connection.client("lambda").invoke(
            FunctionName=self._connection.function("AssignPatient"),
            Payload=json.dumps({"unfiled": taken}).encode(),
        )
        if done.get("FunctionError"):
            raise Problem(
                f"the decision about {decided.source.key} is in the ledger, but could not be added to the record",
                "run the same command again",
            )

    def start(self, decided: Decided) -> str:
        """Start an intake of the landing key; return its ARN."""
        self._connection.quotas.start.take()
        data = {"bucket": decided.source.bucket, "key": decided.source.key}
        arn: str = self._functions.start_execution(
            stateMachineArn=self._connection.machine, input=json.dumps(data, ensure_ascii=False)
        )["executionArn"]
        return arn

    def follow(self, arn: str, patience: timedelta) -> dict[str, Any]:
        """Wait for the intake's end and return how it ended; after the timeout, its state so far."""
        deadline, pause = time.monotonic() + patience.total_seconds(), 0.2
        while True:
            self._connection.quotas.describe.take()
            found = self._functions.describe_execution(executionArn=arn)
            if found["status"] != _RUNNING or time.monotonic() > deadline:
                output = json.loads(found.get("output") or "{}")
                return {
                    "execution": arn,
                    "status": found["status"],
                    "disposition": output.get("disposition"),
                    "reason": reason_in(found.get("cause")),
                }
            time.sleep(pause)
            pause = min(pause * 1.5, 5.0 if self._connection.endpoint is None else 1.0)

    # What is meant

    def _entry(self, text: str) -> Entry | None:
        source = self._source(text)
        if source.bucket != self._connection.processed or not self._connection.layout.holds(source.key):
            return self._entries.get(source.source_id)
        if not source.key.endswith("/"):
            filed = filed_object(self._connection, source.key)
            return self._entries.get(filed.source_id) if filed and filed.source_id else None
        in_session = self._entries.in_session(Place(source.bucket, source.key))
        if in_session:
            return in_session[0]
        manifest = filed_object(self._connection, source.key + MANIFEST)
        return self._entries.get(manifest.source_id) if manifest and manifest.source_id else None

    def _source(self, text: str) -> Source:
        if text.startswith("s3://"):
            place = place_in(text)
            return Source(place.bucket, place.prefix)
        in_layout = self._connection.layout.holds(text)
        return Source(self._connection.processed if in_layout else self._connection.landing, text)

    def _of_the_same(self, source: Source) -> Iterator[Source]:
        """Yield the sources of the session that a landing key is part of, or that key alone."""
        rules = rules_of(self._connection)
        tree = session_tree(source.key, rules)
        if tree is None:
            yield source
            return
        for prefix in prefixes_of(tree):
            pages = self._s3.get_paginator("list_object_versions").paginate(
                Bucket=source.bucket, Prefix=prefix
            )
            keys = {
                item["Key"]
                for page in pages
                for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            }
            yield from (
                Source(source.bucket, key) for key in sorted(keys) if session_tree(key, rules) == tree
            )

    def _unfiled_names(self, source: Source) -> Iterator[str]:
        for name, decision in self._known(source).taken_out.items():
            if decision.type is DecisionType.UNFILE:
                yield name

    def _known(self, source: Source) -> LedgerEntry:
        found = self._dynamodb.get_item(
            TableName=self._ledger, Key={KEY: {"S": source.source_id}}, ConsistentRead=True
        )
        return entry_in(found.get("Item", {}))

    def _decided(self, entry: Entry) -> Decided:
        digest = entry.content_digest or self._digest(entry)
        source = Source(entry.landing_bucket, entry.landing_key)
        return Decided(source, (unfiled_name(digest),), entry.prefix, entry.patient)

    def _digest(self, entry: Entry) -> str:
        """Return the digest of the filed bytes: as S3 has it, or computed."""
        try:
            named = {"Bucket": entry.bucket, "Key": entry.key}
            digest = content_digest(self._s3.head_object(**named, ChecksumMode="ENABLED"))
            if digest and proves(digest):
                return digest
            body, found = self._s3.get_object(**named)["Body"], hashlib.sha256()
        except ClientError as error:
            if is_gone(error):
                raise Problem(
                    f"s3://{entry.bucket}/{entry.key} is gone", "run `carefile reconcile`"
                ) from None
            raise
        for chunk in body.iter_chunks(_CHUNK):
            found.update(chunk)
        return PROOF + found.hexdigest()
