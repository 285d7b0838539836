"""Errors that end a command: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
)

from carefile.cli.exits import Exit

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"})
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


class Problem(Exception):
    """Ends a command. Both texts are shown to the operator."""

    def __init__(self, what: str, to_do: str = "", code: Exit = Exit.UNUSABLE) -> None:
        super().__init__(what)
        self.what = what
        self.to_do = to_do
        self.code = code


class NotThere(Problem):
    """What a command was asked about does not exist: it ran, and that is its answer."""

    def __init__(self, what: str, to_do: str) -> None:
        super().__init__(what, to_do, Exit.FOUND)


def refuse_unless_one(chosen: Iterable[bool], to: str, options: str) -> None:
    """Refuse a command that is given none, or several, of the options that say what it is about."""
    count = sum(chosen)
    if count == 0:
        raise Problem(f"nothing selected to {to}", f"use {options}")
    if count > 1:
        raise Problem(f"more than one thing selected to {to}", f"use only one of {options}")


def is_denied(error: ClientError) -> bool:
    """Whether AWS denied a request for lack of a permission."""
    return str(error.response.get("Error", {}).get("Code", "unknown")) in _DENIED


def problem_for(error: Exception) -> Problem:
    """Translate an error from AWS, or in reaching it, into a Problem."""
    if isinstance(error, NoCredentialsError):
        return Problem("no AWS credentials found", "sign in (aws sso login, or set AWS_PROFILE)")
    if isinstance(error, NoRegionError):
        return Problem("no AWS region selected", "use --region, or set AWS_REGION")
    if isinstance(error, ParamValidationError):
        found = " ".join(str(error.kwargs["report"]).split())
        return Problem(f"AWS cannot take a value of this command: {found}", "check the key and the options")
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        operation = error.operation_name
        if is_denied(error):
            return Problem(
                f"AWS denied {operation}: these credentials lack the permission",
                "docs/operating.md lists the permissions that each command needs",
            )
        if code in _EXPIRED:
            return Problem(
                "the AWS credentials are invalid or have expired", "sign in again, e.g. with aws sso login"
            )
        return Problem(
            f"AWS rejected {operation}: {error.response.get('Error', {}).get('Message', code)}",
            f"look up the error code {code} of {operation} in the AWS documentation",
        )
    if isinstance(error, S3UploadFailedError):
        return Problem(str(error), "run the same command again; it uploads what is missing")
    if isinstance(error, BotoCoreError):
        return Problem(f"cannot reach AWS: {error}", "check the network, the region and the profile")
    raise error
