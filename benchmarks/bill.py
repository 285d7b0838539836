"""Computes the bill of counted operations, line by line, in US dollars per million objects. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from benchmarks import assumptions
from benchmarks.operations import Operations, Work
from infrastructure.watching import prices

WRITES = {"PutObject", "CopyObject", "PutObjectTagging", "DeleteObject", "ListObjectsV2"}
READS = {"HeadObject", "GetObject", "GetObjectTagging"}
ENVELOPE = 500  # bytes that EventBridge adds to an event's detail
STATE_MS = 15  # overhead of a state in an Express execution, besides its function


# The line that a Map Run writes for each successful item.
_RESULT = {
    "ExecutionArn": "arn:aws:states:us-east-1:111122223333:express:Carefile-prod-Backfill/Objects:"
    "8f5f2c1e-0c2b-4d8b-9d8e-0b1f2a3c4d5e:8f5f2c1e-0c2b-4d8b-9d8e-0b1f2a3c4d5e",
    "Input": '{"bucket":"carefile-prod-landingbucket-1a2b3c4d5e6f","key":'
    '"sessions/Ana_Ruiz/session_20241028_143022/agents/agent_intake/messages/message_12.json"}',
    "InputDetails": {"Included": True},
    "Name": "8f5f2c1e-0c2b-4d8b-9d8e-0b1f2a3c4d5e",
    "Output": '{"disposition":"cataloged","kind":"session","patient":"known","prefix":'
    '"processed/Ana_Ruiz_medical_notes/session_20241028_143022/"}',
    "OutputDetails": {"Included": True},
    "StartDate": "2026-11-24T10:00:00.000Z",
    "StateMachineArn": "arn:aws:states:us-east-1:111122223333:stateMachine:Carefile-prod-Backfill/Objects",
    "Status": "SUCCEEDED",
    "StopDate": "2026-11-24T10:00:00.400Z",
}
RESULTS_MONTHS = 3  # they expire after 90 days
RESULTS_PART = 5 * 2**20  # the minimum part size of a multipart upload
KEYS_A_LISTING = 1000
AROUND_AN_ITEM = 2  # the backfill's own states: PassOverWhatIsNoUpload, KeepTheResult


class Lane(StrEnum):
    """How objects come in: by uploads, on either lane, or as items of a backfill."""

    STANDARD = "standard"
    EXPRESS_FIRST = "express-first"
    BACKFILL = "backfill"


@dataclass(frozen=True)
class Line:
    """One line of the bill. A `monthly` one recurs as long as the objects are kept."""

    name: str
    quantity: str
    usd: float
    monthly: bool = False


def duration_ms(work: Work) -> float:
    """The duration that Lambda bills: measured processor time, scaled to the function's share of a processor, plus the
    latency of its calls."""
    waiting = sum(
        count * assumptions.LATENCY_MS.get(name, assumptions.DYNAMODB_LATENCY_MS)
        for name, count in work.calls.items()
    )
    return work.cpu_ms * max(1, assumptions.PROCESSOR_MB / work.memory_mb) + waiting


def lines(counted: Operations, lane: Lane, promoted: int = 0) -> Iterator[Line]:
    """Yield the bill of a million such objects on that lane."""
    calls = counted.calls
    writes = sum(count for name, count in calls.items() if name in WRITES)
    reads = sum(count for name, count in calls.items() if name in READS)
    yield from executions(counted, lane, promoted)
    yield Line("S3 writes", f"{writes:.2f} PUT, COPY, tagging", writes * prices.S3_WRITE)
    yield Line("S3 reads", f"{reads:.2f} HEAD, GET", reads * prices.S3_READ)
    announced = math.ceil(counted.event_bytes / 65_536)
    if lane is Lane.BACKFILL:
        yield Line("Events", "1 on the bus", prices.EVENT * announced)
    else:
        yield Line("Events", "1 of S3, 1 on the bus", prices.EVENT * (1 + announced))
    write_units, read_units = counted.of_works("write_units"), counted.of_works("read_units")
    yield Line("DynamoDB writes", f"{write_units:.2f} units", write_units * prices.DYNAMODB_WRITE_UNIT)
    yield Line("DynamoDB reads", f"{read_units:.2f} units", read_units * prices.DYNAMODB_READ_UNIT)
    invocations = sum(work.per_object for work in counted.works)
    yield Line("Invocations", f"{invocations:.2f}", invocations * prices.INVOCATION)
    seconds = (
        sum(duration_ms(work) * work.memory_mb * work.per_object for work in counted.works) / 1024 / 1000
    )
    yield Line(
        "Lambda time", f"{seconds * 1000:.1f} MB s", seconds * prices.LAMBDA_GB_SECOND * prices.MILLION
    )
    own, lines_ = counted.of_works("log_bytes"), counted.of_works("log_events")
    logged = (own + assumptions.LOG_EVENT_OVERHEAD * lines_) * prices.MILLION / prices.GB
    yield Line("Logs", f"{own:.0f} B in {lines_:.2f} lines", logged * prices.LOG_GB)
    archived = (counted.event_bytes + ENVELOPE) * prices.MILLION / prices.GB
    yield Line(
        "Event archive",
        f"{counted.event_bytes + ENVELOPE:,} B",
        archived * (prices.ARCHIVE_GB + prices.ARCHIVE_GB_MONTH),
    )
    yield Line("Traces", f"{assumptions.TRACED:.0%} of them", assumptions.TRACED * prices.TRACE)
    yield Line("Tags", f"{counted.tags:.2f} a month", counted.tags * prices.TAG_MONTH * prices.MILLION, True)


def total(counted: Operations, lane: Lane, promoted: int = 0) -> float:
    """The total, including the first month of tags."""
    return sum(line.usd for line in lines(counted, lane, promoted))


def executions(counted: Operations, lane: Lane, promoted: int = 0) -> Iterator[Line]:
    """Yield the lines for executions; `promoted` is the number of states run by a promoted Standard execution."""
    standard = len(counted.states) if lane is Lane.STANDARD else promoted
    if standard:
        yield Line("Transitions", f"{standard}", standard * prices.STATE_TRANSITION)
    if lane is not Lane.STANDARD:
        yield from _express(counted, lane, len(counted.states) - promoted)
    if lane is Lane.BACKFILL:
        yield Line("Listing", f"1 LIST of {KEYS_A_LISTING}", prices.S3_WRITE / KEYS_A_LISTING)
        size = len(json.dumps(_RESULT)) + 1
        kept = size * prices.MILLION / prices.GB * prices.STORAGE_GB_MONTH * RESULTS_MONTHS
        yield Line("Results", f"{size} B for 90 days", kept + prices.S3_WRITE * size / RESULTS_PART)


def _express(counted: Operations, lane: Lane, states: int) -> Iterator[Line]:
    waits = sum(
        duration_ms(work) * work.per_object for work in counted.works if not work.function.startswith("Index")
    )
    states += AROUND_AN_ITEM if lane is Lane.BACKFILL else 0
    steps = math.ceil((waits + STATE_MS * states) / 100)
    time = steps * 0.1 * 64 / 1024 * prices.EXPRESS_GB_SECOND * prices.MILLION
    yield Line("Express", f"1 request, {steps * 100} ms", prices.EXPRESS_REQUEST + time)
