"""Mending what a reconciliation found: the source is taken in again, and the intake brings everything in line.

Only wrong tags in the layout are written directly, since an intake leaves alone what is filed right. A source whose
landing object is gone cannot be taken in again: that is told, never guessed.
"""

from __future__ import annotations

import json
from collections import OrderedDict

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
        return self._submit(finding.source) if finding.source else None

    def _submit(self, source: Source) -> str | None:
        """One execution a source, however many of its objects were found."""
        known = self._submitted.get(source.source_id)
        if known:
            return known
        if landing_object(self._connection, source.key, source.bucket) is None:
            return None
        self._connection.quotas.start.take()
        started = self._connection.client("stepfunctions").start_execution(
            stateMachineArn=self._connection.machine,
            input=json.dumps({"bucket": source.bucket, "key": source.key}, ensure_ascii=False),
        )
        done = f"taken in again by {started['executionArn'].rpartition(':')[2]}"
        self._submitted[source.source_id] = done
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
