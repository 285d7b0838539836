"""What a role is made to try: each an ordinary request with the role's own credentials, told apart by its name.

An attempt counts as refused when AWS refuses access, and as allowed whatever else comes of it: that what it names is
not there shows that nobody stood in the way. None changes anything that another test looks at.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from local import deployment
from tests.embedded import EmbeddedAws

REFUSED = {"AccessDenied", "AccessDeniedException", "403", "AuthorizationError", "NotAuthorized"}
NOBODY = "attempt-of-nobody"
UPLOAD, FILED = f"documents/{NOBODY}/upload.txt", f"processed/{NOBODY}_upload/original.txt"
ELSEWHERE = "elsewhere/object.txt"


@dataclass(frozen=True)
class Places:
    """The stack's resources by what they are to the attempts."""

    landing: str
    processed: str
    reports: str
    machine: str
    backfill: str
    adoption: str
    reassignment: str
    execution: str
    ledger: str
    catalog: str
    intake_bus: str
    catalog_bus: str
    secret: str
    queue: str
    function: str
    adopting_function: str
    deciding_function: str
    merging_function: str
    merge: str
    patients: str
    decisions: str
    claims: str
    key: str
    log_group: str
    version: str
    filed_version: str


Client = Callable[[str], Any]
Attempt = Callable[[Client, Places], Any]


def event(bus: str, source: str, kind: str) -> dict[str, Any]:
    return {"Entries": [{"EventBusName": bus, "Source": source, "DetailType": kind, "Detail": "{}"}]}


def start_badly(aws: Client, machine: str) -> Any:
    """Ask for an execution that nobody gets, as its input is no JSON: access is refused before that is seen."""
    return aws("stepfunctions").start_execution(stateMachineArn=machine, input="{")


ITEM = {"source_id": {"S": NOBODY}}
PATIENT = {"entry": {"S": NOBODY}, "part": {"S": NOBODY}}
RECORD, CLAIM = {"day": {"S": NOBODY}, "number": {"S": "0"}}, {"place": {"S": NOBODY}}

ATTEMPTS: dict[str, Attempt] = {
    "read an upload": lambda aws, at: aws("s3").get_object(Bucket=at.landing, Key=UPLOAD),
    "read an older version of an upload": lambda aws, at: aws("s3").get_object(
        Bucket=at.landing, Key=UPLOAD, VersionId=at.version
    ),
    "list the uploads": lambda aws, at: aws("s3").list_objects_v2(Bucket=at.landing),
    "write an upload": lambda aws, at: aws("s3").put_object(Bucket=at.landing, Key=ELSEWHERE, Body=b"x"),
    "delete an upload": lambda aws, at: aws("s3").delete_object(Bucket=at.landing, Key=ELSEWHERE),
    "delete a version of an upload": lambda aws, at: aws("s3").delete_object(
        Bucket=at.landing, Key=UPLOAD, VersionId=at.version
    ),
    "read an upload's tags": lambda aws, at: aws("s3").get_object_tagging(Bucket=at.landing, Key=UPLOAD),
    "tag an upload": lambda aws, at: aws("s3").put_object_tagging(
        Bucket=at.landing, Key=UPLOAD, Tagging={"TagSet": []}
    ),
    "read what is filed": lambda aws, at: aws("s3").get_object(Bucket=at.processed, Key=FILED),
    "read outside the layout": lambda aws, at: aws("s3").get_object(Bucket=at.processed, Key=ELSEWHERE),
    "list the layout": lambda aws, at: aws("s3").list_objects_v2(
        Bucket=at.processed, Prefix=f"processed/{NOBODY}"
    ),
    "list outside the layout": lambda aws, at: aws("s3").list_objects_v2(
        Bucket=at.processed, Prefix="elsewhere/"
    ),
    "write into the layout": lambda aws, at: aws("s3").put_object(
        Bucket=at.processed, Key=f"processed/{NOBODY}_other/x", Body=b"x"
    ),
    # The bucket's policy refuses it to everybody. (The embedded AWS does not know the condition on the key's own id.)
    "write into the layout under the service's key": lambda aws, at: aws("s3").put_object(
        Bucket=at.processed, Key=f"processed/{NOBODY}_other/x", Body=b"x", ServerSideEncryption="AES256"
    ),
    "write outside the layout": lambda aws, at: aws("s3").put_object(
        Bucket=at.processed, Key=ELSEWHERE, Body=b"x"
    ),
    "delete from the layout": lambda aws, at: aws("s3").delete_object(
        Bucket=at.processed, Key=f"processed/{NOBODY}_other/x"
    ),
    "delete a version of what is filed": lambda aws, at: aws("s3").delete_object(
        Bucket=at.processed, Key=FILED, VersionId=at.filed_version
    ),
    "read a backfill's report": lambda aws, at: aws("s3").get_object(
        Bucket=at.reports, Key=f"backfill/{NOBODY}"
    ),
    "write a backfill's report": lambda aws, at: aws("s3").put_object(
        Bucket=at.reports, Key=f"backfill/{NOBODY}", Body=b"x"
    ),
    "read an adoption's report": lambda aws, at: aws("s3").get_object(
        Bucket=at.reports, Key=f"adoption/{NOBODY}"
    ),
    "write an adoption's report": lambda aws, at: aws("s3").put_object(
        Bucket=at.reports, Key=f"adoption/{NOBODY}", Body=b"x"
    ),
    "delete a report": lambda aws, at: aws("s3").delete_object(Bucket=at.reports, Key=f"backfill/{NOBODY}"),
    "list the reports": lambda aws, at: aws("s3").list_objects_v2(Bucket=at.reports),
    "change a bucket's policy": lambda aws, at: aws("s3").delete_bucket_policy(Bucket=at.processed),
    "read the ledger": lambda aws, at: aws("dynamodb").get_item(TableName=at.ledger, Key=ITEM),
    "read the whole ledger": lambda aws, at: aws("dynamodb").scan(TableName=at.ledger, Limit=1),
    "write the ledger": lambda aws, at: aws("dynamodb").update_item(
        TableName=at.ledger,
        Key=ITEM,
        UpdateExpression="SET tried = :x",
        ExpressionAttributeValues={":x": {"S": "x"}},
    ),
    "delete from the ledger": lambda aws, at: aws("dynamodb").delete_item(TableName=at.ledger, Key=ITEM),
    "read the catalog": lambda aws, at: aws("dynamodb").get_item(TableName=at.catalog, Key=ITEM),
    "read the whole catalog": lambda aws, at: aws("dynamodb").scan(TableName=at.catalog, Limit=1),
    "write the catalog": lambda aws, at: aws("dynamodb").put_item(
        TableName=at.catalog, Item=ITEM, ConditionExpression="attribute_exists(source_id)"
    ),
    "delete from the catalog": lambda aws, at: aws("dynamodb").delete_item(TableName=at.catalog, Key=ITEM),
    "read a patient": lambda aws, at: aws("dynamodb").get_item(TableName=at.patients, Key=PATIENT),
    "list a patient": lambda aws, at: aws("dynamodb").put_item(
        TableName=at.patients, Item=PATIENT, ConditionExpression="attribute_exists(part)"
    ),
    "delete a patient": lambda aws, at: aws("dynamodb").delete_item(TableName=at.patients, Key=PATIENT),
    "read the decisions": lambda aws, at: aws("dynamodb").get_item(TableName=at.decisions, Key=RECORD),
    "add a decision": lambda aws, at: aws("dynamodb").put_item(
        TableName=at.decisions, Item=RECORD, ConditionExpression="attribute_exists(digest)"
    ),
    "delete a decision": lambda aws, at: aws("dynamodb").delete_item(TableName=at.decisions, Key=RECORD),
    "claim what one looks at": lambda aws, at: aws("dynamodb").put_item(TableName=at.claims, Item=CLAIM),
    "announce on the catalog bus": lambda aws, at: aws("events").put_events(
        **event(at.catalog_bus, "carefile.catalog", "Attempt")
    ),
    "submit on the intake bus": lambda aws, at: aws("events").put_events(
        **event(at.intake_bus, "carefile.intake", "Attempt")
    ),
    "publish on the account's bus": lambda aws, at: aws("events").put_events(
        **event("default", "attempt", "Attempt")
    ),
    "read the key of the pseudonyms": lambda aws, at: aws("secretsmanager").get_secret_value(
        SecretId=at.secret
    ),
    "describe an execution": lambda aws, at: aws("stepfunctions").describe_execution(
        executionArn=at.execution
    ),
    "start an execution": lambda aws, at: aws("stepfunctions").start_execution(
        stateMachineArn=at.machine, input=json.dumps({"bucket": NOBODY, "key": NOBODY})
    ),
    "start a backfill": lambda aws, at: start_badly(aws, at.backfill),
    "start an adoption": lambda aws, at: start_badly(aws, at.adoption),
    "start a reassignment": lambda aws, at: start_badly(aws, at.reassignment),
    "start a merge": lambda aws, at: start_badly(aws, at.merge),
    "stop an execution": lambda aws, at: aws("stepfunctions").stop_execution(executionArn=at.execution),
    "call a function": lambda aws, at: aws("lambda").invoke(
        FunctionName=at.function, InvocationType="DryRun"
    ),
    "call the function that adopts": lambda aws, at: aws("lambda").invoke(
        FunctionName=at.adopting_function, InvocationType="DryRun"
    ),
    "call the function that decides": lambda aws, at: aws("lambda").invoke(
        FunctionName=at.deciding_function, InvocationType="DryRun"
    ),
    "call the function that merges": lambda aws, at: aws("lambda").invoke(
        FunctionName=at.merging_function, InvocationType="DryRun"
    ),
    "change a function": lambda aws, at: aws("lambda").update_function_configuration(
        FunctionName=at.function, Description="x"
    ),
    "put a dead letter": lambda aws, at: aws("sqs").send_message(
        QueueUrl=at.queue, MessageBody=NOBODY, DelaySeconds=900
    ),
    "take a dead letter": lambda aws, at: aws("sqs").receive_message(QueueUrl=at.queue, VisibilityTimeout=0),
    "use the records' key outside of a service": lambda aws, at: aws("kms").generate_data_key(
        KeyId=at.key, KeySpec="AES_256"
    ),
    "read a log": lambda aws, at: aws("logs").filter_log_events(logGroupName=at.log_group, limit=1),
    "give itself a permission": lambda aws, at: aws("iam").create_policy(
        PolicyName=NOBODY, PolicyDocument="{}"
    ),
}


def refused(attempt: Attempt, client: Client, at: Places) -> bool:
    try:
        attempt(client, at)
    except ClientError as error:
        return str(error.response["Error"]["Code"]) in REFUSED
    return False


class Roles:
    """The stack's roles, and clients that act as one of them."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._name = f"tests-{uuid.uuid4().hex[:10]}"
        iam = aws.client("iam")
        iam.create_user(UserName=self._name)
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
        iam.put_user_policy(
            UserName=self._name, PolicyName="act", PolicyDocument=json.dumps({"Statement": [statement]})
        )
        user = iam.create_access_key(UserName=self._name)["AccessKey"]
        # Clients of a user of the account who was given nothing but to act as others.
        self.nobody = self._clients(user["AccessKeyId"], user["SecretAccessKey"], None)

    def all(self) -> dict[str, str]:
        """The stack's roles: their names by their logical ids, without what CloudFormation adds to those."""
        resources = self._aws.client("cloudformation").get_paginator("list_stack_resources")
        return {
            re.sub(r"RoleRole[0-9A-F]{8}$|Role[0-9A-F]{8}$", "", item["LogicalResourceId"]): item[
                "PhysicalResourceId"
            ]
            for page in resources.paginate(StackName=self._aws.settings.stack_name)
            for item in page["StackResourceSummaries"]
            if item["ResourceType"] == "AWS::IAM::Role"
        }

    def given(self, policy: str) -> Client:
        """Clients of a user of the account who was given one managed policy and nothing else."""
        return self._clients(*self.key_given(policy), None)

    def key_given(self, policy: str) -> tuple[str, str]:
        """The access key of such a user."""
        iam, name = self._aws.client("iam"), f"{self._name}-{uuid.uuid4().hex[:6]}"
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def allowed_by(self, policy: str) -> set[str]:
        """The actions that a managed policy allows."""
        iam = self._aws.client("iam")
        version = iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=policy, VersionId=version)["PolicyVersion"]["Document"]
        document = json.loads(found) if isinstance(found, str) else found
        actions = [it["Action"] for it in document["Statement"]]
        return {one for it in actions for one in ([it] if isinstance(it, str) else it)}

    def acting_as(self, role: str) -> Client:
        """Clients with the credentials of a role. It trusts services only, so for a moment it trusts the tests."""
        iam = self._aws.client("iam")
        found = iam.get_role(RoleName=role)["Role"]
        ours = {"Effect": "Allow", "Principal": {"AWS": self._arn}, "Action": "sts:AssumeRole"}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps({"Statement": [ours]}))
        try:
            given = self.nobody("sts").assume_role(RoleArn=found["Arn"], RoleSessionName="tests")[
                "Credentials"
            ]
        finally:
            trust = json.dumps(found["AssumeRolePolicyDocument"])
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust)
        return self._clients(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    @property
    def _arn(self) -> str:
        return str(self._aws.client("iam").get_user(UserName=self._name)["User"]["Arn"])

    def _clients(self, key_id: str, secret: str, token: str | None) -> Client:
        return cache(lambda service: deployment.client(self._aws.settings, service, (key_id, secret, token)))
