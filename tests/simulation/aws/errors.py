"""Errors as botocore raises them, with the codes and headers that AWS sends."""

from __future__ import annotations

from botocore.exceptions import ClientError, ReadTimeoutError


def client_error(
    operation: str, code: str, status: int, headers: dict[str, str] | None = None
) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": "(simulated)"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}, "RetryAttempts": 0},
    }
    return ClientError(response, operation)  # type: ignore[arg-type]


def throttled(service: str, operation: str) -> ClientError:
    if service == "s3":
        return client_error(operation, "SlowDown", 503)
    return client_error(operation, "ThrottlingException", 400)


def denied(service: str, operation: str) -> ClientError:
    code = "AccessDenied" if service == "s3" else "AccessDeniedException"
    return client_error(operation, code, 403 if service == "s3" else 400)


def no_answer(service: str) -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url=f"https://{service}.simulated/")
