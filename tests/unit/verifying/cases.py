"""The claims that only AWS can settle, each with answers that do and answers that contradict it."""

from __future__ import annotations

from typing import Any

from tests.unit.verifying.answers import (
    PROMOTED,
    TWICE,
    Set,
    all_of,
    answers,
    archived,
    backfilled,
    bus_rejects,
    dashboard,
    fails_with,
    guarded,
    holds,
    infected,
    metrics,
    never_ends,
    no_bus,
    promoting,
    sampled,
    scanning,
    slowly,
    state_tested,
    stored,
    undelivered,
    with_history,
    write_once,
)

SCANNED = {"MALWARE_SCAN": "true"}


# Of each claim that only AWS can settle: the stage, an answer that settles it, answers that contradict it and what the
# report then says.
Case = tuple[dict[str, Any], Set, dict[str, Set]]
CASES: dict[str, Case] = {
    "may use tables under the customer-managed key": (
        {},
        holds,
        {"StorageDenied": fails_with("StorageDenied"), "has not ended": never_ends},
    ),
    "With `write_once_prefixes`": (
        {},
        write_once(enforced=True),
        {"answered with success": write_once(enforced=False)},
    ),
    "Copying 1 GiB": ({}, holds, {"it took 400 s": slowly, "ended failed": fails_with("States.Timeout")}),
    "a failing `$assert`": (
        {},
        state_tested({"status": "FAILED", "error": "States.QueryEvaluationError"}),
        {"answered SUCCEEDED": state_tested({"status": "SUCCEEDED"})},
    ),
    "PutEvents to a deleted bus": (
        {},
        no_bus(FailedEntryCount=1, Entries=[{"ErrorCode": "NotFound"}]),
        {"succeeded": no_bus(FailedEntryCount=0, Entries=[{"EventId": "1"}])},
    ),
    "does not enter ClassifyObject again": (
        {},
        with_history("-ExecutionRedriven", "NormaliseSession"),
        {"ClassifyObject was entered again": with_history("-ExecutionRedriven", "ClassifyObject")},
    ),
    "the history enters the failed state again": (
        {},
        with_history("-ExecutionRedriven", "-TaskScheduled"),
        {"no ExecutionRedriven": with_history("NormaliseSession")},
    ),
    "fails with `EventBridge.FailedEntry`": (
        {},
        bus_rejects("EventBridge.FailedEntry"),
        {
            "failed with States.TaskFailed": bus_rejects("States.TaskFailed"),
            "took an event": bus_rejects(None),
        },
    ),
    "On the lane express-first": (
        {"express": True},
        promoting(PROMOTED, {"status": "FAILED", "error": TWICE}),
        {
            "answered [None, None]": promoting(PROMOTED, PROMOTED),
            "not named promoted": promoting(PROMOTED, name="other"),
        },
    ),
    "A catcher that names": (
        {"express": True},
        state_tested({"status": "CAUGHT_ERROR"}),
        {"answered FAILED": state_tested({"status": "FAILED"})},
    ),
    "the log delivery may use their keys": (
        {},
        undelivered(arrives=True),
        {
            "not in the dead-letter queue": undelivered(arrives=False),
            "no stream": all_of(undelivered(arrives=True), answers(DescribeLogStreams={"logStreams": []})),
        },
    ),
    "The archives may use": (
        {},
        archived("ENABLED"),
        {
            "an archive is CREATE_FAILED": archived("CREATE_FAILED"),
            "is empty": archived("ENABLED", schemas=0),
        },
    ),
    "The children of the backfill": (
        {},
        backfilled(succeeded=2, total=2),
        {"the run ended FAILED": backfilled("FAILED", failed=2, total=2)},
    ),
    "The libraries that recognise text": (
        {"OCR": "on"},
        stored({"reading": {"status": "done", "engine": "tesseract", "pages": [{"page": 1}]}}),
        {
            "is not read": stored({"reading": {"status": "pending"}}),
            "is failed: out-of-memory": stored(
                {"reading": {"status": "failed", "pages": [{"page": 1, "failed": "out-of-memory"}]}}
            ),
        },
    ),
    "GuardDuty's events name keys raw": (
        SCANNED,
        scanning,
        {"the intake failed": all_of(scanning, fails_with("RejectedObject"))},
    ),
    "A clean upload is filed": (
        SCANNED,
        scanning,
        {"failed with Other": all_of(scanning, lambda aws: infected(aws, "Other"))},
    ),
    "An upload that contains a threat": (
        SCANNED,
        scanning,
        {
            "HeadObject of an upload with a threat was answered with success": all_of(
                scanning, answers(HeadObject={})
            )
        },
    ),
    "Nobody can upload with the verdict's tag": (
        SCANNED,
        scanning,
        {"answered with success": lambda aws: None},
    ),
    "The protection plan becomes active": (
        SCANNED,
        scanning,
        {
            "the plan is ERROR": answers(
                GetMalwareProtectionPlan={"Status": "ERROR", "StatusReasons": [{"Code": "X"}]}
            )
        },
    ),
    "The decisions table's own policy": (
        {},
        guarded(enforced=True),
        {"answered with ConditionalCheckFailedException": guarded(enforced=False)},
    ),
    "With Lambda's JSON log format": (
        {},
        metrics(1, "{}"),
        {"counts nothing": metrics(0), "1 lines about": metrics(1, '{"type":"platform.start"}')},
    ),
    "X-Ray's service name": (
        {},
        sampled("carefile-dev"),
        {"no sampling rule": sampled("Default")},
    ),
    "of the dashboard": (
        {},
        dashboard(),
        {
            "ended InternalError": dashboard("InternalError"),
            "a saved query ended Failed": dashboard(queried="Failed"),
        },
    ),
}
