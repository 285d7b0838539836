"""The ledger: one DynamoDB item per landing key, with every destination ever used for it. It only grows.

`carefile/core/records/ledger.py` says what the items hold. A conditional update for each step that must not be lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.deciding.scanning import Scan, Verdict
from carefile.core.errors import (
    AssignmentConflict,
    CarefileError,
    LedgerFull,
    RejectedAssignment,
    RejectedObject,
)
from carefile.core.filing.layout import Owner
from carefile.core.filing.tagging import PipelineStatus, up_to
from carefile.core.model import Assignment, Decision, DecisionType, Hints, Observation, Source
from carefile.core.records.ledger import (
    ASSIGNED,
    DECISION,
    FORGOTTEN_AT,
    KEY,
    RELEASED,
    REPLACED,
    LedgerEntry,
    assignment_in,
    bytes_name,
    decided_name,
    entry_in,
    hints_name,
    may_be_kept,
    meant_name,
    patient_tombstone_key,
    released_in,
    since_name,
    version_key,
)
from lambdas.adapters.items import Items, Keys, read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONTENDED = "contended"  # no status: an earlier release noted so that others write the tag
_BATCH = 100  # DynamoDB, BatchGetItem: up to 100 items


def _unless_forgotten(*conditions: str) -> str:
    """Any of these conditions, for what was decided after the patient of the item was forgotten, if that ever was."""
    later = (f"attribute_not_exists({FORGOTTEN_AT})", f"{FORGOTTEN_AT} < :at")
    return " OR ".join(f"{condition} AND {free}" for condition in conditions for free in later)


class Ledger:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def read(self, source: Source, session: Owner | None = None) -> LedgerEntry:
        """Strongly consistent. With the session that the source is part of, also what that was assigned to."""
        return self.read_with(source, session, {})[0]

    def read_with(self, source: Source, session: Owner | None, others: Keys) -> tuple[LedgerEntry, Items]:
        """The same, and in the same request items of other tables."""
        if session is None and not any(others.values()):
            return entry_in(self._get(source.source_id)), {}
        mine = [{KEY: {"S": one}} for one in (source.source_id, *([session.owner_id] if session else []))]
        found = read_items(self._dynamodb, {self._table: mine, **others})
        items = {item[KEY]["S"]: item for item in found[self._table]}
        assignment = assignment_in(items.get(session.owner_id, {})) if session else None
        return replace(entry_in(items.get(source.source_id, {})), assignment=assignment), found

    def destinations(self, sources: Sequence[Source]) -> Iterator[tuple[Source, frozenset[str]]]:
        """Every destination that each of these sources, of which something was filed, ever had."""
        for start in range(0, len(sources), _BATCH):
            batch = sources[start : start + _BATCH]
            items = self._get_all(*(source.source_id for source in batch))
            for source in batch:
                if found := entry_in(items.get(source.source_id, {})).destinations:
                    yield source, found

    def write_ahead(self, observed: Observation, destination: str, known: LedgerEntry) -> LedgerEntry | None:
        """Add a destination and take the next revision for this version, in one atomic step.

        None when somebody took a revision since `known` was read: what the caller saw of the landing key may be older
        than what that one saw. LedgerFull where a key that goes from place to place has had too many.
        """
        places = known.destinations | {destination}
        if places != known.destinations and not may_be_kept(places):
            raise LedgerFull(
                "ledger-full: the key was filed in too many places; `carefile places` shows them and makes room"
            )
        done = self._take_revision(
            observed.source,
            known,
            "ADD destinations :destination, revision :one SET version = :version, version_id = :version_id",
            {
                ":destination": {"SS": [destination]},
                ":version": {"S": observed.version},
                ":version_id": {"S": observed.version_id or ""},
            },
        )
        return None if done is None else entry_in(done)

    def stop_others(self, source: Source, known: LedgerEntry) -> bool:
        """Take a revision without writing, so that no round that read the ledger before can write ahead any more.

        False when somebody took one since `known` was read.
        """
        return self._take_revision(source, known, "ADD revision :one", {}) is not None

    def take_out(self, observed: Observation, known: LedgerEntry) -> bool:
        """The same before a version is taken out of the layout: it is recorded as the newest that was ever begun."""
        values = {":version": {"S": observed.version}, ":version_id": {"S": observed.version_id or ""}}
        update = "ADD revision :one SET version = :version, version_id = :version_id"
        return self._take_revision(observed.source, known, update, values) is not None

    def decide(
        self, source: Source, version: str, hints: Hints, at: str, content_digest: str | None = None
    ) -> None:
        """Record a decision about one version, taken at a moment (ISO 8601); with a digest, also about its bytes,
        whenever they are sent again. The latest one holds, not the last to arrive."""
        self._refuse_if_forgotten(hints.patient_id, at, RejectedObject)
        update = "SET #hints = :hints, #decided = :at"
        names = {"#hints": hints_name(version), "#decided": decided_name(version)}
        later = ("attribute_not_exists(#decided)", "#decided <= :at")
        if content_digest:
            update += ", #bytes = :hints, #since = :at"
            names |= {"#bytes": bytes_name(content_digest), "#since": since_name(content_digest)}
            of_bytes = ("attribute_not_exists(#since)", "#since <= :at")
            later = tuple(f"{one} AND {other}" for one in later for other in of_bytes)  # type: ignore[assignment]
        recorded = self._update(
            source.source_id,
            update,
            {":hints": {"S": json.dumps(hints.to_json(), sort_keys=True)}, ":at": {"S": at}},
            ConditionExpression=_unless_forgotten(*later),
            ExpressionAttributeNames=names,
        )
        if recorded is None and self._forgotten_since(source.source_id, at):
            raise RejectedObject(
                "forgotten-since: the decision is older than the order to forget this object's patient; decide anew"
            )

    def decide_current(
        self, source: Source, version: str | None, hints: Hints, at: str, decision: str
    ) -> str | None:
        """Record the decision of this id, which named no version, as one about the version that is current, and return
        which that is."""
        self._refuse_if_forgotten(hints.patient_id, at, RejectedObject)
        version = self.meant(source, version, at, decision)
        if version:
            self.decide(source, version, hints, at)
        return version

    def meant(self, source: Source, version: str | None, at: str | None, id_: str) -> str | None:
        """The version that what has this id is about, as it named none: the one that was found first, or none if none
        was. Another attempt may find a newer upload. Without a moment it is only looked up."""
        name = meant_name(id_)
        first = at and self._update(
            source.source_id,
            "SET #meant = :version",
            {":version": {"S": version or ""}, ":at": {"S": at}},
            ConditionExpression=_unless_forgotten("attribute_not_exists(#meant)"),
            ExpressionAttributeNames={"#meant": name},
        )
        return version if first else self._get(source.source_id).get(name, {"S": version or ""})["S"] or None

    def read_session(self, session: Owner) -> tuple[Assignment | None, frozenset[str]]:
        """What was decided about a session, and the patients whose it was by decisions that were taken back."""
        item = self._get(session.owner_id)
        return assignment_in(item), released_in(item)

    def assign(
        self,
        session: Owner,
        patient_id: str | None,
        replacing: frozenset[str],
        at: str,
        decision: Decision | None = None,
    ) -> None:
        """Record that a session is a patient's, decided at a moment (ISO 8601).

        Without a patient, record what `decision` says: that it is nobody's, or that it is judged by its evidence again.
        AssignmentConflict where it is assigned to another patient, unless it is taken from that one; a later decision
        stays."""
        update = "SET assigned_at = :at"
        no_later = "attribute_not_exists(assigned_at)", "assigned_at <= :at"
        conditions = [f"attribute_not_exists(assigned) AND {one}" for one in no_later]
        values: dict[str, Any] = {":at": {"S": at}}
        gone = {DecisionType.TAKE_BACK: [ASSIGNED, REPLACED], DecisionType.NOBODY: [ASSIGNED]}
        taken_back = decision is not None and decision.type is DecisionType.TAKE_BACK
        removed = gone.get(decision.type, []) if decision else [DECISION]
        if decision:
            update += ", decision = :decision"
            values[":decision"] = {"S": json.dumps(decision.to_json(), sort_keys=True)}
        if patient_id is not None:
            update += ", assigned = :patient"
            conditions.append("assigned = :patient AND assigned_at <= :at")
            values[":patient"] = {"S": patient_id}
        update += f" REMOVE {', '.join(removed)}" if removed else ""
        for number, patient in enumerate(sorted(replacing)):
            conditions.append(f"assigned = :from{number} AND assigned_at <= :at")
            values[f":from{number}"] = {"S": patient}
        if replacing:
            update += f" ADD {RELEASED if taken_back else REPLACED} :replaced"
            values[":replaced"] = {"SS": sorted(replacing)}
        condition = _unless_forgotten(*conditions)
        self._refuse_if_forgotten(patient_id, at, RejectedAssignment)
        if self._update(session.owner_id, update, values, ConditionExpression=condition) is None:
            if self._forgotten_since(session.owner_id, at):
                raise RejectedAssignment(
                    "forgotten-since: the decision is older than the order to forget the patient of this session; "
                    "decide anew"
                )
            standing, _ = self.read_session(session)
            if patient_id is not None and standing and standing.patient_id == patient_id:
                return  # a later decision says the same, with a name and a reason of its own
            raise AssignmentConflict(
                "assigned-otherwise: the session is assigned to another patient already, or was by a later decision; "
                "look at it, and name the patient it is to be taken from"
            )

    def noted_status(self, source: Source, version: str) -> PipelineStatus | None:
        """How an execution about this version ended successfully, if one did."""
        noted = self._get(version_key(source.source_id, version)).get("status")
        return PipelineStatus(noted["S"]) if noted and noted["S"] != _CONTENDED else None

    def note_status(self, source: Source, version: str, status: PipelineStatus) -> PipelineStatus:
        """Note how an execution about this version succeeded. Returns what is noted now: a status only rises."""
        lower = {f":{name}": {"S": name} for name in (_CONTENDED, *(it.value for it in up_to(status)))}
        done = self._update(
            version_key(source.source_id, version),
            f"SET #status = :{status.value}",
            lower,
            ConditionExpression=" OR ".join(
                ["attribute_not_exists(#status)", *(f"#status = {name}" for name in lower)]
            ),
            ExpressionAttributeNames={"#status": "status"},
        )
        return status if done else self.noted_status(source, version) or status

    def record_verdict(self, source: Source, version: str, scan: Scan) -> None:
        """Record what malware protection says of a version. The latest verdict holds, not the last to arrive; of two at
        one moment, one that is not clean."""
        self._update(
            version_key(source.source_id, version),
            "SET verdict = :verdict, scanned = :scanned",
            {
                ":verdict": {"S": scan.verdict.value},
                ":scanned": {"S": f"{scan.at} {'clean' if scan.verdict is Verdict.CLEAN else 'not clean'}"},
            },
            ConditionExpression="attribute_not_exists(scanned) OR scanned <= :scanned",
        )

    def verdicts(self, source: Source, versions: Sequence[str]) -> dict[str, Verdict]:
        """The verdicts of those of these versions that have one; at most a hundred are asked for."""
        keys = {version_key(source.source_id, version): version for version in versions}
        found = self._get_all(*keys)
        return {keys[key]: Verdict(item["verdict"]["S"]) for key, item in found.items() if "verdict" in item}

    def verdict(self, source: Source, version: str) -> Verdict | None:
        found = self._get(version_key(source.source_id, version)).get("verdict")
        return Verdict(found["S"]) if found else None

    def _refuse_if_forgotten(self, patient_id: str | None, at: str, error: type[CarefileError]) -> None:
        """Raise the error where a decision that names a patient is older than the order to forget that patient."""
        if patient_id and self._forgotten_since(patient_tombstone_key(patient_id), at):
            raise error(
                "forgotten-since: the decision is older than the order to forget the patient whom it names; decide anew"
            )

    def _forgotten_since(self, key: str, at: str) -> bool:
        forgotten: str = self._get(key).get(FORGOTTEN_AT, {"S": ""})["S"]
        return forgotten >= at

    def _get(self, key: str) -> dict[str, Any]:
        found = self._dynamodb.get_item(TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True)
        return dict(found.get("Item", {}))

    def _get_all(self, *keys: str) -> dict[str, dict[str, Any]]:
        found = read_items(self._dynamodb, {self._table: [{KEY: {"S": key}} for key in keys]})
        return {item[KEY]["S"]: item for item in found[self._table]}

    def _take_revision(
        self, source: Source, known: LedgerEntry, expression: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        condition = "revision = :known" if known.revision else "attribute_not_exists(revision)"
        expected = {":known": {"N": str(known.revision)}} if known.revision else {}
        return self._update(
            source.source_id,
            expression,
            values | expected | {":one": {"N": "1"}},
            ConditionExpression=condition,
        )

    def _update(
        self, key: str, expression: str, values: dict[str, Any], **more: Any
    ) -> dict[str, Any] | None:
        """Update, and return the item; None if the condition did not hold."""
        try:
            done = self._dynamodb.update_item(
                TableName=self._table,
                Key={KEY: {"S": key}},
                UpdateExpression=expression,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **more,
            )
        except ClientError as error:
            refusal = error.response.get("Error", {})
            if refusal.get("Code") == "ConditionalCheckFailedException":
                return None
            if refusal.get("Code") == "ValidationException" and "size" in refusal.get("Message", ""):
                raise LedgerFull(
                    "ledger-full: the item of the key has no room left; `carefile places` makes room"
                ) from None
            raise
        return dict(done["Attributes"])
