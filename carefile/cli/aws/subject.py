"""Resolve what an operator names: an execution, a landing object, or an object or session of the layout.

An ARN names an execution, `s3://bucket/key` an object; a folder of the layout, with or without its last slash, names
the session or the document in it. Any other word may be an execution name, a key, or the id of a session of nobody:
all are looked up, and if an execution and a key exist the operator has to choose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.aws.objects import FiledObject, LandingObject, filed_object, landing_object
from carefile.cli.problem import NotThere, Problem
from carefile.core.filing.layout import original_key
from carefile.core.model import Patient, Source
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
        execution = executions.describe(word)
        if execution is None:
            raise NotThere(f"there is no execution {word}", "list executions with `carefile runs`")
        return Subject(execution)
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
    if connection.layout.holds(word):
        return _object(connection, connection.processed, word)
    session = None if landed or "/" in word else _session_of_nobody(connection, word)
    return (
        Subject(session=session)
        if session
        else Subject(source=Source(connection.landing, word), landed=landed)
    )


def no_object(bucket: str, key: str) -> NotThere:
    if "/" in key:
        return NotThere(f"there is no object s3://{bucket}/{key}", "check the key; keys are case-sensitive")
    return NotThere(
        f"no execution, no upload and no session without a patient is called {key}",
        "check the name, also in case; `carefile catalog --patient ID` lists a patient's sessions with their folders",
    )


def _session_of_nobody(connection: Connection, session_id: str) -> Place | None:
    """The place of a session without a patient, if the catalog has one of this id."""
    place = Place(connection.processed, f"{connection.layout.session_stem(Patient(), session_id)}/")
    return place if Entries(connection).session(place) else None


def _object(connection: Connection, bucket: str, key: str) -> Subject:
    if bucket == connection.processed and connection.layout.holds(key):
        filed = None if key.endswith("/") else filed_object(connection, key)
        if filed is None:
            folder = key.rstrip("/") + "/"
            filed = _original_in(connection, folder)
            if filed is None and (key == folder or Entries(connection).session(Place(bucket, folder))):
                return Subject(session=Place(bucket, folder))
        if filed is None:
            raise no_object(bucket, key)
        return Subject(filed=filed)
    return Subject(source=Source(bucket, key), landed=landing_object(connection, key, bucket))


def _original_in(connection: Connection, folder: str) -> FiledObject | None:
    """The original of the document that is filed in a folder."""
    page = connection.client("s3").list_objects_v2(
        Bucket=connection.processed, Prefix=original_key(folder, ""), MaxKeys=1
    )
    return next((filed_object(connection, item["Key"]) for item in page.get("Contents", ())), None)
