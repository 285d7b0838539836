"""The edge of every function: its log, and errors under the names that the machine knows.

Whatever leaves a handler as an exception is a `CarefileError` with a text that holds no PHI. The texts of other
exceptions may, so they are never passed on: what remains of them is their type and the line they came from.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from carefile.core.errors import (
    CarefileError,
    InternalError,
    StorageDenied,
    StorageFailed,
    StorageThrottled,
)
from lambdas.adapters.aws_errors import ARCHIVED, DENIED, TRANSIENT
from lambdas.adapters.landing import archived
from lambdas.adapters.masking import MaskingFormatter, mask_libraries
from lambdas.adapters.settings import ROOT

logger = Logger(logger_formatter=MaskingFormatter())
mask_libraries()
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

# No answer, or half of one. boto3 wraps most failures of a connection, but not those in the body of a refusal.
_UNANSWERED = (BotoCoreError, ResponseParserError, HTTPError)


def entry_point(handler: Handler) -> Handler:
    """Wrap a function's handler: correlation id, a log line if it fails, typed errors.

    The correlation id is the name of the execution, taken from the ARN that the event names.
    """
    _has_started()

    @functools.wraps(handler)
    def wrapped(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.clear_state()
        logger.set_correlation_id(_execution_in(event).rpartition(":")[2])
        try:
            return handler(event, context)
        except Exception as error:
            typed = error if isinstance(error, CarefileError) else translated(error)
            logger.error("failed", error=type(typed).__name__, reason=str(typed).partition(": ")[0])
            # What it came from may speak of the patient, and a traceback would show that too.
            raise typed from None

    return wrapped


def _has_started() -> None:
    """Collect garbage from now on (see `lambdas/__init__.py`), but never among what the start has loaded."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _execution_in(event: Any) -> str:
    """The ARN of the execution that an event is about: one of the machine's, of the catalog's or of Step Functions'."""
    detail = event.get("detail") if isinstance(event, dict) else None
    for holder, name in ((event, "execution"), (detail, "execution"), (detail, "executionArn")):
        if isinstance(holder, dict) and name in holder:
            return str(holder[name])
    return ""


def translated(error: Exception) -> CarefileError:
    """Translate a library's error into one of ours. Its text names the AWS operation and nothing else."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        text = f"{code} from {error.operation_name}"
        if code in ARCHIVED:
            return archived()
        if code in TRANSIENT or status >= 500 or status == 429:
            return StorageThrottled(
                f"{text}: the service was busy or failing, and stayed so through all retries"
            )
        if code in DENIED or status == 403:
            return StorageDenied(f"{text}: a role, bucket policy or key policy lacks a permission")
        return StorageFailed(f"{text}: the service refused the request")
    if isinstance(error, _UNANSWERED) and not isinstance(error, ParamValidationError):
        return StorageThrottled(
            f"{type(error).__name__}: the service could not be reached or did not answer in time"
        )
    return InternalError(
        f"{type(error).__name__} at {_line(error)}: a defect in the program, please report it"
    )


def _line(error: BaseException) -> str:
    """The innermost line of our code that the exception came through."""
    trace, place = error.__traceback__, "an unknown line"
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if any(file.is_relative_to(ROOT / folder) for folder in ("carefile", "lambdas")):
            place = f"{file.relative_to(ROOT)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
