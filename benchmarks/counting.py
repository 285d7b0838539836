"""Counts the AWS operations of one object: real handlers, run along the real definition, on an in-process AWS.

Hooks on the functions' clients count calls, item sizes on the wire give capacity units, and the log stream gives log
bytes. Processor time is the handlers' own, including botocore's signing and parsing but not the simulated services.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from benchmarks.assumptions import MEMORY_MB
from benchmarks.bill import Lane
from benchmarks.operations import Operations, Work
from carefile.core.patients.entries import PersonName, Statement
from infrastructure.machines import definitions
from lambdas import index_catalog, index_sessions, tag_object
from lambdas.adapters import aws
from lambdas.adapters.boundary import logger
from lambdas.adapters.people.patients import Patients
from tests.asl.definition import DEFINITION, walk
from tests.asl.test_walks import HANDLERS
from tests.unit.world import LANDING, PROCESSED, World, created_event

# Objects per conversation, and how many of them share a batch of the catalog's stream.
OBJECTS, OBJECTS_A_BATCH = 30, 3
PATIENT = "Ana_Ruiz"
KEYS = {
    "session": "sessions/Ana_Ruiz/session_20241028_{group}/agents/agent_intake/messages/message_{number}.json",
    "document": "documents/Ana_Ruiz/letter_{group}_{number}.txt",
}
# Named as AWS names executions started by events: the ARN's length counts in items, events and logs.
_STATES = "arn:aws:states:us-east-1:123456789012"
_ID = "0c2b-4d8b-9d8e-0b1f2a3c4d5e"
EXECUTIONS = {
    Lane.STANDARD: f"{_STATES}:execution:Carefile-prod-ObjectPipeline:{{number:08x}}-{_ID}_{{number:08x}}-{_ID}",
    Lane.BACKFILL: f"{_STATES}:express:Carefile-prod-Backfill/Objects:{{number:08x}}-{_ID}:{{number:08x}}-{_ID}",
    Lane.EXPRESS_FIRST: f"{_STATES}:express:Carefile-prod-ExpressLane:{{number:08x}}-{_ID}:{{number:08x}}-{_ID}",
}
PROMOTED = f"{_STATES}:execution:Carefile-prod-ObjectPipeline:promoted-{{number:08x}}-{_ID}"
# A backfill item goes through the same states; bill.py adds those around them.
MACHINES = {
    Lane.STANDARD: DEFINITION,
    Lane.EXPRESS_FIRST: definitions.express_lane(),
    Lane.BACKFILL: DEFINITION,
}
STATES = 5  # per object; a test counts them
# On Lambda every log line of ours includes it.
_TRACE_ID = "Root=1-67123456-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"


@dataclass
class Meter:
    """Counts calls, capacity units and log lines of this process since the last run."""

    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0
    write_units: int = 0
    stubbed: float = 0
    asked: int = 0  # items of one request
    lines: io.StringIO = field(default_factory=io.StringIO)

    def before(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        self.calls[model.name] += 1
        if model.name == "BatchGetItem":
            tables = json.loads(params["body"])["RequestItems"].values()
            self.asked = sum(len(table["Keys"]) for table in tables)
        if model.name == "PutItem":
            request = json.loads(params["body"])
            self._wrote(request["Item"], replaced=request.get("ConditionExpression", "").startswith("seen"))

    def after(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if model.name == "GetItem":
            self.read_units += item_units(parsed.get("Item", {}), 4096)
        elif model.name == "BatchGetItem":
            found = [item for items in parsed.get("Responses", {}).values() for item in items]
            # What is not there costs a unit as well.
            self.read_units += self.asked - len(found) + sum(item_units(item, 4096) for item in found)
        elif model.name == "Query":  # eventually consistent: half a unit
            self.read_units += 0.5 * item_units({}, 4096)
        elif model.name == "UpdateItem":
            self._wrote(parsed.get("Attributes", {}))

    def _wrote(self, item: dict[str, Any], *, replaced: bool = False) -> None:
        """Count a write; an indexed item is written to each index too, and deleted there if its key changes."""
        self.write_units += item_units(item, 1024)
        if "listed_at" in item:
            shown = {name: value for name, value in item.items() if name != "seen"}  # which no index holds
            self.write_units += item_units(shown, 1024) * (1 + replaced)
        self.write_units += "content_digest" in item  # of which the index by content holds little

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hook into the functions' clients and log, and exclude the simulated services' own work."""
        clients = (aws.s3(), aws.dynamodb())
        real = BotocoreStubber.__call__

        def timed(stub: Any, *args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            try:
                return real(stub, *args, **kwargs)
            finally:
                self.stubbed += time.process_time() - began

        before = logger.registered_handler.setStream(self.lines)  # type: ignore[attr-defined]
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(self.lines):
            # Off Lambda the root logger repeats every line, masked; on Lambda Powertools prevents that.
            patch.setattr(logging.getLogger(), "handlers", [])
            patch.setenv("_X_AMZN_TRACE_ID", _TRACE_ID)
            # A fixed number of digits, so that log bytes are the same in every run.
            patch.setattr(tag_object, "_milliseconds_since", lambda _: 1234)
            patch.setattr(BotocoreStubber, "__call__", timed)
            for client in clients:
                client.meta.events.register("before-call", self.before, unique_id="bill")
                client.meta.events.register("after-call", self.after, unique_id="bill after")
            try:
                yield
            finally:
                for client in clients:
                    client.meta.events.unregister("before-call", unique_id="bill")
                    client.meta.events.unregister("after-call", unique_id="bill after")
                logger.registered_handler.setStream(before)  # type: ignore[attr-defined]

    def run(self, function: str, handler: Any, event: dict[str, Any]) -> tuple[Any, Work]:
        """Invoke a function as Lambda does, with JSON in and out, and measure it."""
        self.calls, self.read_units, self.write_units, self.stubbed = Counter(), 0, 0, 0
        self.lines.seek(0)
        self.lines.truncate()
        data, began = json.loads(json.dumps(event)), time.process_time()
        answer = json.dumps(handler(data, None))
        own = time.process_time() - began - self.stubbed
        written = self.lines.getvalue()
        work = Work(
            function,
            MEMORY_MB[function],
            self.calls.copy(),
            self.read_units,
            self.write_units,
            len(written.encode()),
            written.count("\n"),
            own * 1000,
            1 / OBJECTS,
        )
        return json.loads(answer), work


def count(
    kind: str,
    size: int = 2_000,
    lane: Lane = Lane.STANDARD,
    *,
    promoted: bool = False,
    there_already: bool = False,
    listed: bool = False,
) -> Operations:
    """Count the operations of one object, averaged over OBJECTS: the first of a session pays for its folder.

    `promoted`: each fails at TagObject on the express lane, and the object pipeline takes it in again.
    `there_already`: a backfill finds them filed already. `listed`: the stage knows only listed patients, and theirs is.
    """
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYOUT_SHARED", "false")  # as by a stage's default
        if listed:
            patch.setenv("PATIENTS", "listed")
        world, meter = World(patch), Meter()
        if listed:
            Patients(aws.dynamodb(), "patients").state(PATIENT, "ehr", Statement((PersonName("Ana Ruiz"),)))
        with meter.reading():
            way = _Way(world, meter, lane, promoted)
            way.of_one(_uploaded(world, kind, size, "warm", 0), 2 * OBJECTS)
            before = 0 if there_already else _tags(world)
            uploads = [_uploaded(world, kind, size, "counted", number) for number in range(OBJECTS)]
            if there_already:
                for number, upload in enumerate(uploads):
                    way.of_one(upload, OBJECTS + number)
                before = _tags(world)  # these are tagged, stored and paid for already
                detail = [upload["detail"] for upload in uploads]
                uploads = [{"bucket": it["bucket"]["name"], "key": it["object"]["key"]} for it in detail]
            works, known = [], world.catalog()
            for start in range(0, OBJECTS, OBJECTS_A_BATCH):
                for number in range(start, start + OBJECTS_A_BATCH):
                    states, done, event = way.of_one(uploads[number], number)
                    works += done
                if kind == "session":  # the stream brings nothing else
                    works += _batch(world, meter, known)
        objects = event["location"]["objects"]
        return Operations(
            kind,
            size,
            states,
            tuple(works),
            event_bytes=len(json.dumps(event).encode()),
            tags=(_tags(world) - before) / OBJECTS,
            stored_bytes=0 if there_already else sum(item["size"] for item in objects),
        )


def per_function(kind: str) -> list[dict[str, Any]]:
    """Average work of each function per object."""
    works = count(kind).works
    return [
        {
            "function": name,
            "cpu_ms": sum(work.cpu_ms * work.per_object for work in works if work.function == name),
            "calls": sum(work.calls.total() * work.per_object for work in works if work.function == name),
            "log_bytes": sum(work.log_bytes * work.per_object for work in works if work.function == name),
        }
        for name in dict.fromkeys(work.function for work in works)
    ]


def _uploaded(world: World, kind: str, size: int, group: str, number: int) -> dict[str, Any]:
    """Upload an object and return its event."""
    key = KEYS[kind].format(group=group, number=number)
    body = json.dumps({"text": "x" * (size - 13)}).encode()
    return created_event(key, world.upload(key, body))


class _Fails(Exception):
    """A function failed its last attempt."""


@dataclass(frozen=True)
class _Way:
    """Runs objects through a lane's machine."""

    world: World
    meter: Meter
    lane: Lane
    promoted: bool

    def of_one(self, data: dict[str, Any], number: int) -> tuple[tuple[str, ...], list[Work], dict[str, Any]]:
        """Run the executions for this input; return their states, the functions' work, and the catalog event."""
        works: list[Work] = []
        again: list[Any] = []
        failing = {"${TagObjectArn}"} if self.promoted else set()

        def call(resource: str, arguments: dict[str, Any]) -> Any:
            if resource in failing:
                failing.clear()
                raise _Fails
            if resource.endswith("startExecution"):
                again.append(arguments["Input"])
                return {}
            if resource not in HANDLERS:
                return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
            answer, work = self.meter.run(resource[2:-4], HANDLERS[resource], arguments)
            works.append(work)
            return answer

        done = walk(data, EXECUTIONS[self.lane].format(number=number), call, MACHINES[self.lane])
        path = done.path
        for promoted in again:
            done = walk(promoted, PROMOTED.format(number=number), call)
            path = [*path, *done.path]
        (entry,) = done.arguments["EmitCatalogEvent"]["Entries"]
        works.append(self.meter.run("IndexCatalog", index_catalog.handler, {"detail": entry["Detail"]})[1])
        return tuple(path), works, entry["Detail"]


def _tags(world: World) -> int:
    """Count the tags on all object versions: S3 bills them as long as the version exists."""
    found = 0
    for bucket in (LANDING, PROCESSED):
        for page in world.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for item in page.get("Versions", ()):
                found += len(world.tags(item["Key"], bucket, VersionId=item["VersionId"]))
    return found


def _batch(world: World, meter: Meter, known: list[dict[str, Any]]) -> list[Work]:
    """Feed new catalog entries to IndexSessions, as the table's stream would."""
    items = [item for item in world.catalog() if "kind" in item]
    new = [item for item in items if item not in known]
    known[:] = items
    records = [{"eventName": "INSERT", "dynamodb": {"NewImage": item}} for item in new]
    return [meter.run("IndexSessions", index_sessions.handler, {"Records": records})[1]] if new else []


def item_units(item: dict[str, Any], unit: int) -> int:
    """DynamoDB capacity units of an item, at least one."""
    return max(1, math.ceil(sum(len(name.encode()) + _bytes(value) for name, value in item.items()) / unit))


def _bytes(value: dict[str, Any]) -> int:
    """Size by DynamoDB's rules: text and binary as is, half a byte per digit, three bytes per collection."""
    ((kind, inner),) = value.items()
    if kind == "S":
        return len(inner.encode())
    if kind == "N":
        return len(inner) // 2 + 2
    if kind == "B":
        return len(inner) if isinstance(inner, bytes) else len(inner) * 3 // 4
    if kind in ("SS", "NS", "BS"):
        return 3 + sum(_bytes({kind[0]: one}) for one in inner)
    if kind == "L":
        return 3 + sum(1 + _bytes(one) for one in inner)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _bytes(one) for name, one in inner.items())
    return 1
