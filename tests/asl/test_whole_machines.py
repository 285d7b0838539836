"""Each composed machine as a whole: every error at every state, pages, events, and null."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from sfnx.testing import Call, Execution, Failure

from carefile.core import errors
from carefile.core.errors import CarefileError
from tests.asl.machines import MACHINES, states
from tests.asl.test_walks import put
from tests.asl.whole import LEFT_OUT, called, execute, failure, top
from tests.golden.pairs import pairs

Json = dict[str, Any]
OURS = [kind.__name__ for kind in CarefileError.__subclasses__()]
OF_AWS = [
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
    "States.TaskFailed",
    "States.Permissions",
    *LEFT_OUT,
    "States.QueryEvaluationError",
    "EventBridge.FailedEntry",
    "StepFunctions.ExecutionAlreadyExistsException",
    "StepFunctions.ThrottlingException",
]
ERRORS = [*OURS, *OF_AWS]
KEY = "documents/P/x.txt"
INPUTS: dict[str, Any] = {
    "object_pipeline": {"bucket": "landing", "key": KEY},
    "express_lane": {"bucket": "landing", "key": KEY},
    "backfill": {"bucket": "landing", "prefix": "documents/"},
    "adoption": {"prefix": "processed/"},
    "reassign_patient": {"session_id": "7", "patient_id": "Ana_7"},
    "merge_patients": {"from": "A", "into": "B"},
    "read_scan": {"detail": {"source": {"bucket": "landing", "key": KEY, "version_id": "v1"}}},
}
MOVING = ("reassign_patient", "merge_patients")  # whose objects are executions of their own
PROMOTING = ("PromoteObject", "QueuePromotion")
# Whose task fails, and what an execution of the machine then ends with: the error itself, or the map's.
TOLERANCE = "States.ExceedToleratedFailureThreshold"


def announcements() -> list[Json]:
    """One event of each type, as they are made."""
    found = {pair.expected["detail_type"]: pair.expected for pair in pairs("events")}
    return [found["Object Cataloged"], found["Object Retired"]]


class Answers:
    """What the functions and services answer where nothing fails, in the form in which the real ones do."""

    def __init__(self, *, events: int = 1, pages: int = 1, kind: str = "document", **changed: Any) -> None:
        found = {"kind": kind, "patient": {"status": "known", "id": "P"}, "evidence": []}
        upload = {"bucket": "landing", "key": KEY, "version": "v1", "version_id": "v1"}
        filed = {
            "upload": upload,
            "disposition": "cataloged",
            "classification": found,
            "events": announcements()[:events],
        }
        subject = {"bucket": "landing", "path": "sessions/session_7/", "session_id": "7"}
        self.pages, self.page, self.failing = pages, 0, dict[str, Iterator[Exception]]()
        self.listing = [{"Key": KEY, "Size": 3}]
        self.answers: dict[str, Any] = {
            "ClassifyObject": {"upload": upload, "classification": found},
            "NormaliseDocument": filed,
            "NormaliseSession": filed,
            "TagObject": {"status": "cataloged", "tagged": True},
            "AdoptObject": {name: filed[name] for name in ("disposition", "classification", "events")},
            "RecordFailure": {"recorded": True},
            "AssignPatient": {"subject": subject, "from": ["Ben_8"], "nothing_to_move": False},
            "VerifyMove": {"left": 0},
            "MergePatients": {
                "decision": "merge",
                "moves_from": "A",
                "moves_to": "B",
                "event": {"from": "A", "into": "B", "decision": "merge"},
            },
            "VerifyMerge": {"left": 0},
            "ReadPages": {"pages": [{"page": 1, "digest": "d1"}], "next": 0},
            "FileReading": filed,
            **changed,
        }

    def fail(self, state: str, error: str, times: int = 10**6) -> None:
        self.failing[state] = iter([error] * times) if times < 10**6 else _always(error)

    def __call__(self, call: Call) -> Any:
        if error := next(self.failing.get(_plain(call.state), iter(())), None):
            raise _raised(error)
        match call.resource.removeprefix("arn:aws:states:::"):
            case "s3:listObjectsV2":
                return self.listing
            case "s3:getObject":
                return [{"key": KEY, "Key": KEY, "Bucket": "landing"}]
            case "events:putEvents":
                put(call.arguments)
                return {"FailedEntryCount": 0}
            case "states:startExecution":
                return {"ExecutionArn": "arn:started"}
            case "sqs:sendMessage":
                return {"MessageId": "sent"}
            case "aws-sdk:sfn:describeMapRun":
                return {"ItemCounts": {"Total": 1, "Succeeded": 1, "Failed": 0}}
        name = call.arguments["FunctionName"].removeprefix("${").removesuffix("Arn}")
        if name in ("ListObjects", "ListPatient") and name not in self.answers:
            self.page += 1
            items = [] if self.pages == 0 else [{"bucket": "landing", "key": f"s/{self.page}"}]
            return {"Payload": {"items": items, "next": "more" if self.page < self.pages else ""}}
        return {"Payload": copy.deepcopy(self.answers[name])}


def _always(error: str) -> Iterator[str]:
    while True:
        yield error


def _raised(error: str) -> Exception:
    kind = getattr(errors, error, None)
    return kind("reason: words") if kind else failure(error)


def _plain(state: str) -> str:
    """The state's name without what tells the maps of one machine apart."""
    return state.partition("Of")[0] if state.endswith(("OfInventory", "OfList")) else state


def ended(done: Execution) -> str:
    return done.error or "SUCCEEDED"


def tasks(machine: str) -> dict[str, Json]:
    """The tasks that a run of the machine's input comes to; of a backfill, those of its first map."""
    found = {name: state for name, state, _ in states(MACHINES[machine]) if state["Type"] == "Task"}
    return {name: state for name, state in found.items() if name == _plain(name)}


EVERY_TASK = [(machine, name) for machine in MACHINES for name in tasks(machine)]


def attempts(state: Json, error: str) -> int:
    """How often the state is tried when it always fails so."""
    task_failed = error not in ("States.Timeout", "States.QueryEvaluationError", *LEFT_OUT)
    for retry in state["Retry"]:
        if error in retry["ErrorEquals"] or ("States.TaskFailed" in retry["ErrorEquals"] and task_failed):
            return 1 + int(retry.get("MaxAttempts", 3))
    return 1


def kind_of(name: str) -> str:
    return "session" if name == "NormaliseSession" else "document"


def test_every_machine_is_run() -> None:
    assert INPUTS.keys() == MACHINES.keys()


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("kind", ["document", "session"])
def test_a_machine_whose_states_all_answer_ends_well(machine: str, kind: str) -> None:
    done = execute(machine, INPUTS[machine], Answers(kind=kind))
    assert ended(done) == "SUCCEEDED"
    reached = {_plain(name) for name in done.states if name in tasks(machine)}
    off_the_path = {
        "RecordFailure",
        "PromoteObject",
        "QueuePromotion",
        "NormaliseDocument",
        "NormaliseSession",
    }
    assert reached >= tasks(machine).keys() - off_the_path


def errors_for(machine: str) -> list[str]:
    """Those that the machine names, and one of ours and of AWS's that it does not: it treats all others like them."""
    named = {
        error
        for _, state, _ in states(MACHINES[machine])
        for handler in (*state.get("Retry", ()), *state.get("Catch", ()))
        for error in handler["ErrorEquals"]
    }
    others = [next(error for error in kinds if error not in named) for kinds in (OURS, OF_AWS)]
    return [error for error in ERRORS if error in {*named, *others, *LEFT_OUT}]


def test_of_the_errors_that_a_machine_does_not_name_not_all_are_tried_each_time() -> None:
    for machine in MACHINES:
        assert set(OURS) - set(errors_for(machine))
        assert set(LEFT_OUT) <= set(errors_for(machine))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.prove)])
@pytest.mark.parametrize(("machine", "name"), EVERY_TASK)
def test_an_error_that_stays_is_tried_as_often_as_meant_and_keeps_its_name(
    machine: str, name: str, every: bool
) -> None:
    state = tasks(machine)[name]
    for error in ERRORS if every else errors_for(machine):
        answers = Answers(kind=kind_of(name))
        answers.fail(name, error)
        if name == "RecordFailure":
            answers.fail({"adoption": "AdoptObject"}.get(machine, "TagObject"), "InternalError")
        if name in PROMOTING:
            answers.fail("TagObject", "InternalError")
        if name == "QueuePromotion":
            answers.fail("PromoteObject", "StepFunctions.ExecutionLimitExceededException")
        done = execute(machine, INPUTS[machine], answers)
        assert len(called(done, name)) == attempts(state, error), error
        assert ended(done) == expected_end(machine, name, error), error
        if ended(done) == error:
            assert done.states[-1] == name  # where it can be re-driven
        elif ended(done) == TOLERANCE and name != "RecordFailure" and machine not in MOVING:
            (recorded,) = called(done, "RecordFailure")
            assert (recorded["Payload"]["error"], recorded["Payload"]["input"]["key"]) == (error, KEY)
            assert done.states[-1] == "ItemFailed"
        elif machine == "express_lane":
            assert [promoted["Input"] for promoted in called(done, "PromoteObject")][-1] == INPUTS[machine]
            assert done.states[-1] == "EndPromoted"
            assert name == "PromoteObject" or len(called(done, "PromoteObject")) == 1


def test_a_promotion_that_is_refused_is_queued_once_with_its_input() -> None:
    answers = Answers(kind="document")
    answers.fail("TagObject", "InternalError")
    answers.fail("PromoteObject", "StepFunctions.ExecutionLimitExceededException")
    done = execute("express_lane", INPUTS["express_lane"], answers)
    (queued,) = called(done, "QueuePromotion")
    assert queued["MessageBody"]["input"] == INPUTS["express_lane"]
    assert (ended(done), done.states[-1]) == ("SUCCEEDED", "EndPromoted")


def expected_end(machine: str, name: str, error: str) -> str:
    """How the execution ends when a state always fails."""
    if machine == "express_lane":
        # What can't be started waits in the queue; a promotion is lost only if that fails too.
        lost = name == "QueuePromotion" or (name == "PromoteObject" and error in LEFT_OUT)
        return error if lost else "SUCCEEDED"
    return error if name in MACHINES[machine]["States"] else TOLERANCE


@pytest.mark.parametrize(
    ("machine", "name"), [(m, n) for m, n in EVERY_TASK if n not in ("RecordFailure", *PROMOTING)]
)
def test_an_error_that_passes_changes_nothing_of_the_end(machine: str, name: str) -> None:
    well = execute(machine, INPUTS[machine], Answers(kind=kind_of(name)))
    for retry in tasks(machine)[name]["Retry"]:
        error = retry["ErrorEquals"][0]
        answers = Answers(kind=kind_of(name))
        answers.fail(name, error, times=1)
        done = execute(machine, INPUTS[machine], answers)
        assert (done.states, done.output) == (well.states, well.output), error


@pytest.mark.parametrize(
    ("more", "of"),
    [
        ({}, ""),
        ({"inventory": {"bucket": "i", "key": "manifest.json"}}, "OfInventory"),
        ({"list": "l"}, "OfList"),
    ],
)
def test_a_backfill_takes_the_same_way_wherever_its_keys_come_from(more: Json, of: str) -> None:
    done = execute("backfill", INPUTS["backfill"] | more, Answers())
    way = [
        "ClassifyObject",
        "RouteObject",
        "NormaliseDocument",
        "TagObject",
        "EmitCatalogEvent",
        "KeepTheResult",
    ]
    assert [name for name in done.states if name.removesuffix(of) in way] == [name + of for name in way]
    assert top("backfill", done)[-1] == "TakenIn"


@pytest.mark.parametrize("pages", range(4))
def test_a_reassignment_goes_page_by_page_and_ends(pages: int) -> None:
    done = execute("reassign_patient", INPUTS["reassign_patient"], Answers(pages=pages))
    page = ["ListObjects", "MoveObjects", "RouteNextPage"]
    assert top("reassign_patient", done) == [
        "AssignPatient",
        "RouteAssignment",
        *page * max(pages, 1),
        "VerifyMove",
    ]
    assert [call["Payload"]["after"] for call in called(done, "ListObjects")] == ["", "more", "more"][
        : max(pages, 1)
    ]
    output: Any = done.output
    assert output["taken_in"] == pages


@pytest.mark.parametrize("pages", range(4))
def test_a_merge_goes_page_by_page_and_ends_with_its_announcement(pages: int) -> None:
    done = execute("merge_patients", INPUTS["merge_patients"], Answers(pages=pages))
    page = ["ListPatient", "MoveObjects", "RouteNextPage"]
    way = ["MergePatients", *page * max(pages, 1), "VerifyMerge", "AnnounceMerge"]
    assert top("merge_patients", done) == way
    output: Any = done.output
    assert output["taken_in"] == pages


@pytest.mark.parametrize(("machine", "lists"), [*zip(MOVING, ("ListObjects", "ListPatient"), strict=True)])
@pytest.mark.parametrize("odd", [None, 7, True, [], {}])
def test_a_page_that_does_not_say_where_the_next_begins_ends_the_move(
    machine: str, lists: str, odd: Any
) -> None:
    answers = Answers(**{lists: {"items": [], "next": odd}})
    done = execute(machine, INPUTS[machine], answers)
    assert ended(done) == "UnexpectedResult"
    assert len(called(done, lists)) == 1


@pytest.mark.parametrize("events", [1, 2])
@pytest.mark.parametrize("machine", ["object_pipeline", "express_lane", "backfill", "adoption"])
def test_one_event_or_two_are_announced_as_a_list(machine: str, events: int) -> None:
    done = execute(machine, INPUTS[machine], Answers(events=events))
    (announced,) = called(done, "EmitCatalogEvent")
    assert [entry["DetailType"] for entry in announced["Entries"]] == ["Object Cataloged", "Object Retired"][
        :events
    ]
    output: Any = done.output
    if machine == "object_pipeline":
        assert len(output["announced"]) == events


@pytest.mark.parametrize("nothing", [[], None])
@pytest.mark.parametrize("machine", ["object_pipeline", "express_lane", "backfill", "adoption"])
def test_no_events_are_never_put_on_the_bus(machine: str, nothing: Any) -> None:
    answers = Answers()
    for name in ("NormaliseDocument", "AdoptObject"):
        answers.answers[name] = answers.answers[name] | {"events": nothing}
    done = execute(machine, INPUTS[machine], answers)
    assert called(done, "EmitCatalogEvent") == []
    ends = {"object_pipeline": "States.QueryEvaluationError", "express_lane": "SUCCEEDED"}
    assert ended(done) == ends.get(machine, TOLERANCE)
    if machine == "object_pipeline":
        assert "nothing-to-announce" in (done.cause or "")


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every member of an answer, at any depth."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield (*path, name)
            yield from places(member, (*path, name))


def with_null(value: Any, path: tuple[str | int, ...]) -> Any:
    changed = copy.deepcopy(value)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = None
    return changed


FOR_NAMES = {"UnexpectedResult", "States.QueryEvaluationError", TOLERANCE, "SUCCEEDED"}


@pytest.mark.parametrize("machine", MACHINES)
def test_null_in_any_member_of_an_answer_ends_well_or_under_a_name(machine: str) -> None:
    """Both engines have to take it alike, no machine may run for ever, and no Condition be without a truth."""
    usual = Answers().answers
    for name in tasks(machine).keys() & usual.keys():
        for path in places(usual[name]):
            if path[0] == "event" and len(path) > 1:
                continue  # what is announced was held against its schema by the function that made it
            done = execute(machine, INPUTS[machine], Answers(**{name: with_null(usual[name], path)}))
            assert ended(done) in FOR_NAMES, (name, path)
            if ended(done) in ("States.QueryEvaluationError", TOLERANCE):
                assert path[0] in ("events", "event", "classification", "disposition"), (name, path)


@pytest.mark.parametrize("machine", ["object_pipeline", "express_lane"])
def test_null_in_an_optional_member_of_the_input_reaches_the_function(machine: str) -> None:
    given = INPUTS[machine] | {"version_id": None, "hints": None, "source": None, "detail": None}
    done = execute(machine, given, Answers())
    assert ended(done) == "SUCCEEDED"
    assert called(done, "ClassifyObject")[0]["Payload"]["input"] == given


@pytest.mark.parametrize("machine", ["object_pipeline", "reassign_patient"])
def test_a_kind_that_there_is_no_way_for_fails_by_name(machine: str) -> None:
    done = execute(machine, INPUTS[machine], Answers(kind="image"))
    assert ended(done) == ("UnexpectedResult" if machine == "object_pipeline" else TOLERANCE)
    assert done.states[-1] == "RejectClassification"


def test_of_an_item_such_a_kind_is_recorded() -> None:
    done = execute("backfill", INPUTS["backfill"], Answers(kind="image"))
    (recorded,) = called(done, "RecordFailure")
    assert recorded["Payload"]["error"] == "UnexpectedResult"
    assert recorded["Payload"]["cause"].startswith("unexpected-kind: ")


@pytest.mark.parametrize("key", [None, 5, {}, ["x"]])
def test_an_item_without_a_key_fails_by_name_and_starts_nothing(key: Any) -> None:
    answers = Answers()
    answers.listing = [{"Key": key}]
    done = execute("backfill", INPUTS["backfill"], answers)
    assert done.states[-1] == "RejectItem"
    assert called(done, "ClassifyObject") == []
    with pytest.raises(Failure, match=TOLERANCE):
        assert done.output
