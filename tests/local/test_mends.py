"""What ministack is mended for, and a canary for each mend.

A canary asserts that the gap is still there without the mend. When one fails after an update of ministack,
the mend has become needless: remove both.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import deployment, processes
from local.settings import REPOSITORY
from tests.embedded import EmbeddedAws, eventually
from tests.local import stubs

pytestmark = pytest.mark.timeout(120)

REJECTS = """
class RejectedObject(Exception):
    pass

def handler(event, context):
    raise RejectedObject("the object is empty")
"""


def error_of_a_failing_task(aws: EmbeddedAws) -> tuple[str, dict[str, object]]:
    machine = stubs.machine(
        aws, {"ClassifyObject": stubs.invoke_state(stubs.function(aws, REJECTS), End=True)}
    )
    started = aws.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")
    execution = aws.finished(started["executionArn"])
    return execution["error"], json.loads(execution["cause"])


def test_a_failed_task_is_named_after_the_exception_its_function_raised(bare_aws: EmbeddedAws) -> None:
    error, cause = error_of_a_failing_task(bare_aws)
    assert error == "RejectedObject"
    assert cause["errorType"] == "RejectedObject"
    assert cause["errorMessage"] == "the object is empty"
    assert cause["requestId"]
    assert '"/var/task/stub.py", line 6, in handler' in str(cause["stackTrace"])


def test_a_typed_error_is_retried_by_its_name(bare_aws: EmbeddedAws) -> None:
    counts = "import pathlib\n" + REJECTS.replace(
        "raise RejectedObject",
        "tries = pathlib.Path(event['tries'])\n"
        "    tries.write_text(tries.read_text() + 'x' if tries.exists() else 'x')\n"
        "    if len(tries.read_text()) == 3: return 'at the third time'\n"
        "    raise RejectedObject",
    )
    retry = [
        {"ErrorEquals": ["RejectedObject"], "MaxAttempts": 4, "JitterStrategy": "FULL", "MaxDelaySeconds": 2}
    ]
    state = stubs.invoke_state(stubs.function(bare_aws, counts), End=True, Retry=retry)
    machine = stubs.machine(bare_aws, {"Try": state})
    tries = bare_aws.settings.scratch / stubs.unique("tries")
    started = bare_aws.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps({"tries": str(tries)})
    )
    assert bare_aws.finished(started["executionArn"])["output"] == '"at the third time"'


def test_canary_errors_have_no_type_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert error_of_a_failing_task(unmended_aws)[0] == "Runtime.HandlerError"


def version_of_an_upload_and_of_its_event(aws: EmbeddedAws) -> tuple[str, str | None]:
    bucket = stubs.bucket(aws)
    queue = stubs.events_of(aws, {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    version = aws.client("s3").put_object(Bucket=bucket, Key="a+b 50%25.pdf", Body=b"x")["VersionId"]
    detail = stubs.next_event(aws, queue)["detail"]
    assert detail["object"]["key"] == "a+b 50%25.pdf"
    return version, detail["object"].get("version-id")


def test_an_upload_to_a_versioned_bucket_is_announced_with_its_version(bare_aws: EmbeddedAws) -> None:
    uploaded, announced = version_of_an_upload_and_of_its_event(bare_aws)
    assert announced == uploaded


def test_canary_events_have_no_version_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert version_of_an_upload_and_of_its_event(unmended_aws)[1] is None


def start_twice(aws: EmbeddedAws, second_input: str = "{}") -> tuple[str, str]:
    machine = stubs.machine(aws, {"Linger": {"Type": "Wait", "Seconds": 60, "End": True}})
    start = aws.client("stepfunctions").start_execution
    first = start(stateMachineArn=machine, name="once", input="{}")
    return first["executionArn"], start(stateMachineArn=machine, name="once", input=second_input)[
        "executionArn"
    ]


def test_starting_a_running_execution_again_gives_that_execution(bare_aws: EmbeddedAws) -> None:
    first, second = start_twice(bare_aws)
    assert first == second


def test_the_same_name_with_another_input_is_refused(bare_aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start_twice(bare_aws, second_input='{"another": 1}')


def test_the_name_of_an_execution_that_ended_is_refused(bare_aws: EmbeddedAws) -> None:
    machine = stubs.machine(bare_aws, {"End": {"Type": "Succeed"}})
    start = bare_aws.client("stepfunctions").start_execution
    bare_aws.finished(start(stateMachineArn=machine, name="once", input="{}")["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(stateMachineArn=machine, name="once", input="{}")


def test_canary_a_running_execution_cannot_be_started_again_without_the_mend(
    unmended_aws: EmbeddedAws,
) -> None:
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start_twice(unmended_aws)


def tags_of_a_multipart_upload(aws: EmbeddedAws) -> dict[str, str]:
    bucket, s3 = stubs.bucket(aws), aws.client("s3")
    where = {"Bucket": bucket, "Key": "large.bin"}
    upload = s3.create_multipart_upload(**where, Tagging="kind=document&patient-ref=a%2Bb")["UploadId"]
    etag = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    version = s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)["VersionId"]
    tags = s3.get_object_tagging(**where, VersionId=version)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_the_tags_of_a_multipart_upload_are_on_the_object(bare_aws: EmbeddedAws) -> None:
    assert tags_of_a_multipart_upload(bare_aws) == {"kind": "document", "patient-ref": "a+b"}


def test_canary_the_tags_of_a_multipart_upload_are_lost_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert tags_of_a_multipart_upload(unmended_aws) == {}


def tags_of_a_version_that_was_deleted_since(aws: EmbeddedAws) -> list[dict[str, str]]:
    """The tags it was uploaded with, and those it was given after its object was deleted."""
    s3, where = aws.client("s3"), {"Bucket": stubs.bucket(aws), "Key": "gone.txt"}
    version = s3.put_object(**where, Body=b"x", Tagging="team=heart")["VersionId"]
    s3.delete_object(**where)
    found = [s3.get_object_tagging(**where, VersionId=version)["TagSet"]]
    s3.put_object_tagging(**where, VersionId=version, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    found.append(s3.get_object_tagging(**where, VersionId=version)["TagSet"])
    with pytest.raises(ClientError, match=r"NoSuchKey|MethodNotAllowed"):
        s3.get_object_tagging(**where)
    return [{tag["Key"]: tag["Value"] for tag in tags} for tags in found]


def test_a_version_has_its_tags_after_its_object_was_deleted(bare_aws: EmbeddedAws) -> None:
    assert tags_of_a_version_that_was_deleted_since(bare_aws) == [{"team": "heart"}, {"a": "b"}]


def test_canary_a_version_s_tags_go_with_its_object_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        tags_of_a_version_that_was_deleted_since(unmended_aws)


NAMES_ITSELF = """
import os, time

def handler(event, context):
    time.sleep(0.5)
    return os.getpid()
"""


def processes_of_a_burst(aws: EmbeddedAws) -> set[str]:
    """Which processes answered ten executions that were started at once."""
    machine = stubs.machine(aws, {"Try": stubs.invoke_state(stubs.function(aws, NAMES_ITSELF), End=True)})
    start = aws.client("stepfunctions").start_execution
    started = [start(stateMachineArn=machine, input="{}")["executionArn"] for _ in range(10)]
    return {aws.finished(arn)["output"] for arn in started}


def test_a_burst_is_worked_off_by_as_many_processes_as_there_are_processors(bare_aws: EmbeddedAws) -> None:
    assert len(processes_of_a_burst(bare_aws)) <= max(2, os.cpu_count() or 2)


def test_canary_a_burst_starts_a_process_each_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert len(processes_of_a_burst(unmended_aws)) > max(2, os.cpu_count() or 2)


SHOWS_WHERE_IT_IS = """
import os

def handler(event, context):
    return os.path.realpath(__file__)
"""


def places_of_one_package(aws: EmbeddedAws) -> set[str]:
    """From where two functions of the same code run."""
    arns = [stubs.function(aws, SHOWS_WHERE_IT_IS) for _ in range(2)]
    call = aws.client("lambda").invoke
    return {json.loads(call(FunctionName=arn)["Payload"].read()) for arn in arns}


def test_functions_of_one_package_run_from_one_copy_of_it(bare_aws: EmbeddedAws) -> None:
    assert len(places_of_one_package(bare_aws)) == 1


def test_canary_each_function_has_a_copy_of_its_own_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert len(places_of_one_package(unmended_aws)) == 2


def failures_of_saves_at_once(aws: EmbeddedAws) -> list[str]:
    """What the log says against ten saves that are asked for at nearly the same time."""
    running, log = processes.find(aws.settings), aws.settings.logs / "aws.log"
    assert running is not None
    before = len(log.read_text())
    for _ in range(10):
        processes.save(running)
        time.sleep(0.005)  # signals that arrive together are one
    eventually(lambda: log.stat().st_mtime < time.time() - 1, 30)
    return [line for line in log.read_text()[before:].splitlines() if "failed to save" in line]


def test_saves_at_the_same_time_leave_every_file_whole(bare_aws: EmbeddedAws) -> None:
    assert failures_of_saves_at_once(bare_aws) == []
    for file in (bare_aws.settings.state / "services").glob("*.json"):
        json.loads(file.read_text())


def test_canary_saves_at_the_same_time_tear_files_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    """Saves may happen to miss one another, so there are several rounds."""
    assert any(failures_of_saves_at_once(unmended_aws) for _ in range(8))


def status_of_a_stack_with_an_alarm_on_an_expression(aws: EmbeddedAws) -> str:
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Metrics": [
                {
                    "Id": "failed",
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": {"MetricName": "ExecutionsFailed", "Namespace": "AWS/States"},
                        "Period": 300,
                        "Stat": "Sum",
                    },
                },
                {"Id": "ratio", "Expression": "100 * failed"},
            ],
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 1,
        },
    }
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName="expression", TemplateBody=json.dumps({"Resources": {"Ratio": alarm}})
    )

    def ended() -> str | None:
        status: str = cloudformation.describe_stacks(StackName="expression")["Stacks"][0]["StackStatus"]
        return status if status.endswith("_COMPLETE") else None

    try:
        return eventually(ended)
    finally:
        cloudformation.delete_stack(StackName="expression")


def test_an_alarm_on_an_expression_is_deployed(bare_aws: EmbeddedAws) -> None:
    assert status_of_a_stack_with_an_alarm_on_an_expression(bare_aws) == "CREATE_COMPLETE"


def test_without_the_mend_an_alarm_on_an_expression_is_refused(unmended_aws: EmbeddedAws) -> None:
    assert status_of_a_stack_with_an_alarm_on_an_expression(unmended_aws) == "ROLLBACK_COMPLETE"


def statement(**members: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [members]})


def read_as_a_user(aws: EmbeddedAws, bucket: str, key: str) -> bytes:
    """What somebody reads who may read every object of the bucket."""
    iam, user = aws.client("iam"), stubs.unique("reader")
    iam.create_user(UserName=user)
    allowed = statement(Effect="Allow", Action="s3:GetObject", Resource=f"arn:aws:s3:::{bucket}/*")
    iam.put_user_policy(UserName=user, PolicyName="read", PolicyDocument=allowed)
    given = iam.create_access_key(UserName=user)["AccessKey"]
    reader = deployment.client(aws.settings, "s3", (given["AccessKeyId"], given["SecretAccessKey"], None))
    return reader.get_object(Bucket=bucket, Key=key)["Body"].read()


def read_from_a_bucket_that_takes_tls_only(aws: EmbeddedAws) -> bytes:
    bucket, insecure = stubs.bucket(aws), {"Bool": {"aws:SecureTransport": "false"}}
    aws.client("s3").put_object(Bucket=bucket, Key="it", Body=b"read")
    refusal = statement(Effect="Deny", Principal="*", Action="s3:*", Resource="*", Condition=insecure)
    aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=refusal)
    return read_as_a_user(aws, bucket, "it")


def read_a_key_of_two_lines(aws: EmbeddedAws) -> bytes:
    bucket = stubs.bucket(aws)
    aws.client("s3").put_object(Bucket=bucket, Key="two\nlines", Body=b"read")
    return read_as_a_user(aws, bucket, "two\nlines")


def test_a_wildcard_covers_keys_of_two_lines(bare_aws: EmbeddedAws) -> None:
    assert read_a_key_of_two_lines(bare_aws) == b"read"


def test_canary_a_wildcard_ends_at_a_line_break_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        read_a_key_of_two_lines(unmended_aws)


def test_what_never_leaves_this_machine_counts_as_tls(bare_aws: EmbeddedAws) -> None:
    assert read_from_a_bucket_that_takes_tls_only(bare_aws) == b"read"


def test_canary_a_bucket_for_tls_only_refuses_everybody_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        read_from_a_bucket_that_takes_tls_only(unmended_aws)


def read_as_the_one_role_that_may(aws: EmbeddedAws) -> bytes:
    """What a session of a role reads from a bucket that is closed to all but this role."""
    bucket, role = stubs.bucket(aws), stubs.role(aws, stubs.unique("reader"), "/of-a-stack/")
    assert ":role/of-a-stack/reader-" in role
    aws.client("s3").put_object(Bucket=bucket, Key="it", Body=b"read")
    others = {"ArnNotLike": {"aws:PrincipalArn": role}}
    refusal = statement(Effect="Deny", Principal="*", Action="s3:GetObject", Resource="*", Condition=others)
    aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=refusal)
    given = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    reader = deployment.client(aws.settings, "s3", session)
    body: bytes = reader.get_object(Bucket=bucket, Key="it")["Body"].read()
    return body


def test_a_policy_knows_a_session_by_its_role(bare_aws: EmbeddedAws) -> None:
    assert read_as_the_one_role_that_may(bare_aws) == b"read"


def test_canary_a_policy_knows_a_session_by_itself_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        read_as_the_one_role_that_may(unmended_aws)


def secret_of_a_template(aws: EmbeddedAws) -> tuple[str, list[str]]:
    """What a template's reference to a secret is, and what is left of the secret when the stack is gone."""
    cloudformation, name = aws.client("cloudformation"), stubs.unique("secret")
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": name, "Description": "first"}}
    template: dict[str, Any] = {"Resources": {"It": secret}, "Outputs": {"Ref": {"Value": {"Ref": "It"}}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name)
    secret["Properties"] = {"Name": name, "Description": "second"}
    cloudformation.update_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name)
    (output,) = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    assert aws.client("secretsmanager").describe_secret(SecretId=name)["Description"] == "second"
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)
    left = aws.client("secretsmanager").list_secrets()["SecretList"]
    return output["OutputValue"], [it["Name"] for it in left if it["Name"] == name]


def test_a_reference_to_a_secret_is_its_arn_also_when_it_is_changed_and_deleted(
    bare_aws: EmbeddedAws,
) -> None:
    reference, left = secret_of_a_template(bare_aws)
    assert reference.startswith("arn:aws:secretsmanager:")
    assert not left


def test_canary_a_reference_to_a_secret_is_its_name_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert not secret_of_a_template(unmended_aws)[0].startswith("arn:")


def checksums_of_a_copy(aws: EmbeddedAws) -> tuple[str | None, str | None]:
    """The checksum that a copy answers with, and the one that HEAD then tells."""
    s3, bucket = aws.client("s3"), stubs.unique("copies")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="upload", Body=b"hello")
    source = {"Bucket": bucket, "Key": "upload"}
    done = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256")
    found = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    return done["CopyObjectResult"].get("ChecksumSHA256"), found.get("ChecksumSHA256")


def test_a_copy_computes_the_checksum_that_it_is_asked_for(bare_aws: EmbeddedAws) -> None:
    hello = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    assert checksums_of_a_copy(bare_aws) == (hello, hello)


def test_canary_a_copy_computes_no_checksum_without_the_mend(unmended_aws: EmbeddedAws) -> None:
    assert checksums_of_a_copy(unmended_aws) == (None, None)


EXPRESSION = """
import sys, time
from ministack.services import dynamodb
from local.embedded import mends
if "mended" in sys.argv:
    mends.check_an_expression_once()
item, values = {"who": {"S": "UNKNOWN"}}, {":who": {"S": "UNKNOWN"}}
began = time.process_time()
for _ in range(3000):
    assert dynamodb._evaluate_condition("who = :who", item, values, {}, slot="KeyConditionExpression")
print(time.process_time() - began)
"""


def seconds_for_an_expression(*how: str) -> float:
    """The processor's time for holding a condition against three thousand items."""
    command = [str(REPOSITORY / ".venv-local" / "bin" / "python"), "-c", EXPRESSION, *how]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    return float(done.stdout)


def test_a_condition_is_checked_once_for_all_items() -> None:
    assert seconds_for_an_expression("mended") < seconds_for_an_expression() * 0.7
