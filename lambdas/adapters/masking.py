"""What may stand in a log line or a metric's dimension: known words and known shapes, by the name of the field.

Everything else is masked, so a developer who logs a key, a document's text or an exception by mistake leaks nothing. To
log something new, give its message a line in MESSAGES, or its field a line in FIELDS.

Invariant: no shape admits free text. What is admitted by its shape is made by AWS or the program, never by a clinic.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from lambdas.core.errors import CarefileError
from lambdas.core.model import Disposition, Kind, PatientStatus, UnknownReason
from lambdas.core.tagging import PipelineStatus

MASKED = "(masked)"
MESSAGES = frozenset(
    {
        "assigned",
        "classified",
        "failed",
        "failure recorded",
        "indexed",
        "indexed sessions",
        "adopted",
        "normalised",
        "tagged",
    }
)


def _words(*kinds: type[StrEnum], others: tuple[str, ...] = ()) -> re.Pattern[str]:
    return re.compile("|".join([re.escape(word.value) for kind in kinds for word in kind] + list(others)))


_OURS = "|".join(sorted(kind.__name__ for kind in CarefileError.__subclasses__()))
# Step Functions, Lambda and the SDK integrations name their errors `Service.Name`.
_AWS_ERROR = (
    r"(?:States|Lambda|Runtime|Sandbox|EventBridge|Events|S3|DynamoDb|Sqs|Sns|Kms|Sfn)\.[A-Za-z0-9]{1,60}"
)
_OPERATION = r"[A-Za-z0-9.]{1,60} from [A-Z][A-Za-z]{2,40}"
_TYPE = r"[A-Za-z0-9]{1,60}"
_PLACE = r"(?:lambdas/[a-z0-9_/]+\.py:\d+|an unknown line)"

FIELDS: Mapping[str, re.Pattern[str] | type[bool] | type[int]] = {
    "level": re.compile("DEBUG|INFO|WARNING|ERROR|CRITICAL"),
    "location": re.compile(r"[A-Za-z0-9_<>]{1,60}:\d+"),
    "timestamp": re.compile(r"[0-9TZ ,.:+-]{10,40}"),
    "service": re.compile(r"carefile-[a-z-]{1,40}"),
    "stage": re.compile(r"[a-z][a-z0-9-]{0,19}"),
    "correlation_id": re.compile(r"[0-9A-Za-z_-]{0,80}"),
    "xray_trace_id": re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}"),
    "exception_name": re.compile(_TYPE),
    "error": re.compile(f"{_OURS}|{_AWS_ERROR}|Aborted|Unknown"),
    # The word before the colon of an error of ours, or what the boundary makes of somebody else's.
    "reason": re.compile(rf"[a-z]+(?:-[a-z]+){{1,4}}|{_OPERATION}|{_TYPE}Error|{_TYPE} at {_PLACE}"),
    "kind": _words(Kind, others=("none",)),
    "disposition": _words(Disposition, others=("left",)),
    "status": _words(PipelineStatus),
    "patient": _words(PatientStatus, UnknownReason),
    "written": bool,
    "records": int,
    "sessions": int,
    "changed": int,
}


def may_be_seen(name: str, value: object) -> bool:
    """Is this a known field, and its value one that the field may have?"""
    if name == "message":
        return isinstance(value, str) and value in MESSAGES
    allowed = FIELDS.get(name)
    if isinstance(allowed, re.Pattern):
        return isinstance(value, str) and bool(allowed.fullmatch(value))
    return allowed is not None and type(value) is allowed


class MaskingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON line, of which only what may be seen is left.

    A field that is not known goes altogether, as its name may say something too; `masked_fields` counts those.
    """

    def serialize(self, log: Any) -> str:
        known = {name: value for name, value in log.items() if name in FIELDS or name == "message"}
        seen = {
            name: value if value is None or may_be_seen(name, value) else MASKED
            for name, value in known.items()
        }
        if hidden := len(log) - len(known):
            seen["masked_fields"] = hidden
        return super().serialize(seen)


class LibraryFormatter(logging.Formatter):
    """Of what a library says: how grave, which library and where in it. Its words may hold a key or a text."""

    def format(self, record: logging.LogRecord) -> str:
        library = record.name.partition(".")[0]
        place = f"{record.module}:{record.lineno}"
        line = {"level": record.levelname, "library": library, "place": place, "message": MASKED}
        if record.exc_info and record.exc_info[0]:
            line["exception_name"] = record.exc_info[0].__name__
        return json.dumps(line, separators=(",", ":"))


def mask_libraries() -> None:
    """Mask what reaches the root logger: libraries' log lines and Python's warnings."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    for handler in root.handlers:
        handler.setFormatter(LibraryFormatter())
    logging.captureWarnings(True)
