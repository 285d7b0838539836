"""One owner for each retry policy: the machines' files spell them out for operators, and no copy may differ."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.adapters.settings import ROOT

Json = dict[str, Any]
MACHINES: dict[str, Json] = {
    path.name.removesuffix(".asl.json"): json.loads(path.read_bytes())
    for path in sorted((ROOT / "statemachines").glob("*.asl.json"))
}
TURN = "Lambda.TooManyRequestsException"
LAMBDA = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
]
SERVICE = ["States.TaskFailed", "States.Timeout"]


def policy(errors: list[str], interval: int, attempts: int, longest: int | None = 60) -> Json:
    limit = {} if longest is None else {"MaxDelaySeconds": longest}
    timing = {"IntervalSeconds": interval, "MaxAttempts": attempts, "BackoffRate": 2.0, **limit}
    return {"ErrorEquals": errors, **timing, "JitterStrategy": "FULL"}


# Each with the comment that operators read beside it.
UPLOAD_BUSY = policy(["StillChanging", "FolderContended", "NotScanned", "StorageThrottled"], 2, 6) | {
    "Comment": "The folder is contended, or the object is still being changed or scanned: back off."
}
MOVE_BUSY = policy(["StillChanging", "FolderContended", "StorageThrottled"], 2, 6) | {
    "Comment": "The folder is contended: back off."
}
WAIT_FOR_A_TURN = policy([TURN], 1, 60) | {
    "Comment": "More simultaneous uploads than the account's concurrency allows: wait, up to half an hour."
}
LAMBDA_FAILED = policy(LAMBDA, 1, 5) | {"Comment": "Lambda itself failed, crashed or timed out."}

# What every function of a machine is retried by.
USUAL = {
    "object_pipeline": [UPLOAD_BUSY, WAIT_FOR_A_TURN, LAMBDA_FAILED],
    "read_scan": [UPLOAD_BUSY, WAIT_FOR_A_TURN, LAMBDA_FAILED],
    "reassign_patient": [MOVE_BUSY, WAIT_FOR_A_TURN, LAMBDA_FAILED],
    "merge_patients": [MOVE_BUSY, WAIT_FOR_A_TURN, LAMBDA_FAILED],
}
# What is retried otherwise, and why.
EXCEPTIONS: dict[tuple[str, str], list[Json]] = {
    # An event that is announced twice is harmless, and AWS names no list of passing errors.
    ("object_pipeline", "EmitCatalogEvent"): [policy(SERVICE, 1, 6)],
    # It looks for what other intakes are moving.
    ("reassign_patient", "VerifyMove"): [policy(["LeftBehind"], 5, 5), *USUAL["reassign_patient"]],
    ("merge_patients", "VerifyMerge"): [policy(["LeftBehind"], 5, 5), *USUAL["merge_patients"]],
    # The patient's registration may still be in its queue.
    ("merge_patients", "MergePatients"): [policy(["PatientNotListed"], 5, 5), *USUAL["merge_patients"]],
    ("merge_patients", "AnnounceMerge"): [policy(SERVICE, 1, 6)],
    # An Express execution has five minutes for everything.
    ("adoption", "AdoptObject"): [
        policy(["StillChanging", "StorageThrottled"], 2, 6, longest=10),
        policy([TURN, *LAMBDA], 1, 10, longest=10),
    ],
    ("backfill", "RecordFailure"): [policy(["StorageThrottled", TURN, *LAMBDA], 1, 5, longest=10)],
    ("backfill", "CountObjects"): [policy(SERVICE, 2, 6)],
    # What an earlier try has started is not started again.
    ("express_lane", "PromoteObject"): [
        {"ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"], "MaxAttempts": 0},
        policy(SERVICE, 1, 2, longest=None),
    ],
    ("express_lane", "QueuePromotion"): [policy(SERVICE, 1, 2, longest=None)],
}


def tasks(part: Any) -> Iterator[tuple[str, Json]]:
    """Every task of a machine, those of its maps and branches too."""
    for name, state in part.get("States", {}).items():
        if state["Type"] == "Task":
            yield name, state
        for inner in (state.get("ItemProcessor", {}), *state.get("Branches", ())):
            yield from tasks(inner)


def uncommented(retries: list[Json]) -> list[Json]:
    return [{name: value for name, value in retry.items() if name != "Comment"} for retry in retries]


def strays(machines: dict[str, Json]) -> set[str]:
    """The tasks that are not retried as they are meant to be."""
    found = set()
    for machine, definition in machines.items():
        for name, state in tasks(definition):
            given = state.get("Retry", [])
            if (exception := EXCEPTIONS.get((machine, name))) is not None:
                fits = uncommented(given) == uncommented(exception)
            else:
                fits = given == USUAL.get(machine)
            if not fits:
                found.add(f"{machine}/{name}")
    return found


RETRIERS = [
    (machine, name, number)
    for machine, definition in MACHINES.items()
    for name, state in tasks(definition)
    for number, _ in enumerate(state["Retry"])
]


def test_every_task_is_retried_by_the_policies_of_its_machine_or_is_a_known_exception() -> None:
    assert strays(MACHINES) == set()


def test_every_exception_is_a_task_that_is_there() -> None:
    assert EXCEPTIONS.keys() <= {(machine, name) for machine, name, _ in RETRIERS}


@pytest.mark.parametrize(("machine", "name", "number"), RETRIERS)
def test_a_copy_that_differs_in_anything_is_found(machine: str, name: str, number: int) -> None:
    for change in (
        {"MaxAttempts": 7},
        {"IntervalSeconds": 9},
        {"MaxDelaySeconds": 61},
        {"BackoffRate": 1.9},
        {"JitterStrategy": "NONE"},
        {"ErrorEquals": ["States.ALL"]},
    ):
        changed = copy.deepcopy(MACHINES)
        state = dict(tasks(changed[machine]))[name]
        state["Retry"][number] |= change
        assert strays(changed) == {f"{machine}/{name}"}, change
    changed = copy.deepcopy(MACHINES)
    del dict(tasks(changed[machine]))[name]["Retry"][number]
    assert strays(changed) == {f"{machine}/{name}"}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_retrier_says_to_operators_why(machine: str) -> None:
    for name, state in tasks(MACHINES[machine]):
        assert all(len(retry["Comment"]) > 5 for retry in state["Retry"]), name
