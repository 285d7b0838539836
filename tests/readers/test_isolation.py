"""A library in C reads in a process of its own, and what goes wrong there harms nobody here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.core.extraction import Status
from lambdas.readers import Content, isolation, read
from tests.readers.pdfs import pdf_bomb, pdf_of

LOADED = """
import sys
from lambdas.readers import Content, read
data = sys.stdin.buffer.read()
assert read(Content(data, len(data)), name="x", declared_type=None).status == "read"
print(*sys.modules)
"""


LIGHT = [
    b"a note",
    b"a,b,c\n1,2,3\n4,5,6\n",
    b'{"a": 1}',
    b'{"resourceType": "Patient"}',
    b"MSH|^~\\&|LIS|LAB\rPID|1||4711\r",
    b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>',
    pdf_of(["x"]),
]


def modules_after_reading(data: bytes) -> set[str]:
    child = subprocess.run(
        [sys.executable, "-c", LOADED], input=data, capture_output=True, check=True, timeout=60
    )
    return set(child.stdout.decode().split())


@pytest.mark.parametrize("data", LIGHT, ids=len)
def test_reading_loads_no_library_in_the_function_s_own_process(data: bytes) -> None:
    heavy = {
        "pypdfium2",
        "pydicom",
        "lxml",
        "jinja2",
        "boto3",
        "jsonschema",
        "jsonschema_rs",
        "aws_lambda_powertools",
    }
    assert not modules_after_reading(data) & heavy


def answer(**members: Any) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return lambda *_, **__: subprocess.CompletedProcess([], **{"returncode": 0, "stdout": b""} | members)


def fail(error: Exception) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (answer(returncode=-11), "damaged"),
        (answer(returncode=1), "damaged"),
        (answer(stdout=b"no record"), "failed"),
        (answer(stdout=b'{"status": "read"}'), "failed"),
        (fail(subprocess.TimeoutExpired([], 45)), "too-slow"),
        (fail(OSError("no more processes")), "failed"),
    ],
)
def test_a_reader_that_dies_or_hangs_leaves_a_record_that_says_so(
    monkeypatch: pytest.MonkeyPatch, run: Any, reason: str
) -> None:
    monkeypatch.setattr(isolation.subprocess, "run", run)
    data = pdf_of(["x"])
    extraction = read(Content(data, len(data)), name="x.pdf", declared_type=None)
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, reason)
    assert extraction.document.format == "pdf"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process this way")
def test_a_pdf_that_unpacks_to_more_memory_than_there_is_is_not_read() -> None:
    data = pdf_bomb(megabytes=400)
    extraction = read(Content(data, len(data)), name="x.pdf", declared_type=None)
    assert len(data) < 5000
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "damaged")


def test_the_reading_process_has_none_of_the_function_s_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(*_: object, env: dict[str, str], **__: object) -> subprocess.CompletedProcess[bytes]:
        seen.update(env)
        return subprocess.CompletedProcess([], 1, b"")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(isolation.subprocess, "run", run)
    data = pdf_of(["x"])
    read(Content(data, len(data)), name="x.pdf", declared_type=None)
    assert seen
    assert not [name for name in seen if name.startswith("AWS")]
