"""Small functions, machines and rules to try the embedded AWS with."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

from tests.embedded import EmbeddedAws, eventually

ROLE = "arn:aws:iam::000000000000:role/stub"


def role(aws: EmbeddedAws, name: str = "stub", path: str = "/") -> str:
    """See that there is a role that services take and that may do anything; its ARN."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "*"}}],
    }
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    iam = aws.client("iam")
    try:
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    else:
        iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=json.dumps(everything))
    arn: str = iam.get_role(RoleName=name)["Role"]["Arn"]
    return arn


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:10]}"


def package(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("stub.py", source)
    return buffer.getvalue()


def function(aws: EmbeddedAws, source: str) -> str:
    """Deploy a module with a `handler` and give the function's ARN."""
    created = aws.client("lambda").create_function(
        FunctionName=unique("stub"),
        Runtime="python3.11",
        Handler="stub.handler",
        Role=role(aws),
        Timeout=20,
        Code={"ZipFile": package(source)},
    )
    return created["FunctionArn"]


def invoke_state(function_arn: str, **members: Any) -> dict[str, Any]:
    """A JSONata Task state that hands its input to the function and passes its answer on."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function_arn, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        **members,
    }


def machine(aws: EmbeddedAws, states: dict[str, Any], type: str = "STANDARD") -> str:
    """Create a JSONata machine that starts at the first of the states and give its ARN."""
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    created = aws.client("stepfunctions").create_state_machine(
        name=unique("stub"), definition=json.dumps(definition), roleArn=role(aws), type=type
    )
    return created["stateMachineArn"]


def bucket(aws: EmbeddedAws) -> str:
    """A versioned bucket that tells EventBridge what happens in it."""
    name = unique("stub")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return name


def events_of(aws: EmbeddedAws, pattern: dict[str, Any], bus: str = "default") -> str:
    """A queue that gets every event of the bus that fits the pattern."""
    sqs, events, name = aws.client("sqs"), aws.client("events"), unique("stub")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def next_event(aws: EmbeddedAws, queue_url: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        messages = aws.client("sqs").receive_message(QueueUrl=queue_url).get("Messages")
        return json.loads(messages[0]["Body"]) if messages else None

    return eventually(look)
