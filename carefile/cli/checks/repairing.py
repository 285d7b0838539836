"""Mending what a reconciliation found: the source is taken in again, and the intake brings everything in line.

Only wrong tags in the layout are written directly, since an intake leaves alone what is filed right. An upload that was
deleted or emptied since is taken in by the event that S3 sent of it, or would have, so that its own version ends. A
source whose landing object is gone for good cannot be taken in again: that is told, never guessed.
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
        """What was done, in words; None where nothing can be done from here."""
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
        """One execution a source, or an upload, however many of its objects were found."""
        asked = json.dumps(data, ensure_ascii=False)
        known = self._submitted.get(asked)
        if known:
            return known
        self._connection.quotas.start.take()
        started = self._connection.client("stepfunctions").start_execution(
            stateMachineArn=self._connection.machine,
            input=asked,
        )
        done = f"taken in again by {started['executionArn'].rpartition(':')[2]}"
        self._submitted[asked] = done
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
    """The event of an upload, by a copy for all that one knows: so a mark that it brought along is taken off."""
    named = {"key": source.key, "version-id": version_id}
    detail = {"bucket": {"name": source.bucket}, "object": named, "reason": "CopyObject"}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
