"""Repair what a reconciliation found: submit the source again, and let its intake fix everything.

Only wrong tags in the layout are written directly, since an intake does not touch objects that are filed correctly. A
since deleted or emptied upload is submitted as the event that S3 sent for it, so that the intake of that version ends.
A source whose landing object is gone cannot be submitted again and is reported as not repaired.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import landing_object
from carefile.cli.checks.reconciling import Finding
from carefile.core.model import Source

_REMEMBERED = 10_000


class Repairer:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._submitted: OrderedDict[str, str] = OrderedDict()

    def repair(self, finding: Finding) -> str | None:
        """Repair a finding and describe how; None if it cannot be repaired."""
        if finding.tags is not None:
            return self._tag(finding, finding.tags)
        if finding.source is None:
            return None
        if finding.hidden_version:
            return self._start(uploaded(finding.source, finding.hidden_version))
        if landing_object(self._connection, finding.source.key, finding.source.bucket) is None:
            return None
        return self._start({"bucket": finding.source.bucket, "key": finding.source.key})

    def _start(self, data: dict[str, Any]) -> str:
        """Start one execution per source or upload, however many of its objects were found."""
        request = json.dumps(data, ensure_ascii=False)
        known = self._submitted.get(request)
        if known:
            return known
        self._connection.quotas.start.take()
        started = self._connection.client("stepfunctions").start_execution(
            stateMachineArn=self._connection.machine,
            input=request,
        )
        done = f"submitted again as {started['executionArn'].rpartition(':')[2]}"
        self._submitted[request] = done
        if len(self._submitted) > _REMEMBERED:
            self._submitted.popitem(last=False)
        return done

    def _tag(self, finding: Finding, tags: dict[str, str]) -> str | None:
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        try:
            self._connection.client("s3").put_object_tagging(
                Bucket=finding.bucket, Key=finding.key, Tagging={"TagSet": tag_set}
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "InvalidTag"):
                return None
            raise
        return "tags written"


def uploaded(source: Source, version_id: str) -> dict[str, Any]:
    """Build the event of an upload, marked as a copy so that the intake removes tags that a copy may have carried."""
    named = {"key": source.key, "version-id": version_id}
    detail = {"bucket": {"name": source.bucket}, "object": named, "reason": "CopyObject"}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
