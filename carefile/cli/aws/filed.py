"""Whether what is filed would stay where it is, by the rules of now: what an upgrade changed is told before it happens.

What somebody decided about stays, whatever the rules say. Of a document its manifest says what named its patient, so
what its content said then is weighed without reading it again.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entry
from carefile.cli.aws.objects import is_gone
from carefile.core.filing.layout import manifest_key, owner_of
from carefile.core.model import Classification, EvidenceSource, Source
from carefile.core.records.catalog import KEY


class Filed:
    def __init__(self, connection: Connection) -> None:
        self._layout, self._processed = connection.layout, connection.processed
        self._s3, self._dynamodb = connection.client("s3"), connection.client("dynamodb")
        self._connection = connection

    def stays(self, found: Classification, source: Source, entry: Entry) -> bool:
        """Whether an object, as the rules read its key and metadata now, stays where its entry says it is."""
        same = (found.kind, found.patient.id) == (entry.kind, entry.patient)
        if (same and entry.prefix in self._folders(found, source)) or self._is_decided(found, source):
            return True
        if found.session or entry.is_session or found.patient.id not in (None, entry.patient):
            return found.patient.id is not None and self._is_contradicted(found, entry)
        # Nothing but its content can still name the patient.
        return entry.patient is not None and any(one["used"] for one in self._content_in(entry.prefix))

    def _is_contradicted(self, found: Classification, entry: Entry) -> bool:
        """Whether a document is nobody's because its content says otherwise than its key, as it would again."""
        return found.session is None and entry.patient is None and bool(self._content_in(entry.prefix))

    def _folders(self, found: Classification, source: Source) -> set[str]:
        return {*self._layout.folders(found, source), *self._layout.earlier_folders(found, source)}

    def _content_in(self, folder: str) -> list[dict[str, Any]]:
        """What a document's content said of its patient, by its manifest."""
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
        return [one for one in evidence if one["source"] == EvidenceSource.CONTENT and one["value"]]

    def _is_decided(self, found: Classification, source: Source) -> bool:
        """Whether somebody decided about a session, or about one of its objects."""
        table = self._connection.output("LedgerTableName")
        for key in (owner_of(found, source).owner_id, source.source_id):
            answer = self._dynamodb.get_item(TableName=table, Key={KEY: {"S": key}}, ConsistentRead=True)
            if any(name == "assigned" or name.startswith("hints#") for name in answer.get("Item", {})):
                return True
        return False
