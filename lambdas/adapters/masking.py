"""What may stand in a log line or a metric's dimension: known words and known shapes, by the name of the field.

Everything else is masked, so a developer who logs a key, a document's text or an exception by mistake leaks nothing. To
log something new, give its message a line in MESSAGES, or its field a line in FIELDS.

Invariant: no field admits free text. It has a closed set of words, or a shape that neither a name nor a patient's
number has: a UUID, a moment, a place in the program.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from carefile.core.errors import CarefileError
from carefile.core.filing.tagging import PipelineStatus
from carefile.core.model import Disposition, Kind, PatientStatus, UnknownReason
from lambdas.adapters.aws_errors import DENIED, OF_EXECUTIONS, OPERATIONS, REFUSED, TRANSIENT

MASKED = "(masked)"
MESSAGES = frozenset(
    {
        "assigned",
        "classified",
        "failed",
        "failure recorded",
        "merged",
        "indexed",
        "indexed sessions",
        "session not indexed",
        "adopted",
        "normalised",
        "not promoted",
        "promoted",
        "not registered",
        "registered",
        "tagged",
    }
)


# The first word of an error's text, before the colon.
REASONS = frozenset(
    {
        "adopted-in-place",
        "ambiguous-bucket",
        "ambiguous-session",
        "untrusted-session",
        "archived-object",
        "assigned-otherwise",
        "bucket-not-allowed",
        "changed-since",
        "patient-contended",
        "contract-broken",
        "damaged-patient-id",
        "decided-otherwise",
        "decided-since",
        "empty-object",
        "filed-otherwise",
        "folder-contended",
        "folder-marker",
        "forgotten-since",
        "ledger-full",
        "left-behind",
        "malformed-input",
        "malformed-note",
        "merged-in-a-circle",
        "merged-otherwise",
        "no-patient-id",
        "no-room-for-tags",
        "no-verdict",
        "nothing-decided",
        "not-merged",
        "patients-are-open",
        "same-patient",
        "nothing-filed",
        "object-not-found",
        "overtaken-by-empty",
        "own-output",
        "placeholder-patient",
        "scan-denied",
        "scan-failed",
        "scan-result",
        "scan-unsupported",
        "session-not-found",
        "still-changing",
        "threat-found",
        "malformed-metadata",
        "unlisted-patient",
        "unreadable-object",
        "version-not-found",
    }
)
# The functions that log; where they are is a line's `location`.
LOGGING = frozenset({"_record", "_report", "handler", "normalise", "take", "wrapped"})
MOST_COUNTED = 500  # a batch of the catalog's stream: what is no larger is no patient's number

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Names of executions: EventBridge's, Step Functions' own, a promotion's, and those that `carefile` gives.
_EXECUTION = "|".join(
    [
        rf"(?:promoted-)?{_UUID}(?:_{_UUID})?",
        r"(?:resubmit|dead-letter)-[0-9a-f]{32}",
        r"\d{8}T\d{6}-[0-9a-f]{8}",
    ]
)
_PLACE = re.compile(r" at (?:lambdas/[a-z0-9_/]+\.py:\d{1,4}|an unknown line)")

Allowed = Callable[[Any], bool]


def _shape(pattern: str) -> Allowed:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _words(*kinds: type[StrEnum], others: Iterable[str] = ()) -> Allowed:
    known = {word.value for kind in kinds for word in kind} | set(others)
    return lambda value: isinstance(value, str) and value in known


def _setting(variable: str) -> Allowed:
    """What the stack itself has given the function, and nothing else."""
    return lambda value: isinstance(value, str) and value == os.environ.get(variable)


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_COUNTED


def _entry_change(value: Any) -> bool:
    """What became of a patient's entry. One function logs it; all others start without the patient directory."""
    from carefile.core.patients.entries import Change

    return _words(Change)(value)


def _is_exception(value: Any) -> bool:
    """Whether it names an existing class of exceptions. Asked rarely, so nothing is cached."""
    waiting: list[type[BaseException]] = [BaseException]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ == value:
            return True
        waiting += type.__subclasses__(kind)
    return False


def _reason(value: Any) -> bool:
    """The word of an error of ours, or what the boundary makes of somebody else's."""
    if not isinstance(value, str):
        return False
    code, _, operation = value.partition(" from ")
    if operation:
        return code in TRANSIENT | DENIED | REFUSED and operation in OPERATIONS
    place = _PLACE.search(value)
    return value in REASONS or _is_exception(
        value[: place.start()] + value[place.end() :] if place else value
    )


FIELDS: Mapping[str, Allowed] = {
    "level": _words(others=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    "location": _shape(rf"(?:{'|'.join(sorted(LOGGING))}):\d{{1,3}}"),
    "timestamp": _shape(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}[+-]\d{4}"),
    "service": _setting("POWERTOOLS_SERVICE_NAME"),
    "stage": _setting("STAGE"),
    "correlation_id": _shape(rf"|{_EXECUTION}"),
    "xray_trace_id": _shape(r"1-[0-9a-f]{8}-[0-9a-f]{24}"),
    "exception_name": _is_exception,
    "error": _words(others=OF_EXECUTIONS | {kind.__name__ for kind in CarefileError.__subclasses__()}),
    "reason": _reason,
    "kind": _words(Kind, others=("none",)),
    "disposition": _words(Disposition, others=("left",)),
    "status": _words(PipelineStatus),
    "patient": _words(PatientStatus, UnknownReason),
    "entry": _entry_change,
    "written": lambda value: type(value) is bool,
    "records": _count,
    "sessions": _count,
    "changed": _count,
}


def may_be_seen(name: str, value: object) -> bool:
    """Whether this is a known field with a value that it may have."""
    if name == "message":
        return isinstance(value, str) and value in MESSAGES
    allowed = FIELDS.get(name)
    return allowed is not None and allowed(value)


class MaskingFormatter(LambdaPowertoolsFormatter):
    """Formats Powertools' JSON line with only what may be seen.

    A field that is not known goes altogether, as its name may say something too; `masked_fields` counts those.
    """

    def _get_latest_trace_id(self) -> str | None:
        """Of a trace that exists only: most are not sampled, and their ids would be a fifth of all logged bytes."""
        sampled = "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")
        return super()._get_latest_trace_id() if sampled else None

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
    # Lambda sets the functions' own level for everybody, and libraries log every request at that.
    root.setLevel(logging.WARNING)
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    for handler in root.handlers:
        handler.setFormatter(LibraryFormatter())
    logging.captureWarnings(True)
