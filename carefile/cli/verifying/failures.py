"""Claims about intakes that fail: error names, what records a failure, what a redrive continues with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from carefile.cli.aws.executions import Described
from carefile.cli.aws.objects import tags
from carefile.cli.verifying.claim import Claim, Group
from carefile.cli.verifying.journal import Undo
from carefile.cli.verifying.outcome import Inconclusive, NotHere
from carefile.cli.verifying.site import Site, answered, expect
from carefile.core.filing.tagging import STATUS_TAG, PipelineStatus

_UNENFORCED = "the upload was filed although its role was denied it: IAM is not enforced here"
_TOO_LATE = "the upload was filed: the change of the role came too late, repeat the check"
_ANNOUNCES = "EmitCatalogEvent"
_UNCAUGHT = ("States.DataLimitExceeded", "States.Runtime")


def _typed_error(site: Site) -> str:
    found = site.failed(site.upload(site.key("empty.txt"), b""))
    expect(found.error == "RejectedObject", f"the execution failed with {found.error}")
    return "an empty upload failed with RejectedObject"


def _recorded(site: Site) -> str:
    sent = site.upload(site.key("recorded.txt"), b"")

    def marked() -> bool:
        found = tags(site.connection, sent.source.bucket, sent.source.key, sent.version_id) or {}
        return found.get(STATUS_TAG) == PipelineStatus.FAILED

    site.until(marked, "the landing object of a failed intake is not tagged as failed")
    return "the landing object of a failed intake is tagged as failed"


def _asserted(site: Site) -> str:
    found = _tested(site, _ANNOUNCES, {"events": []})
    error = found.get("error")
    expect(
        error == "States.QueryEvaluationError", f"TestState answered {found['status']}, {error or 'no error'}"
    )
    return f"TestState of {_ANNOUNCES} without events answered {error}"


def _tested(
    site: Site,
    state: str,
    given: Mapping[str, Any],
    machine: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Run one state of a deployed machine with an input. With `arguments`, these are sent in place of its own, once,
    and their error is the answer."""
    client = site.client("stepfunctions")
    found = client.describe_state_machine(stateMachineArn=machine or site.connection.machine)
    definition = json.loads(found["definition"])
    one = {**definition["States"][state], "QueryLanguage": definition.get("QueryLanguage", "JSONata")}
    if arguments is not None:
        handled = ("Retry", "Catch")
        one = {name: it for name, it in one.items() if name not in handled} | {"Arguments": arguments}
    answer: dict[str, Any] = client.test_state(
        definition=json.dumps(one), roleArn=found["roleArn"], input=json.dumps(given), **more
    )
    return answer


def _no_bus(site: Site) -> str:
    """Whoever asks, the answer is EventBridge's: a bus of this name was never there."""
    entry = {"EventBusName": site.token, "Source": "carefile.verify", "DetailType": "Verify", "Detail": "{}"}
    refusals = list[str]()

    def put() -> None:
        done = site.client("events").put_events(Entries=[entry])
        refusals.extend(str(one["ErrorCode"]) for one in done["Entries"] if "ErrorCode" in one)

    code = answered(put)
    refusals += [code] if code else []
    expect(refusals, "PutEvents to a bus that does not exist succeeded")
    return f"PutEvents to a bus that does not exist was answered with {refusals[0]}"


def _denied_then_redriven(site: Site, name: str) -> tuple[Described, list[str], list[str]]:
    """Fail an intake by denying the role of its function the layout; the states entered before and after a redrive."""
    key = site.session_key(name, "notes.txt")
    with site.denied(site.role_of("NormaliseSession"), "kms:Decrypt", "kms:GenerateDataKey", "s3:PutObject"):
        followed = site.ended(site.upload(key))
        if followed.entry:
            raise NotHere(_UNENFORCED) if site.is_embedded else Inconclusive(_TOO_LATE)
    failed = followed.failure
    expect(failed, f"the intake ended {followed.status}")
    assert failed is not None  # noqa: S101 - narrows the type
    before = site.states(failed.listed.arn)
    client = site.client("stepfunctions")
    client.redrive_execution(executionArn=failed.listed.arn)
    ended = site.until(lambda: _ended(site, failed.listed.arn), "the redriven execution has not ended")
    expect(ended == "SUCCEEDED", f"the redriven execution ended {ended}")
    return failed, before, site.states(failed.listed.arn)


def _ended(site: Site, arn: str) -> str | None:
    status = site.client("stepfunctions").describe_execution(executionArn=arn)["status"]
    return None if status == "RUNNING" else str(status)


def _redriven(site: Site) -> str:
    _, before, after = _denied_then_redriven(site, "redriven")
    expect(before[-1] == "NormaliseSession", f"the execution failed at {before[-1]}")
    expect(
        after.count("ClassifyObject") == before.count("ClassifyObject"), "ClassifyObject was entered again"
    )
    return f"after the redrive the execution entered {', '.join(after[len(before) :])}"


def _entered_again(site: Site) -> str:
    failed, before, _ = _denied_then_redriven(site, "entered-again")
    client = site.client("stepfunctions")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=failed.listed.arn)
    kinds = [event["type"] for page in pages for event in page["events"]]
    expect("ExecutionRedriven" in kinds, "the history has no ExecutionRedriven")
    after = kinds[kinds.index("ExecutionRedriven") + 1 :]
    entered = [kind for kind in after if kind in ("TaskStateEntered", "TaskScheduled")]
    expect(entered and before, f"after ExecutionRedriven the history has {', '.join(after[:3])}")
    return f"after ExecutionRedriven the history has {entered[0]}"


def _refused_entry(site: Site) -> str:
    events, bus = site.client("events"), site.connection.catalog_bus
    found = events.describe_event_bus(Name=bus)
    policy = json.loads(found.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
    refusal = {
        "Sid": site.token,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": found["Arn"],
    }
    policy["Statement"].append(refusal)
    undo = Undo("events", "remove_permission", {"StatementId": site.token, "EventBusName": bus})
    with site.changed(undo):
        events.put_permission(EventBusName=bus, Policy=json.dumps(policy))
        site.pause(20)
        followed = site.ended(site.upload(site.key("refused.txt")))
    expect(followed.failure, "the catalog bus took an event although its policy denies it")
    error = followed.failure.error if followed.failure else None
    expect(error == "EventBridge.FailedEntry", f"the execution failed with {error}")
    return "the execution failed with EventBridge.FailedEntry while the bus rejected its event"


def _promoted(site: Site) -> str:
    if not site.is_express:
        raise NotHere("the stage has the standard lane")
    key = site.key("promoted.txt")
    with site.denied(site.role_of("TagObject"), "s3:PutObjectTagging", "s3:PutObjectVersionTagging"):
        followed = site.ended(site.upload(key))
    expect(followed.failure, f"the intake ended {followed.status}")
    assert followed.failure is not None  # noqa: S101 - narrows the type
    name = followed.failure.listed.name
    expect(name.startswith("promoted-"), f"the failed execution is not named promoted-…, but {name[:12]}…")
    machine, asked = (
        site.connection.output("ExpressStateMachineArn"),
        {"bucket": site.connection.landing, "key": key},
    )
    # TestState takes the context, of which the state makes its arguments, only for a state that it does not run.
    named = {"StateMachineArn": site.connection.machine, "Name": f"promoted-{site.token}"}
    inputs: tuple[dict[str, Any], ...] = (asked, {**asked, "hints": {}})  # one name, two inputs
    answers = [
        _tested(site, "PromoteObject", {}, machine, arguments={**named, "Input": given}) for given in inputs
    ]
    errors = [answer.get("error") for answer in answers]
    expect(
        errors == [None, "StepFunctions.ExecutionAlreadyExistsException"],
        f"TestState of PromoteObject with one name twice answered {errors}",
    )
    return "what failed on the lane was started as promoted-…, and a second start of a name was refused as documented"


def _caught(site: Site) -> str:
    if not site.is_express:
        raise NotHere("the stage has the standard lane")
    machine = site.connection.output("ExpressStateMachineArn")
    found = site.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    states = json.loads(found["definition"])["States"]
    name = next(one for one in states if _catches(states[one]))
    for error in _UNCAUGHT:
        answer = _tested(site, name, {}, machine, mock={"errorOutput": {"error": error, "cause": "verify"}})
        status = answer["status"]
        expect(status == "CAUGHT_ERROR", f"TestState answered {status} for {error}")
    return f"TestState of {name} caught {' and '.join(_UNCAUGHT)}"


def _catches(state: Mapping[str, Any]) -> bool:
    return any(set(_UNCAUGHT) <= set(one["ErrorEquals"]) for one in state.get("Catch", ()))


CLAIMS = (
    Claim(
        "A typed exception of a Python function reaches `ErrorEquals` by its class name",
        "upload an empty file; `describe-execution` says `RejectedObject`",
        _typed_error,
        uploads=1,
    ),
    Claim(
        "A failed execution's status-change event reaches RecordFailure, and its role may read the execution under "
        "the key",
        "upload an empty file; the landing object is tagged `failed`",
        _recorded,
        uploads=1,
    ),
    Claim(
        "A task whose arguments contain a failing `$assert` fails as `States.QueryEvaluationError` and calls nothing",
        '`aws stepfunctions test-state` with EmitCatalogEvent and the input `{"events": []}`',
        _asserted,
        embedded="evaluates no arguments in TestState",
    ),
    Claim(
        "PutEvents to a deleted bus is an error, not a silent success",
        "delete the catalog bus of a test stage, upload",
        _no_bus,
        embedded="answers PutEvents to any bus with success",
    ),
    Claim(
        "A redrive of an execution that failed at NormaliseSession does not enter ClassifyObject again",
        "remove `kms:Decrypt` from the function's role, upload, restore it, `aws stepfunctions redrive-execution "
        "--execution-arn …`, then `get-execution-history`",
        _redriven,
        seconds=300,
        uploads=1,
        group=Group.INTRUSIVE,
    ),
    Claim(
        "After a redrive the history enters the failed state again",
        "`get-execution-history` after a redrive: `ExecutionRedriven`, then `TaskStateEntered` or `TaskScheduled`",
        _entered_again,
        seconds=300,
        uploads=1,
        group=Group.INTRUSIVE,
    ),
    Claim(
        "`events:putEvents` accepts `Detail` as an object and fails with `EventBridge.FailedEntry` when the bus "
        "rejects an entry",
        "put a Deny on the bus policy, upload, `describe-execution`",
        _refused_entry,
        seconds=300,
        uploads=1,
        group=Group.INTRUSIVE,
        embedded="does not enforce the policies of buses",
    ),
    Claim(
        "On the lane express-first, `$states.context.Execution.Id` of an Express execution ends in the id of its "
        "start, and `states:startExecution` with an existing name fails with "
        "`StepFunctions.ExecutionAlreadyExistsException`",
        "remove `kms:Decrypt` from TagObject's role, upload: one execution `promoted-…`; start the Express machine's "
        "PromoteObject twice with TestState",
        _promoted,
        seconds=300,
        uploads=1,
        runs=1,
        group=Group.INTRUSIVE,
        embedded="evaluates no arguments in TestState",
    ),
    Claim(
        "A promotion that Step Functions refuses waits in the queue of promotions: `sqs:sendMessage` writes an object "
        "as the message's body, and PromoteObjects starts it",
        "add a Deny of `states:StartExecution` to the Express machine's role, upload a file whose intake fails: one "
        "execution `promoted-…`",
        never="whatever fails on the lane meanwhile would wait with it",
    ),
    Claim(
        "A catcher that names `States.DataLimitExceeded` and `States.Runtime` is accepted and catches them",
        "deploy the lane express-first; TestState of a Parallel whose branch fails with them",
        _caught,
        embedded="runs no Parallel in TestState",
    ),
)
