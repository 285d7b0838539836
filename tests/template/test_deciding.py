"""The records of decisions, the claims, and the policy for people who decide and do not operate."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised, listed
from tests.unit.inbox.tour import BESIDE, CALLS

TABLE = "AWS::DynamoDB::Table"
WRITERS = ("ReassignmentAssignPatientRole", "MergingMergePatientsRole")


@pytest.fixture(scope="module")
def stage(synthesise: Synthesise) -> Synthesised:
    """A stage in which patients are merged as well."""
    return synthesise(patients="listed")


def test_records_are_added_by_the_functions_that_decide_and_deleted_by_nobody(stage: Synthesised) -> None:
    _, table = stage.only(TABLE, named="DecisionsTable")
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["day", "number"]
    policy = {it["Sid"]: it for it in table["ResourcePolicy"]["PolicyDocument"]["Statement"]}
    assert {it["Effect"] for it in policy.values()} == {"Deny"}
    assert {str(it["Principal"]) for it in policy.values()} == {"{'AWS': '*'}"}
    assert "Condition" not in policy["NobodyDeletes"]
    assert {"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQLDelete"} == set(
        policy["NobodyDeletes"]["Action"]
    )
    roles = [stage.only("AWS::IAM::Role", named=name)[0] for name in WRITERS]
    others = {"aws:PrincipalArn": [{"Fn::GetAtt": [role, "Arn"]} for role in roles]}
    assert policy["OnlyTheFunctionsAdd"]["Condition"] == {"ArnNotEquals": others}
    assert "dynamodb:PutItem" in policy["OnlyTheFunctionsAdd"]["Action"]
    taking_out = policy["OthersTakeOutPayloadsAtMost"]["Condition"]
    assert taking_out["ArnNotEquals"] == others
    named = taking_out["ForAnyValue:StringNotEquals"]["dynamodb:Attributes"]
    assert {"hash", "digest", "previous", "type"}.isdisjoint(named)


def test_no_other_role_may_touch_the_records(stage: Synthesised) -> None:
    table, _ = stage.only(TABLE, named="DecisionsTable")
    writing = {
        name
        for name, statement in stage.role_statements()
        if {"Fn::GetAtt": [table, "Arn"]} in listed(statement["Resource"])
        and {"dynamodb:PutItem", "dynamodb:UpdateItem"} & set(listed(statement["Action"]))
    }
    assert {next(role for role in WRITERS if name.startswith(role)) for name in writing} == set(WRITERS)


def test_claims_expire(stage: Synthesised) -> None:
    _, table = stage.only(TABLE, named="ClaimsTable")
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["place"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "until", "Enabled": True}


def inbox(stage: Synthesised) -> list[dict[str, Any]]:
    name, _ = stage.only("AWS::IAM::ManagedPolicy", named="CarefileInbox")
    return [it for policy, it in stage.role_statements() if policy == name]


def test_who_decides_changes_nothing_but_claims_and_starts_nothing_but_a_reassignment(
    stage: Synthesised,
) -> None:
    may = {action: it for it in inbox(stage) for action in listed(it["Action"])}
    assert may.keys() == CALLS | BESIDE
    writing = {"PutItem", "DeleteItem"}
    claims, _ = stage.only(TABLE, named="ClaimsTable")
    for action in writing:
        assert may[f"dynamodb:{action}"]["Resource"] == {"Fn::GetAtt": [claims, "Arn"]}
    machine, _ = stage.only("AWS::StepFunctions::StateMachine", named="Reassignment")
    assert may["states:StartExecution"]["Resource"] == {"Ref": machine}
    function, _ = stage.only("AWS::Lambda::Function", named="AssignPatient")
    assert may["lambda:InvokeFunction"]["Resource"] == {"Fn::GetAtt": [function, "Arn"]}
    assert {it for it in may if it.startswith("s3:")} == {"s3:GetObject", "s3:ListBucket"}
    assert not {it for it in may if it.startswith(("iam:", "sqs:", "events:", "secretsmanager:"))}
    landing, _ = stage.only("AWS::S3::Bucket", named="StorageLanding")
    assert landing not in str(inbox(stage))
