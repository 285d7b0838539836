"""Where ministack 1.5.33 differs from AWS in something the pipeline relies on.

One function a mend; each has a test in tests/local/test_mends.py that fails without it, and a canary
beside it that fails as soon as a newer ministack makes the mend needless. They replace functions in
ministack's modules, all of which look each other up by name at every call.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import zipfile
from collections import ChainMap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime, persistence
from ministack.services import dynamodb, eventbridge, iam, lambda_svc, s3, secretsmanager, stepfunctions
from ministack.services.cloudformation import provisioners


def apply() -> None:
    """Patch the ministack modules of this process; called once, before anything is served."""
    name_lambda_errors_after_their_class()
    put_the_version_into_s3_events()
    let_an_execution_be_started_twice()
    keep_the_tags_of_multipart_uploads()
    tag_versions_of_deleted_objects()
    share_the_processors_among_invocations()
    unpack_each_package_once()
    save_one_file_at_a_time()
    take_this_machine_for_tls()
    refer_to_a_secret_by_its_arn()
    let_a_wildcard_go_on_in_the_next_line()
    know_a_session_by_its_role()
    deploy_alarms_on_expressions()
    compute_the_checksum_that_a_copy_asks_for()
    check_an_expression_once()


def name_lambda_errors_after_their_class() -> None:
    """A function that raises RejectedObject fails with that errorType, not with `Runtime.HandlerError`.

    Retry in the state machine and the people on call go by this name. The payload gets the members AWS
    gives it, which are also the cause of the failed task.
    """
    reported = '"error": str(e), "trace": traceback.format_exc()'
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if reported not in script:
        raise RuntimeError("ministack's Python worker changed: see name_lambda_errors_after_their_class")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(
        reported,
        reported + ', "errorType": type(e).__name__, "stackTrace": '
        '[line.replace(code_dir, "/var/task") for line in traceback.format_tb(e.__traceback__)[1:]]',
    )
    answer = threading.local()  # the worker's own words, which the executor around it would drop
    invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm

    def keep_the_answer(worker: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        last: dict[str, Any] = invoke(worker, *args, **kwargs)
        answer.last = last
        return last

    def with_the_class(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        answer.last = {}
        result: dict[str, Any] = execute(func, event, request_id)
        if result.get("error") and "errorType" in answer.last:
            result["body"] = {
                "errorMessage": answer.last["error"],
                "errorType": answer.last["errorType"],
                "requestId": request_id,
                "stackTrace": answer.last["stackTrace"],
            }
        return result

    lambda_runtime.Worker.invoke = keep_the_answer
    lambda_svc._execute_function_warm = with_the_class


def put_the_version_into_s3_events() -> None:
    """`Object Created` names the version of the object when its bucket is versioned."""
    version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_knowing_the_version(*args: Any, **kwargs: Any) -> None:
        token = version.set(kwargs.get("version_id"))
        try:
            fire(*args, **kwargs)
        finally:
            version.reset(token)

    def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if event.get("Source") == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *args, **kwargs)

    s3._fire_s3_event = fire_knowing_the_version
    eventbridge._dispatch_event = dispatch_with_version


def let_an_execution_be_started_twice() -> None:
    """StartExecution with the name and the input of a running execution answers with that execution."""
    start = stepfunctions._start_execution

    def start_once(data: dict[str, Any]) -> Any:
        machine = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", ""))
        if machine and data.get("name"):
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{data['name']}"
            running = stepfunctions._executions.get(arn)
            if running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}"):
                return stepfunctions.json_response({"executionArn": arn, "startDate": running["startDate"]})
        return start(data)

    stepfunctions._start_execution = start_once


def keep_the_tags_of_multipart_uploads() -> None:
    """What CreateMultipartUpload says in x-amz-tagging is on the object when the upload completes.

    Large objects are filed by multipart copy, and nothing the pipeline files may ever sit untagged.
    """
    create, complete = s3._create_multipart_upload, s3._complete_multipart_upload

    def create_with_tags(bucket: str, key: str, headers: dict[str, str]) -> Any:
        response = create(bucket, key, headers)
        upload_id = re.search(rb"<UploadId>(.+?)</UploadId>", response[2])
        if response[0] == 200 and upload_id:
            upload = s3._multipart_uploads[upload_id[1].decode()]
            upload["tags"] = parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True)
        return response

    def complete_with_tags(bucket: str, key: str, body: bytes, query: dict[str, Any], *args: Any) -> Any:
        tags = (s3._multipart_uploads.get(s3._qp(query, "uploadId")) or {}).get("tags")
        response = complete(bucket, key, body, query, *args)
        if response[0] == 200 and tags:
            tagging = ElementTree.Element("Tagging")
            tag_set = ElementTree.SubElement(tagging, "TagSet")
            for name, value in tags:
                tag = ElementTree.SubElement(tag_set, "Tag")
                ElementTree.SubElement(tag, "Key").text = name
                ElementTree.SubElement(tag, "Value").text = value
            s3._put_object_tagging(bucket, key, ElementTree.tostring(tagging))
        return response

    s3._create_multipart_upload = create_with_tags
    s3._complete_multipart_upload = complete_with_tags


def tag_versions_of_deleted_objects() -> None:
    """GetObjectTagging and PutObjectTagging of a version work when its object has been deleted since.

    What is filed outlives its upload, and may still be assigned to a patient.
    """
    asked: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("asked", default=None)
    ensure = s3._ensure_bucket

    def ensure_with_what_is_asked(name: str) -> Any:
        bucket, version = ensure(name), asked.get()
        if bucket is None or version is None:
            return bucket
        return {**bucket, "objects": ChainMap(bucket["objects"], version)}

    def of_any_version(operation: Any) -> Any:
        def answer(bucket: str, key: str, *args: Any, **kwargs: Any) -> Any:
            query = next((it for it in (*args, *kwargs.values()) if isinstance(it, dict)), {})
            versions = s3._object_versions.get((bucket, key), [])
            wanted = s3._qp(query, "versionId", "")
            found = [it for it in versions if it["version_id"] == wanted and not it.get("is_delete_marker")]
            token = asked.set({key: found[0]} if found else None)
            try:
                return operation(bucket, key, *args, **kwargs)
            finally:
                asked.reset(token)

        return answer

    s3._ensure_bucket = ensure_with_what_is_asked
    s3._get_object_tagging = of_any_version(s3._get_object_tagging)
    s3._put_object_tagging = of_any_version(s3._put_object_tagging)


def share_the_processors_among_invocations() -> None:
    """Limit each function to as many concurrent runs as this machine has processors, and to two at least.

    AWS gives every invocation a machine of its own. Here forty uploads at once would start some two hundred
    Pythons, each of them a cold start, and take a minute instead of seconds. Waiting is done by the thread
    of the one execution that waits.
    """
    at_once = max(2, os.cpu_count() or 2)
    turns: dict[str, threading.BoundedSemaphore] = {}
    execute: Callable[[dict[str, Any], Any, str], dict[str, Any]] = lambda_svc._execute_function_warm

    def in_turn(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        arn = (func.get("config") or func)["FunctionArn"]
        with turns.setdefault(arn, threading.BoundedSemaphore(at_once)):
            return execute(func, event, request_id)

    lambda_svc._execute_function_warm = in_turn


def unpack_each_package_once() -> None:
    """Run all workers of a package from one copy of it, which Python compiles once.

    Otherwise each cold start unpacks 76 MB anew, and compiles what it imports. Tests name a folder that all embedded
    AWSs of a run share.
    """
    turn, place = threading.Lock(), os.environ.get("CAREFILE_PACKAGES") or tempfile.gettempdir()

    class Package(zipfile.ZipFile):
        def extractall(self, path: Any = None, *args: Any, **kwargs: Any) -> None:
            file = Path(str(self.filename))
            with turn:
                unpacked = Path(place, f"package-{digest_of(file)}")
                if not unpacked.exists():
                    new = unpacked.with_suffix(f".{os.getpid()}")
                    shutil.rmtree(new, ignore_errors=True)
                    super().extractall(new, *args, **kwargs)
                    with suppress(OSError):  # another process was first
                        new.rename(unpacked)
            Path(path).rmdir()
            Path(path).symlink_to(unpacked, target_is_directory=True)
            file.unlink()

    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": Package})


def digest_of(file: Path) -> str:
    with file.open("rb") as packed:
        return hashlib.file_digest(packed, "sha256").hexdigest()


def save_one_file_at_a_time() -> None:
    """Two saves at once, one asked for and one at the stop, write through one temporary file and would tear it."""
    save, turn = persistence.save_state, threading.Lock()

    def save_in_turn(service: str, data: dict[str, Any]) -> None:
        with turn:
            save(service, data)

    persistence.save_state = save_in_turn


def deploy_alarms_on_expressions() -> None:
    """An alarm on an expression over metrics (`Metrics`) can be deployed. Expressions are not evaluated here, so the
    alarm watches a metric that nobody writes.

    Without this a stack that has one is rolled back.
    """
    record = provisioners._cw_metric_alarm_record

    def with_expressions(name: str, props: dict[str, Any]) -> Any:
        if props.get("Metrics"):
            others = {key: value for key, value in props.items() if key != "Metrics"}
            props = {**others, "MetricName": name, "Namespace": "Expressions"}
        return record(name, props)

    provisioners._cw_metric_alarm_record = with_expressions


def take_this_machine_for_tls() -> None:
    """A request that never leaves this machine counts as one by TLS: the buckets' policies refuse every other."""
    pin = app.pin_request_origin
    app.pin_request_origin = lambda source_ip, _secure: pin(source_ip, True)


def refer_to_a_secret_by_its_arn() -> None:
    """In a template, a reference to a secret is its ARN, which readers' policies name."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def name_of(arn: str) -> str:
        return secretsmanager._resolve(arn)[0] or arn

    def create_named_by_arn(*args: Any, **kwargs: Any) -> Any:
        _, attributes = create(*args, **kwargs)
        return attributes["Arn"], attributes

    def update_named_by_arn(physical_id: str, *args: Any, **kwargs: Any) -> Any:
        named, attributes = update(name_of(physical_id), *args, **kwargs)
        # Another id than before would be taken for another secret, and the one that is there be deleted.
        return (attributes["Arn"] if physical_id.startswith("arn:") else named), attributes

    handlers |= {
        "create": create_named_by_arn,
        "update": update_named_by_arn,
        "delete": lambda physical_id, *args, **kwargs: delete(name_of(physical_id), *args, **kwargs),
    }


def let_a_wildcard_go_on_in_the_next_line() -> None:
    """A policy's `*` matches every key, including one with a line break."""
    compiled = iam_evaluator._fnmatch_compile

    def over_line_breaks(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compiled(pattern, ignore_case)
        return re.compile(found.pattern, found.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = over_line_breaks


def know_a_session_by_its_role() -> None:
    """In a policy's condition, `aws:PrincipalArn` of a role's session is the role's ARN and not the session's."""
    resolve = iam_evaluator._resolve_condition_key

    def by_role(key: str, context: Any) -> Any:
        found = resolve(key, context)
        if key.lower() == "aws:principalarn" and ":assumed-role/" in str(found):
            name = iam_evaluator._role_name_from_assumed_arn(found)
            known = iam._roles.get(name) or {}  # a role's path stands in its ARN, and not in its sessions'
            return known.get("Arn", f"arn:aws:iam::{context.principal_account}:role/{name}")
        return found

    iam_evaluator._resolve_condition_key = by_role


def compute_the_checksum_that_a_copy_asks_for() -> None:
    """CopyObject with x-amz-checksum-algorithm computes that checksum of the copied bytes, keeps it and returns it."""
    copy = s3._copy_object

    def copy_with_checksum(bucket_name: str, dest_key: str, headers: dict[str, Any]) -> Any:
        algorithm = (headers.get("x-amz-checksum-algorithm") or "").upper()
        if not algorithm:
            return copy(bucket_name, dest_key, headers)
        answer = copy(bucket_name, dest_key, {**headers, "x-amz-sdk-checksum-algorithm": algorithm})
        status, fields, body = answer
        stored = s3._buckets.get(bucket_name, {}).get("objects", {}).get(dest_key, {})
        checksum = (stored.get("checksums") or {}).get(algorithm)
        if status != 200 or not checksum:
            return answer
        name = f"Checksum{algorithm}"
        end = b"</CopyObjectResult>"
        return status, fields, body.replace(end, f"<{name}>{checksum}</{name}>".encode() + end)

    s3._copy_object = copy_with_checksum


def check_an_expression_once() -> None:
    """A condition is parsed and checked once, not anew for each item that it is held against.

    Else a page of a queue of 50,000 takes a second of which none is spent on AWS.
    """
    tokenize = functools.lru_cache(256)(dynamodb._tokenize)
    dynamodb._tokenize = lambda expression: list(tokenize(expression))
    dynamodb._condition_syntax_error = functools.lru_cache(256)(dynamodb._condition_syntax_error)
