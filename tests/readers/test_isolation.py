"""A library in C reads in a process of its own, and what goes wrong there harms nobody here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.core.extraction import Status
from lambdas.readers import Content, isolation, plain_text, read
from lambdas.readers.base import Source
from lambdas.readers.registry import read_with
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
    b"<html><body>x</body></html>",
]


def modules_after_reading(data: bytes) -> set[str]:
    child = subprocess.run(
        [sys.executable, "-c", LOADED], input=data, capture_output=True, check=True, timeout=60
    )
    return set(child.stdout.decode().split())


@pytest.mark.parametrize("data", LIGHT, ids=len)
def test_reading_loads_no_library_in_the_function_s_own_process(data: bytes) -> None:
    loaded = {name.partition(".")[0] for name in modules_after_reading(data)}
    assert loaded - sys.stdlib_module_names <= {"lambdas", "__main__", "_distutils_hack"}


def answer(**members: Any) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return lambda *_, **__: subprocess.CompletedProcess([], **{"returncode": 0, "stdout": b""} | members)


def fail(error: Exception) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        raise error

    return run


RECORD = read_with(plain_text.READER, Source(Content(b"a note", 6), "x", None)).to_bytes()


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (answer(returncode=-11), "damaged"),
        (answer(returncode=1), "damaged"),
        (answer(stdout=b"no record\0"), "failed"),
        (answer(stdout=b'{"status": "read"}\0'), "failed"),
        (answer(stdout=RECORD), "damaged"),
        (fail(subprocess.TimeoutExpired([], 45)), "too-slow"),
        (fail(subprocess.TimeoutExpired([], 45, RECORD)), "too-slow"),
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


@pytest.mark.parametrize(
    "run",
    [
        answer(stdout=RECORD + b"\0"),
        answer(stdout=RECORD + b'\0{"media_type": "image/j', returncode=-14),
        fail(subprocess.TimeoutExpired([], 45, RECORD + b"\0")),
    ],
)
def test_a_reader_that_dies_over_the_picture_has_given_its_record(
    monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    monkeypatch.setattr(isolation.subprocess, "run", run)
    data = pdf_of(["x"])
    extraction = read(Content(data, len(data)), name="x.pdf", declared_type=None)
    assert extraction.status is Status.READ
    assert [warning.code for warning in extraction.warnings] == ["no-picture"]
    assert extraction.picture is None


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
