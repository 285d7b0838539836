"""Logging masks by default: whatever a developer hands to the log, nothing of a patient comes out of it."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest

from carefile.core.errors import CarefileError, ContractViolation, RejectedObject
from lambdas.adapters import contracts
from lambdas.adapters.aws_errors import OPERATIONS
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.masking import (
    FIELDS,
    LOGGING,
    MESSAGES,
    REASONS,
    LibraryFormatter,
    mask_libraries,
    may_be_seen,
)
from lambdas.adapters.measures import DIMENSIONS, Metric, measure
from lambdas.adapters.settings import ROOT

MARK = "Zyxwvut_Patient_Mark"
KEY = f"documents/{MARK}/{MARK}.txt"
SOURCES = sorted(path for folder in ("carefile/core", "lambdas") for path in (ROOT / folder).rglob("*.py"))
# What a text of ours may take in: numbers and names of the program's own, and a deployment's settings.
IN_A_TEXT = {
    "_line(error)",
    "code",
    "error.operation_name",
    "fault",
    "left.total()",
    "len(trusted)",
    "len(left)",
    "name",
    "self.layout.prefix",
    "shape",
    "text",
    "type(error).__name__",
}


def _raised() -> None:
    try:
        raise KeyError(KEY)
    except KeyError:
        logger.exception(KEY)


CARELESS: dict[str, Callable[[], object]] = {
    "the key as the message": lambda: logger.info(KEY),
    "the key in the message": lambda: logger.info(f"filed {KEY}"),
    "the key as an argument": lambda: logger.info("filed %s", KEY),
    "an id that looks like a word": lambda: logger.info("maria"),
    "the event": lambda: logger.info({"input": {"key": KEY}}),
    "the event as JSON": lambda: logger.info(json.dumps({"key": KEY})),
    "a field nobody knows": lambda: logger.info("tagged", key=KEY),
    "a field of a patient's name": lambda: logger.info("tagged", **{MARK: True}),
    "a number that is an id": lambda: logger.info("tagged", patient_id=4711_0815),
    "a known field with another value": lambda: logger.info("tagged", status=KEY, written=MARK, reason=MARK),
    "a list": lambda: logger.info("tagged", status=[KEY]),
    "the standard library's extra": lambda: logger.info("tagged", extra={"key": KEY}),
    "an exception": _raised,
    "an exception as a field": lambda: logger.error("failed", exception=KEY, exception_notes=[KEY]),
    "a key that stays": lambda: (logger.append_keys(key=KEY), logger.info("tagged")),
    "a reason that is a name": lambda: logger.info("tagged", reason="maria-lopez"),
    "a reason that is an operation on nobody": lambda: logger.info("tagged", reason="MariaLopez from Juan"),
    "a reason that is a known error on nobody's operation": lambda: logger.info(
        "tagged", reason="AccessDenied from Juan"
    ),
    "a reason that is nobody's error on a known operation": lambda: logger.info(
        "tagged", reason="MariaLopez from GetObject"
    ),
    "a reason with the free text of an error": lambda: logger.info(
        "tagged", reason=f"AccessDenied from GetObject: {KEY}"
    ),
    "an exception that there is not": lambda: logger.info("tagged", exception_name="MariaLopez4711"),
    "an error that there is not": lambda: logger.info("tagged", error="S3.MariaLopez"),
    "a number that is too large to be a count": lambda: logger.info("tagged", records=47110815),
    "a place that is none": lambda: logger.info("tagged", location="maria_lopez:4711"),
    "a moment that is none": lambda: logger.info("tagged", timestamp="4711-0815-123"),
    "a service that is none": lambda: logger.info("tagged", service="carefile-maria", stage="maria-lopez"),
    "an execution that a person named": lambda: (
        logger.set_correlation_id("Juan_Perez_123"),
        logger.info("tagged"),
    ),
    "an execution with a number for its name": lambda: (
        logger.set_correlation_id("4711-0815"),
        logger.info("tagged"),
    ),
    "a correlation id that is none": lambda: (logger.set_correlation_id(KEY), logger.info("tagged")),
}


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    logger.clear_state()


@pytest.mark.parametrize("careless", CARELESS.values(), ids=CARELESS)
def test_a_careless_log_line_says_nothing_of_the_patient(
    careless: Callable[[], object], log: io.StringIO
) -> None:
    careless()
    line = log.getvalue()
    assert '"level":' in line
    for word in (MARK, "maria", "lopez", "juan", "4711", "documents/"):
        assert word.lower() not in line.lower()


@pytest.mark.parametrize(
    "name",
    [
        "5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f",
        "5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f_0a8b7c6d-9b13-4d0a-8d4f-5e0c3ab50a8b",
        "promoted-5e0c3ab5-9b13-4d0a-8d4f-0a8b7c6d5e4f",
        "resubmit-5e0c3ab59b134d0a8d4f0a8b7c6d5e4f",
        "dead-letter-5e0c3ab59b134d0a8d4f0a8b7c6d5e4f",
        "20261120T120000-5e0c3ab5",
    ],
)
def test_the_name_that_a_program_gave_an_execution_leads_from_the_log_to_it(
    name: str, log: io.StringIO
) -> None:
    logger.set_correlation_id(name)
    logger.info("tagged")
    assert json.loads(log.getvalue())["correlation_id"] == name


@pytest.mark.parametrize("sampled", [True, False])
def test_a_line_names_its_trace_where_there_is_one(
    sampled: bool, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = "1-67123456-0123456789abcdef01234567"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={trace};Parent=0123456789abcdef;Sampled={int(sampled)}")
    logger.info("tagged")
    assert json.loads(log.getvalue()).get("xray_trace_id") == (trace if sampled else None)


def test_what_is_hidden_is_counted_so_that_its_author_sees_it(log: io.StringIO) -> None:
    logger.info("tagged", key=KEY, other=1, status="cataloged", written=True)
    line = json.loads(log.getvalue())
    assert (line["message"], line["status"], line["written"]) == ("tagged", "cataloged", True)
    assert line["masked_fields"] == 2


@pytest.mark.parametrize(
    ("name", "variable"),
    [("service", "POWERTOOLS_SERVICE_NAME"), ("stage", "STAGE")],
    ids=["service", "stage"],
)
def test_a_setting_is_seen_as_the_stack_gave_it_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "given")
    assert may_be_seen(name, "given")
    assert not may_be_seen(name, MARK)
    monkeypatch.delenv(variable)
    assert not may_be_seen(name, None)


def test_an_error_logs_its_class_its_reason_and_its_place(log: io.StringIO) -> None:
    @entry_point
    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        raise RejectedObject("empty-object: the object holds no bytes") if event else ValueError(KEY)

    for event in ({}, {"a": 1}):
        with pytest.raises(CarefileError):
            handler(event, None)
    defect, rejected = map(json.loads, log.getvalue().splitlines())
    assert (rejected["error"], rejected["reason"]) == ("RejectedObject", "empty-object")
    assert defect["error"] == "InternalError"
    assert re.fullmatch(r"ValueError at lambdas/adapters/boundary\.py:\d+", defect["reason"])


def test_an_error_of_aws_logs_its_code_and_its_operation(log: io.StringIO) -> None:
    logger.error("failed", reason="AccessDenied from GetObject")
    assert json.loads(log.getvalue())["reason"] == "AccessDenied from GetObject"


def test_an_error_forgets_what_it_came_from() -> None:
    """The embedded AWS writes the whole traceback into the function's log, AWS the exception's text."""

    @entry_point
    def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        try:
            raise KeyError(KEY)
        except KeyError:
            raise RejectedObject("empty-object: the object holds no bytes")  # noqa: B904

    with pytest.raises(RejectedObject) as caught:
        handler({}, None)
    assert caught.value.__suppress_context__


def test_a_library_s_words_are_masked_and_its_name_and_place_stay() -> None:
    seen, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(seen)
    root.addHandler(handler)
    before = {other: other.formatter for other in root.handlers}
    try:
        root.setLevel(logging.INFO)  # as Lambda does where it filters by level
        mask_libraries()
        logging.getLogger("botocore.credentials").info("Found credentials in environment variables.")
        logging.getLogger("urllib3.connectionpool").warning("Failed to parse headers (url=%s)", KEY)
        try:
            raise KeyError(KEY)
        except KeyError:
            logging.getLogger("pydicom").exception(KEY)
        with warnings.catch_warnings():
            logging.captureWarnings(False)
            logging.captureWarnings(True)
            warnings.simplefilter("always")
            warnings.warn(f"Invalid value for VR UI: {KEY}", stacklevel=1)
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        for other, formatter in before.items():
            other.setFormatter(formatter)
    lines = [json.loads(line) for line in seen.getvalue().splitlines()]
    assert [line["library"] for line in lines] == ["urllib3", "pydicom", "py"]
    assert lines[1]["exception_name"] == "KeyError"
    assert MARK not in seen.getvalue()


def test_a_record_of_a_library_without_an_exception_is_one_line() -> None:
    record = logging.LogRecord("boto", logging.WARNING, "/x/session.py", 7, "%s\n%s", (KEY, KEY), None)
    assert json.loads(LibraryFormatter().format(record)) == {
        "level": "WARNING",
        "library": "boto",
        "place": "session:7",
        "message": "(masked)",
    }


def test_a_dimension_that_is_no_known_word_becomes_other(capsys: pytest.CaptureFixture[str]) -> None:
    measure({Metric.INTAKES: 1}, disposition=MARK, kind="document")
    measure({Metric.FAILURES: 1}, error=f"{MARK}.Exception")
    measure({Metric.FAILURES: 1}, error="Lambda.TooManyRequestsException")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[0]["disposition"], lines[0]["kind"], lines[0]["stage"]) == ("other", "document", "test")
    assert [line["error"] for line in lines[1:]] == ["other", "Lambda.TooManyRequestsException"]


def test_a_metric_has_the_dimensions_that_the_dashboard_looks_for_or_none_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="Intakes has the dimensions"):
        measure({Metric.INTAKES: 1}, kind="document")
    measure({Metric.UPLOAD_TO_CATALOG: 1})
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]
    assert all(name in FIELDS for names in DIMENSIONS.values() for name in names)


def calls_of_the_logger() -> Iterator[ast.Call]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger."):
                yield node


def test_every_message_and_field_that_the_functions_log_may_be_seen() -> None:
    said = set()
    for call in calls_of_the_logger():
        if ast.unparse(call.func).rpartition(".")[2] in ("info", "error", "warning", "debug"):
            (message,) = call.args
            assert isinstance(message, ast.Constant), ast.unparse(call)
            said.add(message.value)
            assert {word.arg for word in call.keywords} <= set(FIELDS), ast.unparse(call)
    assert said == MESSAGES


def test_a_place_in_the_log_is_a_function_that_logs() -> None:
    places = set()
    for path in SOURCES:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                own = {
                    id(it)
                    for inner in ast.walk(function)
                    if inner is not function and isinstance(inner, ast.FunctionDef)
                    for it in ast.walk(inner)
                }
                calls = [it for it in ast.walk(function) if isinstance(it, ast.Call) and id(it) not in own]
                if any(re.match(r"logger\.(info|error)$", ast.unparse(call.func)) for call in calls):
                    places.add(function.name)
    assert places == LOGGING


def raised_errors(tree: ast.AST) -> Iterator[tuple[str, str, set[str]]]:
    """Each error of ours that is made: its class, what its text begins with, what its text takes in."""
    names = {kind.__name__ for kind in CarefileError.__subclasses__()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
            (text,) = node.args
            for one in in_a_table(tree, text) or [text]:
                parts = one.values if isinstance(one, ast.JoinedStr) else [one]
                words = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
                others = [part for part in parts if not isinstance(part, ast.Constant)]
                taken = {ast.unparse(p.value if isinstance(p, ast.FormattedValue) else p) for p in others}
                yield ast.unparse(node.func), "".join(words[:1]), taken


def in_a_table(tree: ast.AST, text: ast.expr) -> list[ast.expr]:
    """The texts of a module's table, where an error's is one of them."""
    if not isinstance(text, ast.Subscript):
        return []
    tables = (it for it in ast.walk(tree) if isinstance(it, ast.Assign) and isinstance(it.value, ast.Dict))
    name = ast.unparse(text.value)
    return [it for node in tables if ast.unparse(node.targets[0]) == name for it in node.value.values]


def test_no_text_of_an_error_takes_in_what_may_be_a_patient_s() -> None:
    """The text becomes the cause of an execution; its first word goes into the log."""
    found, reasons = 0, set()
    for path in SOURCES:
        for name, begins, taken in raised_errors(ast.parse(path.read_text(encoding="utf-8"))):
            others = {part for part in taken - IN_A_TEXT if not part.isupper()}  # constants
            assert not others, f"{path.name}: {name} says {others}"
            own = path.name == "boundary.py"
            assert own or re.match(r"[a-z]+(-[a-z]+){1,4}: |[A-Za-z]+ from [A-Z][A-Za-z]+: ", begins), (
                f"{path.name}: {name} begins with {begins!r}"
            )
            reasons |= set(re.findall(r"^([a-z]+(?:-[a-z]+)+): ", begins))
            found += 1
    assert found > 15
    assert reasons == REASONS


def test_every_operation_that_the_functions_ask_for_has_a_name_that_may_be_seen() -> None:
    adapters = "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.parent.name == "adapters")
    asked = set(re.findall(r"\.([a-z_]+)\(|get_paginator\(\"([a-z_0-9]+)\"\)", adapters))
    named = {word for pair in asked for word in pair if word}
    session, known = botocore.session.get_session(), set()
    for service in ("s3", "dynamodb", "stepfunctions", "events", "secretsmanager", "sqs"):
        known |= set(session.get_service_model(service).operation_names)
    called = {it for it in known if botocore.xform_name(it) in named}
    assert len(called) > 10
    assert called <= OPERATIONS <= known


@pytest.mark.parametrize(
    "careless",
    ['RejectedObject(f"gone: {key}")', "RejectedObject(key)", 'errors.InternalError("x: " + str(key))'],
)
def test_the_check_on_texts_would_see_a_key(careless: str) -> None:
    ((_, _, taken),) = raised_errors(ast.parse(careless))
    assert not taken <= IN_A_TEXT


def test_a_broken_contract_names_no_member_that_a_document_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"type": "object", "additionalProperties": {"type": "string"}}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"facts": facts}}
    monkeypatch.setattr(contracts, "_schema", lambda _name: schema)
    contracts._validator.cache_clear()
    try:
        with pytest.raises(ContractViolation) as caught:
            contracts.conform("made_up", {"facts": {MARK: 1}})
    finally:
        contracts._validator.cache_clear()
    assert str(caught.value).endswith("at facts/*: breaks the rule 'type'")
