"""Resolve what an operator names: an execution, a landing object, or an object or session of the layout.

An ARN names an execution, `s3://bucket/key` an object, a folder of the layout (ending in a slash) a session. Any other
word may be an execution name or a key: both are looked up, and if both exist the operator has to choose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.aws.objects import FiledObject, LandingObject, filed_object, landing_object
from carefile.cli.problem import Problem
from carefile.core.model import Source
from carefile.core.records.session_entries import Place

_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Exactly one of: an execution; a session's folder; a landing key with its current object; a filed object."""

    execution: Described | None = None
    session: Place | None = None
    source: Source | None = None
    landed: LandingObject | None = None
    filed: FiledObject | None = None


def subject(connection: Connection, executions: Executions, word: str) -> Subject:
    if word.startswith("arn:"):
        return Subject(executions.must_describe(word))
    if word.startswith("s3://"):
        bucket, _, key = word.removeprefix("s3://").partition("/")
        return _object(connection, bucket, key)
    execution = executions.describe(word) if _NAME.fullmatch(word) else None
    landed = landing_object(connection, word)
    if execution and landed:
        raise Problem(
            f"{word} is both an execution and a landing object",
            f"use s3://{connection.landing}/{word} or {execution.listed.arn}",
        )
    if execution:
        return Subject(execution)
    bucket = connection.processed if connection.layout.holds(word) else connection.landing
    return _object(connection, bucket, word)


def _object(connection: Connection, bucket: str, key: str) -> Subject:
    if bucket == connection.processed and connection.layout.holds(key):
        if key.endswith("/"):
            return Subject(session=Place(bucket, key))
        filed = filed_object(connection, key)
        if filed is None:
            raise Problem(f"there is no object s3://{bucket}/{key}", "check the key; keys are case-sensitive")
        return Subject(filed=filed)
    return Subject(source=Source(bucket, key), landed=landing_object(connection, key, bucket))
