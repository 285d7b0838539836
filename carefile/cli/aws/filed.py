"""Predict whether a filed object would stay in its place under the current rules, e.g. after an upgrade.

What an operator has decided about stays, whatever the rules say. A document's manifest records what its content said
about the patient, so the content counts without being read again.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entry
from carefile.cli.aws.objects import is_gone
from carefile.core.filing.layout import manifest_key, owner_of
from carefile.core.model import Classification, EvidenceSource, Source, UnknownReason
from carefile.core.records.catalog import KEY
from carefile.core.records.ledger import assignment_in

_OF_CONTENT = frozenset((EvidenceSource.CONTENT, EvidenceSource.TEXT, EvidenceSource.PICTURE))


class Filed:
    def __init__(self, connection: Connection) -> None:
        self._layout, self._processed = connection.layout, connection.processed
        self._s3, self._dynamodb = connection.client("s3"), connection.client("dynamodb")
        self._connection = connection

    def stays(self, found: Classification, source: Source, entry: Entry) -> bool:
        """Return whether an object stays at its entry's place, by its key and metadata under the current rules."""
        same = (found.kind, found.patient.id) == (entry.kind, entry.patient)
        if (same and entry.prefix in self._folders(found, source)) or self._is_decided(found, source):
            return True
        if found.session or entry.is_session or found.patient.id not in (None, entry.patient):
            return found.patient.id is not None and self._is_contradicted(found, entry)
        # Only its content can still name the patient.
        return entry.patient is not None and any(one["used"] for one in self._content_in(entry.prefix))

    def _is_contradicted(self, found: Classification, entry: Entry) -> bool:
        """Return whether a document is filed as unknown because its content contradicts its key."""
        if found.session is not None or entry.patient is not None:
            return False
        sources = {one["source"] for one in self._content_in(entry.prefix)}
        return EvidenceSource.CONTENT in sources or (bool(sources) and entry.reason == UnknownReason.CONFLICT)

    def _folders(self, found: Classification, source: Source) -> set[str]:
        return {*self._layout.folders(found, source), *self._layout.earlier_folders(found, source)}

    def _content_in(self, folder: str) -> list[dict[str, Any]]:
        """Return the evidence from a document's content, as its manifest records it."""
        try:
            body = self._s3.get_object(Bucket=self._processed, Key=manifest_key(folder))["Body"].read()
            manifest: Any = json.loads(body)
        except ClientError as error:
            if is_gone(error):
                return []
            raise
        except ValueError:
            return []
        evidence = manifest.get("classification", {}).get("evidence", ())
        return [one for one in evidence if one["source"] in _OF_CONTENT and one["value"]]

    def _is_decided(self, found: Classification, source: Source) -> bool:
        """Return whether an operator has decided about the object or its session."""
        table = self._connection.output("LedgerTableName")
        for key in (owner_of(found, source).owner_id, source.source_id):
            answer = self._dynamodb.get_item(TableName=table, Key={KEY: {"S": key}}, ConsistentRead=True)
            item = answer.get("Item", {})
            session = assignment_in(item)
            if session and (session.patient_id is not None or session.is_nobodys):
                return True
            if any(name.startswith("hints#") for name in item):
                return True
        return False
