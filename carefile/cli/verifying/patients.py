"""Claims about the patient directory and the record of decisions."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError

from carefile.cli.again.dead_letters import DeadLetters, Letter, Queue
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entry
from carefile.cli.inbox.queue import Queue as Inbox
from carefile.cli.inbox.queue import View
from carefile.cli.inbox.records import Records
from carefile.cli.patients.decided import Decided
from carefile.cli.patients.deciding import Decider, Wish
from carefile.cli.problem import is_denied
from carefile.cli.verifying.claim import Claim, Group
from carefile.cli.verifying.journal import Undo
from carefile.cli.verifying.outcome import Contradicted, NotHere
from carefile.cli.verifying.site import Site, answered, expect
from carefile.core.messages.events import iso_8601
from carefile.core.model import DecisionType
from carefile.core.records.decisions import DAY, NUMBER

_DAMAGED = "4711.0"
_WHO = "carefile verify"


def _registered(site: Site) -> str:
    patients, letters = Patients(site.connection), DeadLetters(site.connection)
    site.journal.will_register(site.token)
    site.journal.will_send_to(Queue.REGISTRATIONS.value)
    site.send("Patient Registered", {"patient_id": site.token, "names": [{"text": "Verify"}]})
    site.send("Patient Registered", {"patient_id": _DAMAGED, "names": [{"text": site.token}]})
    site.until(lambda: patients.get(site.token), "the directory does not list a registered patient", every=1)

    def refused() -> Letter | None:
        found = letters.look(Queue.REGISTRATIONS, 100)
        return next((one for one in found if site.token in json.dumps(one.event)), None)

    letter = site.until(refused, "a refused registration is not among the dead letters", every=5)
    expect(letter.error == "RejectedPatient", f"the dead letter says {letter.error}")
    return "one patient is listed; a damaged id is among the dead letters as RejectedPatient"


def _merged_at_once(site: Site) -> str:
    if not site.connection.patients_are_listed:
        raise NotHere("the stage has patients: open")
    site.journal.will_decide()
    patients, now = Patients(site.connection), iso_8601(datetime.now(UTC))
    names = [f"{site.token}-{letter}" for letter in "ab"]
    for name in names:
        site.journal.will_register(name)
        site.send("Patient Registered", {"patient_id": name, "names": [{"text": "Verify"}]})
    for name in names:
        site.until(partial(patients.get, name), "the directory does not list a registered patient")
    client, machine = site.client("stepfunctions"), site.connection.output("MergePatientsStateMachineArn")
    started = [
        client.start_execution(
            stateMachineArn=machine,
            input=json.dumps({"from": one, "into": other, "decided_by": _WHO, "decided_at": now}),
        )["executionArn"]
        for one, other in (names, names[::-1])
    ]
    errors = [site.until(partial(_ended, site, arn), "a merge has not ended").get("error") for arn in started]
    expect(sorted(map(str, errors)) == ["MergeConflict", "None"], f"the two merges ended with {errors}")
    return "of two opposite merges at once one held, and one ended in MergeConflict"


def _ended(site: Site, arn: str) -> dict[str, Any] | None:
    found: dict[str, Any] = site.client("stepfunctions").describe_execution(executionArn=arn)
    return None if found["status"] == "RUNNING" else found


def _decided(site: Site, name: str) -> Entry:
    """A document about which somebody has decided."""
    entry = site.filed(site.upload(site.key(f"{name}.txt"), name.encode()))
    site.journal.will_decide()
    decider = Decider(site.connection)
    wish = Wish(
        DecisionType.NOBODY,
        _WHO,
        reason=site.token,
        key=entry.landing_key,
        taken_from=(entry.patient,) if entry.patient else (),
    )
    ended = decider.follow(decider.decide(wish), timedelta(seconds=90))
    expect(ended["status"] == "SUCCEEDED", f"the reassignment ended {ended['status']}, {ended['error']}")
    return entry


def _recorded(site: Site) -> str:
    since = datetime.now(UTC) - timedelta(minutes=5)
    _decided(site, "decided")
    found = [one for one in Decided(site.connection).all(since) if site.token in (one.payload or "")]
    expect(found, "the decision is not in the record")
    return "a decision is in the record, in a transaction over its items"


def _guarded(site: Site) -> str:
    """Everything but the decision itself is about an item that does not exist, so nothing is lost if it is allowed."""
    _decided(site, "guarded")
    dynamodb, table = site.client("dynamodb"), site.connection.output("DecisionsTableName")
    key = {DAY: {"S": site.token}, NUMBER: {"S": "0"}}
    requests = {
        "DeleteItem": lambda: dynamodb.delete_item(TableName=table, Key=key),
        "PutItem": lambda: dynamodb.put_item(
            TableName=table,
            Item=key,
            ConditionExpression="attribute_exists(#day)",
            ExpressionAttributeNames={"#day": DAY},
        ),
        "UpdateItem": lambda: dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #hash = :none",
            ConditionExpression="attribute_exists(#day)",
            ExpressionAttributeNames={"#day": DAY, "#hash": "hash"},
            ExpressionAttributeValues={":none": {"S": ""}},
        ),
    }
    for name, request in requests.items():
        code = answered(request)
        expect(code == "AccessDeniedException", f"{name} was answered with {code or 'success'}")
    decided = Decided(site.connection)
    since = datetime.now(UTC) - timedelta(minutes=5)
    for record in decided.all(since):
        if site.token in (record.payload or ""):
            decided.forget(record, iso_8601(datetime.now(UTC)))
    return "a decision was recorded and its contents taken out; DeleteItem, PutItem and changing a hash were denied"


def _inbox(site: Site) -> str:
    """Assume a role that has the inbox's policy and nothing else, and open the inbox with it."""
    iam = site.client("iam")
    caller = site.client("sts").get_caller_identity()["Arn"].split(":")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{caller[1]}:iam::{caller[4]}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    policy = {"RoleName": site.token, "PolicyArn": site.connection.output("InboxPolicyArn")}
    with site.changed(Undo("iam", "delete_role", {"RoleName": site.token})):
        boundary = iam.get_role(RoleName=site.role_of("TagObject"))["Role"].get("PermissionsBoundary", {})
        bounded = {"PermissionsBoundary": arn} if (arn := boundary.get("PermissionsBoundaryArn")) else {}
        role = iam.create_role(RoleName=site.token, AssumeRolePolicyDocument=json.dumps(trust), **bounded)[
            "Role"
        ]
        with site.changed(Undo("iam", "detach_role_policy", policy)):
            iam.attach_role_policy(**policy)
            given = _assumed(site, role["Arn"])
            session = boto3.session.Session(
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
                region_name=site.connection.session.region_name,
            )
            clerk, denied = site.connection.acting_as(session), list[str]()

            def opened() -> str | None:
                try:
                    return f"{_rows(clerk)} rows"
                except ClientError as error:
                    if not is_denied(error):
                        raise
                    # A policy that was attached takes some seconds to hold.
                    denied.append(error.operation_name)
                    return None

            try:
                rows = site.until(opened, "", every=10)
            except Contradicted:
                raise Contradicted(f"a role with this policy alone was denied {denied[-1]}") from None
            return f"a role with this policy alone opened the inbox: {rows}"


def _assumed(site: Site, role: str) -> dict[str, str]:
    """The credentials of a role that was made just now, which takes some seconds to be known everywhere."""
    for wait in (20, 20, 20):
        site.pause(wait)
        with suppress(ClientError):
            return _credentials(site, role)
    return _credentials(site, role)


def _credentials(site: Site, role: str) -> dict[str, str]:
    given: dict[str, str] = site.client("sts").assume_role(RoleArn=role, RoleSessionName="verify")[
        "Credentials"
    ]
    return given


def _rows(connection: Connection) -> int:
    inbox = Inbox(connection, Records(connection))
    return len(inbox.page(View()).rows)


CLAIMS = (
    Claim(
        "`Patient Registered` reaches its encrypted queue and RegisterPatients; a refused one is in the dead letters "
        "with its error",
        'put `{"patient_id": "V-1"}` and `{"patient_id": "4711.0"}` on the intake bus; `carefile patients show V-1`, '
        "`carefile dlq`",
        _registered,
        seconds=600,
        runs=1,
    ),
    Claim(
        "A merge is one transaction that its role may make, and two at once do not both hold",
        "a stage with `patients: listed`: start A into B and B into A at the same time; one ends in `MergeConflict`",
        _merged_at_once,
        seconds=300,
        runs=2,
        group=Group.LASTING,
    ),
    Claim(
        "The decisions table's own policy lets AssignPatient add and nobody delete; `dynamodb:Attributes` lets an "
        "operator take out payload and salt, and refuses to change anything else",
        "decide about a document; as an administrator `aws dynamodb delete-item`, `put-item`, and `update-item` of "
        "`hash` (all 400, AccessDenied); `carefile forget` a test patient",
        _guarded,
        seconds=300,
        uploads=1,
        runs=1,
        group=Group.LASTING,
        embedded="does not enforce the policies of tables",
    ),
    Claim(
        "A transaction over four items of that table is allowed with PutItem and UpdateItem alone",
        "decide about a document: `carefile decisions` shows it",
        _recorded,
        seconds=300,
        uploads=1,
        runs=1,
        group=Group.LASTING,
    ),
    Claim(
        "Who has the policy `InboxPolicyArn` and nothing else can run `carefile inbox`",
        "a user with that policy",
        _inbox,
        seconds=180,
        group=Group.INTRUSIVE,
    ),
)
