"""List and describe the pipeline's executions.

Step Functions lists executions by their latest change (running ones by start or redrive, others by end), without input
and error: those take one call per execution, made only when they are needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.problem import Problem
from carefile.core.messages.intake_request import IntakeRequest, parse

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Listed:
    """An execution as ListExecutions returns it."""

    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    redrives: int
    changed: datetime

    @property
    def took(self) -> timedelta | None:
        return self.stopped - self.started if self.stopped else None


@dataclass(frozen=True, slots=True)
class Described:
    """An execution with its details; `request` is its parsed input, None if that is malformed."""

    listed: Listed
    input: str
    output: Mapping[str, Any]
    request: IntakeRequest | None
    error: str | None
    cause: str | None
    redrive_status: str | None
    redrive_reason: str | None

    @property
    def reason(self) -> str | None:
        """The human-readable part of the cause: Carefile's message, or the service's."""
        return reason_in(self.cause)


def reason_in(cause: str | None) -> str | None:
    if not cause:
        return None
    try:
        data = json.loads(cause)
    except ValueError:
        return cause
    return str(data.get("errorMessage") or cause) if isinstance(data, dict) else cause


class Executions:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client("stepfunctions")
        self._quotas = connection.quotas

    def changed_since(self, since: datetime | None = None, status: str | None = None) -> Iterator[Listed]:
        """List executions (with one status), latest change first, page by page, back to `since`."""
        arguments: dict[str, Any] = {"stateMachineArn": self._connection.machine, "maxResults": 1000}
        if status:
            arguments["statusFilter"] = status
        while True:
            self._quotas.list.take()
            page = self._client.list_executions(**arguments)
            for item in page["executions"]:
                listed = _listed(item)
                if since and listed.changed < since:
                    return
                yield listed
            if not page.get("nextToken"):
                return
            arguments["nextToken"] = page["nextToken"]

    def ended_badly(self, since: datetime | None = None) -> Iterator[Listed]:
        for status in ENDED_BADLY:
            yield from self.changed_since(since, status)

    def describe(self, name: str) -> Described | None:
        """Describe an execution by name or ARN; None if there is none."""
        self._quotas.describe.take()
        try:
            found = self._client.describe_execution(executionArn=self._connection.execution_arn(name))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("ExecutionDoesNotExist", "InvalidArn"):
                return None
            raise
        return _described(found)

    def described(self, listed: Iterable[Listed]) -> Iterator[Described]:
        """Describe executions in order, a few at a time and lazily."""
        source = iter(listed)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(source, _THREADS * 4)):
                found = pool.map(self.describe, [item.arn for item in batch])
                yield from (item for item in found if item)

    def about(self, bucket: str, key: str, since: datetime, status: str | None = None) -> Iterator[Described]:
        """Find the executions whose input names this key, latest first."""
        for item in self.described(self.changed_since(since, status)):
            if item.request and (item.request.source.bucket, item.request.source.key) == (bucket, key):
                yield item

    def history(self, arn: str, *, latest_first: bool = False) -> Iterator[dict[str, Any]]:
        """Yield an execution's history events, page by page."""
        arguments: dict[str, Any] = {"executionArn": arn, "maxResults": 25 if latest_first else 1000}
        while True:
            self._quotas.history.take()
            page = self._client.get_execution_history(**arguments, reverseOrder=latest_first)
            yield from page["events"]
            if not page.get("nextToken"):
                return
            arguments["nextToken"] = page["nextToken"]

    def failed_state(self, arn: str) -> str | None:
        """Return the state in which an execution ended."""
        for event in self.history(arn, latest_first=True):
            if event["type"].endswith("StateEntered"):
                return str(event["stateEnteredEventDetails"]["name"])
        return None

    def must_describe(self, name: str) -> Described:
        found = self.describe(name)
        if found is None:
            raise Problem(
                f"there is no execution {name}",
                "list executions with `carefile runs`; they are kept for 90 days",
            )
        return found


def request_in(text: str) -> IntakeRequest | None:
    """Parse an execution's input; None if it is malformed."""
    try:
        request = parse(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    source = request.source
    return request if isinstance(source.bucket, str) and isinstance(source.key, str) else None


def _listed(item: Mapping[str, Any]) -> Listed:
    started, stopped = item["startDate"], item.get("stopDate")
    return Listed(
        item["executionArn"],
        item["name"],
        item["status"],
        started,
        stopped,
        int(item.get("redriveCount") or 0),
        stopped or item.get("redriveDate") or started,
    )


def _described(found: Mapping[str, Any]) -> Described:
    try:
        output = json.loads(found.get("output") or "{}")
    except ValueError:
        output = {}
    succeeded = found["status"] == "SUCCEEDED" and isinstance(output, dict)
    return Described(
        _listed(found),
        found.get("input") or "",
        output if succeeded else {},
        request_in(found.get("input") or ""),
        found.get("error"),
        found.get("cause"),
        found.get("redriveStatus"),
        found.get("redriveStatusReason"),
    )
