"""The bill for what was counted, line by line, in dollars a million objects. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from benchmarks import prices
from benchmarks.operations import Operations, Work

WRITES = {"PutObject", "CopyObject", "PutObjectTagging", "DeleteObject", "ListObjectsV2"}
READS = {"HeadObject", "GetObject", "GetObjectTagging"}

# What Lambda itself writes of an invocation.
PLATFORM_LINES = (
    "START RequestId: 8f5f2c1e-0c2b-4d8b-9d8e-0b1f2a3c4d5e Version: $LATEST\n",
    "END RequestId: 8f5f2c1e-0c2b-4d8b-9d8e-0b1f2a3c4d5e\n",
    "REPORT RequestId: 8f5f2c1e-0c2b-4d8b-9d8e-0b1f2a3c4d5e\tDuration: 123.45 ms\tBilled Duration: 124 ms\t"
    "Memory Size: 256 MB\tMax Memory Used: 112 MB\t\n"
    "XRAY TraceId: 1-67123456-0123456789abcdef01234567\tSegmentId: 0123456789abcdef\tSampled: false\t\n",
)


class Lane(StrEnum):
    STANDARD = "standard"
    EXPRESS_FIRST = "express-first"


@dataclass(frozen=True)
class Line:
    """One service's part of the bill. `monthly` comes again every month that the objects stay."""

    name: str
    quantity: str
    usd: float
    monthly: bool = False


def duration_ms(work: Work) -> float:
    """What Lambda bills: the processor time that was measured, stretched to the function's share of a processor, and
    the latency of its calls."""
    waiting = sum(
        count * prices.LATENCY_MS.get(name, prices.DYNAMODB_LATENCY_MS) for name, count in work.calls.items()
    )
    return work.cpu_ms * max(1, prices.PROCESSOR_MB / work.memory_mb) + waiting


def lines(counted: Operations, lane: Lane) -> Iterator[Line]:
    """The bill of one million such objects."""
    calls = counted.calls
    writes = sum(count for name, count in calls.items() if name in WRITES)
    reads = sum(count for name, count in calls.items() if name in READS)
    yield from _executions(counted, lane)
    yield Line("S3 writes", f"{writes:.2f} PUT, COPY, tagging", writes * prices.S3_WRITE)
    yield Line("S3 reads", f"{reads:.2f} HEAD, GET", reads * prices.S3_READ)
    yield Line(
        "Events", "1 of S3, 1 on the bus", prices.EVENT * (1 + math.ceil(counted.event_bytes / 65_536))
    )
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
    own = counted.of_works("log_bytes") + prices.LOG_EVENT_OVERHEAD * counted.of_works("log_events")
    platform = sum(len(line) + prices.LOG_EVENT_OVERHEAD for line in PLATFORM_LINES) * invocations
    yield Line("Logs", f"{own:.0f} B ours, {platform:.0f} B Lambda's", _logs(own + platform))
    yield Line("Traces", f"{prices.TRACED:.0%} of them", prices.TRACED * prices.TRACE)
    yield Line("Tags", f"{counted.tags} a month", counted.tags * prices.TAG_MONTH * prices.MILLION, True)


def total(counted: Operations, lane: Lane) -> float:
    """All of it, the first month of tags included."""
    return sum(line.usd for line in lines(counted, lane))


def _executions(counted: Operations, lane: Lane) -> Iterator[Line]:
    if lane is Lane.STANDARD:
        transitions = len(counted.states)
        yield Line("Transitions", f"{transitions}", transitions * prices.STATE_TRANSITION)
        return
    waits = sum(
        duration_ms(work) * work.per_object for work in counted.works if not work.function.startswith("Index")
    )
    steps = math.ceil((waits + 15 * len(counted.states)) / 100)
    time = steps * 0.1 * 64 / 1024 * prices.EXPRESS_GB_SECOND * prices.MILLION
    yield Line("Express", f"1 request, {steps * 100} ms", prices.EXPRESS_REQUEST + time)


def _logs(size: float) -> float:
    return size * prices.MILLION / prices.GB * prices.LOG_GB
