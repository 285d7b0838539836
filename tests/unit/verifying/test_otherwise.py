"""Checks that the embedded AWS settles, where AWS answers otherwise: each says what it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from carefile.cli.verifying import patients
from carefile.cli.verifying.outcome import Outcome
from carefile.cli.verifying.suite import CLAIMS
from carefile.core.patients.entries import PatientEntry
from carefile.core.records.patients import to_item
from tests.unit.verifying.answers import (
    Set,
    all_of,
    answers,
    backfilled,
    fails_with,
    never_ends,
    stored,
)
from tests.unit.verifying.cases import CASES
from tests.unit.verifying.checking import claim, found
from tests.unit.verifying.modelled import ACCOUNT, STACK, Aws, machine, refused


def encoded_keys(aws: Aws) -> None:
    def described(asked: Any) -> dict[str, Any]:
        found = aws.executions[asked["executionArn"]]
        return found | {"input": quote(found["input"], safe='{}":,[] ')}

    aws.answers["DescribeExecution"] = described


def long_history(aws: Aws) -> None:
    event = {"timestamp": datetime.now(UTC), "type": "TaskStateEntered", "id": 1}
    event |= {"stateEnteredEventDetails": {"name": "ClassifyObject", "input": "x" * 300_000}}
    aws.answers["GetExecutionHistory"] = {"events": [event]}


def merging(*errors: str | None) -> Set:
    def set_(aws: Aws) -> None:
        left = list(errors)
        now = datetime.now(UTC)

        def start(asked: Any) -> dict[str, Any]:
            arn = f"{machine('MergePatients').replace(':stateMachine:', ':execution:')}:{len(left)}"
            error = left.pop()
            ended = {"status": "FAILED", "error": error} if error else {"status": "SUCCEEDED"}
            named = {"executionArn": arn, "stateMachineArn": machine("MergePatients"), "name": "m"}
            aws.executions[arn] = named | ended | {"startDate": now, "stopDate": now, "input": asked["input"]}
            return {"executionArn": arn, "startDate": now}

        def register(asked: Any) -> dict[str, Any]:
            for one in asked["Entries"]:
                item = to_item(PatientEntry(json.loads(one["Detail"])["patient_id"]))
                aws.patients[item["entry"]["S"]] = item
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

        aws.answers |= {"StartExecution": start, "PutEvents": register}

    return set_


def roles(aws: Aws) -> None:
    role = {"Path": "/", "RoleName": "r", "RoleId": "A" * 16, "CreateDate": datetime.now(UTC)}
    given = {
        "AccessKeyId": "A" * 16,
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": datetime.now(UTC),
    }
    bounded = role | {"PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY}}
    aws.answers |= {
        "GetRole": {"Role": bounded | {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{STACK}/tag"}},
        "GetCallerIdentity": {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/me"},
        "CreateRole": {"Role": role | {"Arn": f"arn:aws:iam::{ACCOUNT}:role/r"}},
        "AssumeRole": {"Credentials": given},
    }


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/Boundary"
MERGE, INBOX = "A merge is one transaction", "Who has the policy"
CONTRADICTED: dict[str, tuple[Set, str]] = {
    "Object keys in the events are raw": (encoded_keys, "names the key in another form"),
    "HEAD of a deleted key": (answers(HeadObject=refused("404", 404)), "x-amz-delete-marker: None"),
    "gives 404, not 403": (fails_with("StorageDenied"), "the intake failed: StorageDenied"),
    "The catalog's stream reaches": (lambda _: None, "the session has no entry"),
    "A session of more than": (lambda _: None, "does not count its"),
    "No field of history": (long_history, "an event of the history has 300"),
    "The index `by-content`": (
        answers(
            DescribeTable={
                "Table": {"GlobalSecondaryIndexes": [{"IndexName": "by-content", "IndexStatus": "CREATING"}]}
            }
        ),
        "the index is CREATING",
    ),
    "A function may filter": (stored({"status": "partial", "reason": "damaged"}), "partial, reason damaged"),
    "copies tags, metadata and content type": (
        answers(HeadObject={"ContentType": "x/y"}),
        "content type x/y",
    ),
    "with `ChecksumAlgorithm=SHA256`": (lambda _: None, "has the digest none"),
    "A typed exception": (fails_with("Exception"), "failed with Exception"),
    "reaches RecordFailure": (never_ends, "not tagged as failed"),
    "`anything-but` with `wildcard`": (
        answers(
            DescribeRule={"Name": "r", "EventPattern": '{"source": ["aws.s3"]}'},
            TestEventPattern={"Result": True},
        ),
        "the pattern matches a key like processed/",
    ),
    "A Map Run that failed": (
        all_of(backfilled("FAILED", failed=1, total=1), answers(ListObjectsV2={})),
        "none FAILED",
    ),
    "over an empty listing": (backfilled("SUCCEEDED"), "ended SUCCEEDED"),
    "The rows of an inventory": (backfilled("FAILED", failed=2, total=2), "over an inventory ended FAILED"),
    "describe its own Map Run": (backfilled("SUCCEEDED"), "output counts"),
    "may start, describe, stop and redrive": (backfilled("SUCCEEDED"), "an empty file ended SUCCEEDED"),
    "`Patient Registered` reaches": (
        answers(PutEvents={"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, GetItem={}),
        "does not list a registered patient",
    ),
    "A transaction over four items": (lambda _: None, "the decision is not in the record"),
}


@pytest.mark.parametrize("text", CONTRADICTED)
def test_it_contradicts_its_claim_and_says_how(text: str) -> None:
    set_, says = CONTRADICTED[text]
    aws = Aws()
    set_(aws)
    finding = found(aws, claim(text))
    assert (finding.outcome, says in finding.says) == (Outcome.CONTRADICTED, True), finding.says


def test_a_deleted_key_that_says_so_settles_the_claim() -> None:
    aws = Aws()
    aws.answers["HeadObject"] = refused("404", 404, x_amz_delete_marker="true")
    assert found(aws, claim("HEAD of a deleted key")).outcome is Outcome.SETTLED


def test_of_two_merges_at_once_one_may_hold() -> None:
    for errors, outcome in (
        (("MergeConflict", None), Outcome.SETTLED),
        ((None, "MergeConflict"), Outcome.SETTLED),
        ((None, None), Outcome.CONTRADICTED),
        (("MergeConflict", "MergeConflict"), Outcome.CONTRADICTED),
    ):
        aws = Aws(PATIENTS="listed")
        merging(*errors)(aws)
        finding = found(aws, claim(MERGE))
        assert finding.outcome is outcome, finding.says


class TestInbox:
    """A role that has nothing but the inbox's policy."""

    def checked(self, monkeypatch: pytest.MonkeyPatch, rows: Callable[[object], int], **given: Any) -> Any:
        monkeypatch.setattr(patients, "_rows", rows)
        aws = Aws()
        roles(aws)
        aws.answers |= given
        finding = found(aws, claim(INBOX))
        made = [
            name for name, _ in aws.asked if name.endswith(("Role", "RolePolicy")) and name != "AssumeRole"
        ]
        assert (made[0], made[1], made[-1]) == ("GetRole", "CreateRole", "DeleteRole")
        (created,) = aws.requests("CreateRole")
        assert created["PermissionsBoundary"] == BOUNDARY, "an organisation may demand it of every role"
        return finding

    def test_opens_the_inbox_once_its_policy_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tries = [ClientError({"Error": {"Code": "AccessDeniedException"}}, "Query")]

        def rows(_: object) -> int:
            if tries:
                raise tries.pop()
            return 0

        assumed = [refused("AccessDenied", 403)]

        def assume(asked: Any) -> Any:
            if assumed:
                return assumed.pop()(asked)
            credentials = {"AccessKeyId": "A" * 16, "SecretAccessKey": "s", "SessionToken": "t"}
            return {"Credentials": credentials | {"Expiration": datetime.now(UTC)}}

        finding = self.checked(monkeypatch, rows, AssumeRole=assume)
        assert (finding.outcome, finding.says[-6:]) == (Outcome.SETTLED, "0 rows"), finding.says

    def test_that_stays_denied_contradicts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def rows(_: object) -> int:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "Query")

        finding = self.checked(monkeypatch, rows)
        assert (finding.outcome, finding.says[-16:]) == (Outcome.CONTRADICTED, "was denied Query"), (
            finding.says
        )

    def test_that_nobody_may_assume_leaves_it_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        finding = self.checked(monkeypatch, lambda _: 0, AssumeRole=refused("AccessDenied", 403))
        assert finding.outcome is Outcome.OPEN, finding.says


def test_every_check_has_been_contradicted_somewhere() -> None:
    elsewhere = (MERGE, INBOX, "keeps one under legal hold")
    tried = {claim(text).text for text in (*CASES, *CONTRADICTED, *elsewhere)}
    # AWS would refuse the definition, so nothing deployed can contradict that one.
    left = [it.text for it in CLAIMS if it.look and it.text not in tried]
    assert [text[:16] for text in left] == ["`MaxConcurrency`"]
