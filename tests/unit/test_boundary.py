"""The edge of the functions: errors under the names the machine knows, and nothing of a patient in any text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from carefile.core.errors import CarefileError, RejectedObject
from carefile.core.filing.stamps import Stamp
from carefile.core.model import Observation, Source
from lambdas import normalise_document
from lambdas.adapters import aws
from lambdas.adapters.boundary import entry_point, translated
from lambdas.adapters.landing import Landing
from lambdas.adapters.processed import Overwritten, Processed
from tests.unit.world import World, created_event, execution_arn

MARK = "Zyxwvut_Patient_Mark"
Answer = tuple[str, int]


def client_error(code: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {
            "Code": code,
            "Message": f"{MARK} in documents/{MARK}/x.txt",
            "Key": MARK,
            "Resource": MARK,
        },
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"x-amz-meta-patient-id": MARK}},
    }
    return ClientError(response, "PutObject")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (("SlowDown", 503), "StorageThrottled"),
        (("InternalError", 500), "StorageThrottled"),
        (("ThrottlingException", 400), "StorageThrottled"),
        (("ProvisionedThroughputExceededException", 400), "StorageThrottled"),
        (("RequestTimeout", 400), "StorageThrottled"),
        (("TooManyRequestsException", 429), "StorageThrottled"),
        (("ConditionalRequestConflict", 409), "StorageThrottled"),
        (("OperationAborted", 409), "StorageThrottled"),
        (("NobodyKnows", 502), "StorageThrottled"),
        (("AccessDenied", 403), "StorageDenied"),
        (("AccessDeniedException", 400), "StorageDenied"),
        (("KMS.DisabledException", 400), "StorageDenied"),
        (("NobodyKnows", 403), "StorageDenied"),
        (("NoSuchBucket", 404), "StorageFailed"),
        (("InvalidArgument", 400), "StorageFailed"),
        (("EntityTooLarge", 400), "StorageFailed"),
        (("ResourceNotFoundException", 400), "StorageFailed"),
    ],
)
def test_an_answer_of_aws_becomes_the_error_that_the_machine_knows(answer: Answer, name: str) -> None:
    typed = translated(client_error(*answer))
    assert type(typed).__name__ == name
    assert str(typed).startswith(f"{answer[0]} from PutObject: ")
    assert MARK not in str(typed)


class Refusing:
    """An S3 that refuses all that is asked of it."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __getattr__(self, _: str) -> Callable[..., Any]:
        def refuse(**_: Any) -> Any:
            raise client_error(self.code)

        return refuse


@pytest.mark.parametrize("code", ["NoSuchVersion", "404", "PreconditionFailed", "412"])
def test_what_is_gone_or_changed_before_it_is_hashed_has_no_digest(code: str) -> None:
    seen = Observation(Source("b", "x"), "v1", "v1", "etag", 1, "text/plain", "2026-11-20T10:00:00Z")
    assert Landing(cast(Any, Refusing(code))).content_digest(seen) is None


@pytest.mark.parametrize(
    ("seen", "code", "error"),
    [
        ({}, "PreconditionFailed", Overwritten),
        ({}, "NoSuchKey", Overwritten),
        ({}, "AccessDenied", ClientError),
        (None, "PreconditionFailed", ClientError),
    ],
)
def test_only_what_was_seen_before_can_be_overwritten(
    seen: dict[str, str] | None, code: str, error: type[Exception]
) -> None:
    processed = Processed(cast(Any, Refusing(code)), "processed")
    stamp = Stamp("source", "v1", 1, "execution")
    with pytest.raises(error) as refused:
        processed.put("key", "record", b"", "text/plain", stamp, {}, seen)
    assert type(refused.value) is error


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=f"https://s3/{MARK}"),
        ConnectTimeoutError(endpoint_url=f"https://s3/{MARK}"),
        ReadTimeoutError(endpoint_url=f"https://s3/{MARK}"),
        ConnectionClosedError(endpoint_url=f"https://s3/{MARK}"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        # As they come out of boto3 when the body of a refusal breaks off.
        ProtocolError(f"Connection broken: {MARK}"),
        ResponseParserError(f"Unable to parse response: <Key>{MARK}"),
    ],
)
def test_no_answer_at_all_is_retried(error: Exception) -> None:
    typed = translated(error)
    assert type(typed).__name__ == "StorageThrottled"
    assert MARK not in str(typed)


def test_a_request_that_boto3_refuses_is_a_defect_and_not_retried() -> None:
    typed = translated(ParamValidationError(report=f"Invalid type for {MARK}"))
    assert type(typed).__name__ == "InternalError"
    assert MARK not in str(typed)


@pytest.mark.parametrize(
    "error", [ValueError(MARK), KeyError(MARK), UnicodeEncodeError("utf-8", MARK, 0, 1, MARK), OSError(MARK)]
)
def test_any_other_exception_says_its_type_and_our_line_and_nothing_else(error: Exception) -> None:
    @entry_point
    def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(CarefileError) as caught:
        handler({}, None)
    assert str(caught.value).startswith(f"{type(error).__name__} at ")
    assert MARK not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_our_own_errors_pass_as_they_are() -> None:
    @entry_point
    def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        raise RejectedObject("empty-object: the object holds no bytes")

    with pytest.raises(RejectedObject, match=r"^empty-object: the object holds no bytes$"):
        handler({}, None)


@pytest.mark.parametrize(
    "event",
    [
        {"execution": execution_arn("5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f")},
        {"detail": {"execution": execution_arn("5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f")}},
        {
            "detail": {
                "executionArn": execution_arn("5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f"),
                "status": "FAILED",
            }
        },
    ],
)
def test_every_log_line_carries_the_executions_name(event: dict[str, Any], log: io.StringIO) -> None:
    @entry_point
    def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        raise RejectedObject("empty-object: no bytes")

    with pytest.raises(RejectedObject):
        handler(event, None)
    assert '"correlation_id":"5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f"' in log.getvalue()


def test_an_event_of_no_known_form_still_gets_a_typed_error() -> None:
    for event in (None, [], "x", {"detail": "x"}):
        with pytest.raises(CarefileError):
            normalise_document.handler(event, None)  # type: ignore[arg-type]


def _breaking(operation: str, error: Exception) -> Callable[[str, Any], Any]:
    real = aws.s3()._make_api_call  # type: ignore[attr-defined]

    def call(name: str, arguments: Any) -> Any:
        if name == operation:
            raise error
        return real(name, arguments)

    return call


@pytest.mark.parametrize(
    "operation", ["HeadObject", "GetObject", "GetObjectTagging", "PutObject", "CopyObject"]
)
@pytest.mark.parametrize(
    "error",
    [client_error("AccessDenied", 403), client_error("SlowDown", 503), ValueError(MARK), KeyError(MARK)],
    ids=["denied", "throttled", "ValueError", "KeyError"],
)
def test_whatever_fails_leaves_no_patient_in_cause_or_log(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
    operation: str,
    error: Exception,
) -> None:
    key = f"documents/{MARK}/{MARK}.txt"
    version = world.upload(key, MARK.encode(), Metadata={"patient-id": MARK}, Tagging=f"who={MARK}")
    classified = world.classify(created_event(key, version))
    monkeypatch.setattr(aws.s3(), "_make_api_call", _breaking(operation, error))
    with pytest.raises(CarefileError) as caught:
        world.normalise(classified)
    assert MARK not in f"{caught.value}{caught.value.args}"
    assert '"level":"ERROR"' in log.getvalue()
    assert MARK not in log.getvalue()


def test_a_whole_intake_logs_and_counts_nothing_of_the_patient(
    world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    body = f'{{"patient_id": "{MARK}", "note": "{MARK}"}}'.encode()
    for number, key in enumerate(
        (f"documents/{MARK}/{MARK}.json", f"sessions/{MARK}/session_{MARK}/session.json", f"{MARK}.txt")
    ):
        world.file(key, body, name=f"e{number}", Metadata={"patient-id": MARK})
        world.run(created_event(key), f"again{number}")
    metrics = capsys.readouterr().out
    assert metrics.count('"Intakes":1') == 6
    assert log.getvalue().count('"message":"normalised"') == 6
    assert MARK not in metrics + log.getvalue()
