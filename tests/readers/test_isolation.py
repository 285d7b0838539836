"""A library in C reads in a process of its own, and what goes wrong there harms nobody here."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from carefile.core.documents.extraction import Extraction, Status
from lambdas.readers import Content, choosing, isolation, limits, read
from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.text import plain_text
from lambdas.readers.reading import OutOfTimeError, read_with
from lambdas.readers.source import Source
from tests.readers.dicoms import dicom_of
from tests.readers.here import read_here
from tests.readers.office import docx_of, eml_of, with_part, xlsx_of
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
    assert loaded - sys.stdlib_module_names <= {"carefile", "lambdas", "__main__", "_distutils_hack"}


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
        (answer(returncode=-6), "too-complex"),
        (answer(returncode=-9), "too-complex"),
        (answer(returncode=12), "too-complex"),
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
    monkeypatch.setattr(isolation.children, "run", run)
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
    monkeypatch.setattr(isolation.children, "run", run)
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
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "too-complex")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process this way")
def test_in_a_small_function_the_reading_process_has_half_of_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = pdf_bomb(megabytes=120)
    read_of = {}
    for megabytes in ("512", "256"):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes)
        read_of[megabytes] = read(Content(data, len(data)), name="x.pdf", declared_type=None).reason
    assert read_of["256"] == "too-complex"
    assert read_of["512"] != "too-complex"


@pytest.mark.parametrize("data", LIGHT[:6], ids=len)
def test_a_document_that_is_not_small_is_read_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    asked: list[str] = []

    def isolated(reader: Reader, source: Source) -> Extraction:
        asked.append(reader.format)
        return read_with(reader, source)

    monkeypatch.setattr(choosing, "read_isolated", isolated)
    read(Content(data, len(data)), name="x", declared_type=None)
    assert not asked
    large = data + b" " * limits.MAX_READ_HERE
    extraction = read(Content(large, len(large)), name="x", declared_type=None)
    assert asked[-1] == extraction.document.format


@pytest.mark.parametrize(("error", "reason"), [(MemoryError, "too-complex"), (OutOfTimeError, "too-slow")])
def test_what_was_read_before_memory_or_time_ran_out_is_kept(error: type[BaseException], reason: str) -> None:
    def read_in_part(_: Source, draft: Draft) -> None:
        draft.text("the beginning")
        raise error

    extraction = read_with(replace(plain_text.READER, read=read_in_part), Source(Content(b"x", 1), "x", None))
    assert (extraction.status, extraction.reason) == (Status.PARTLY_READ, reason)
    assert [warning.code for warning in extraction.warnings] == [reason]
    assert not extraction.candidates_complete


SLOW = """
import time
from lambdas.readers import isolation
from lambdas.readers.formats.text import plain_text
from lambdas.readers.reading import read_with
from lambdas.readers.source import Content, Source
from dataclasses import replace
def read(source, draft):
    draft.text("the beginning")
    try:
        time.sleep(30)
    except Exception:
        draft.reason = None
isolation._alarm_after(1, isolation._stop_reading)
print(read_with(replace(plain_text.READER, read=read), Source(Content(b"x", 1), "x", None)).reason)
"""


@pytest.mark.timeout(20)
def test_a_reader_that_takes_too_long_is_stopped_and_no_exception_handler_of_its_own_hides_that() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, check=True, timeout=15)
    assert done.stdout.split() == [b"too-slow"]


@pytest.mark.parametrize(
    ("library", "data"),
    [
        ("docx.Document", docx_of("x")),
        ("openpyxl.load_workbook", xlsx_of("x")),
        ("email.message_from_bytes", eml_of("x")),
        ("pydicom.dcmread", dicom_of()),
    ],
)
def test_a_library_that_runs_out_of_memory_has_met_no_damage(
    monkeypatch: pytest.MonkeyPatch, library: str, data: bytes
) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(library, run_out)
    with read_here():
        extraction = read(Content(data, len(data)), name="x", declared_type=None)
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "too-complex")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process this way")
@pytest.mark.timeout(60)
def test_a_letter_of_millions_of_empty_paragraphs_is_too_complex_and_not_damaged() -> None:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f'<w:document xmlns:w="{word}"><w:body>{"<w:p/>" * 3_900_000}</w:body></w:document>'
    data = with_part(docx_of("x"), "word/document.xml", body.encode())
    extraction = read(Content(data, len(data)), name="x", declared_type=None)
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "too-complex")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (b"<html><body><p>the beginning</p>" + b"<div>" * 1_500_000, "characters"),
        (
            b"From: a\nSubject: the beginning\nMIME-Version: 1.0\n"
            b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 700_000,
            "parts",
        ),
    ],
    ids=["html", "eml"],
)
def test_of_a_document_that_would_take_hours_the_beginning_is_read(data: bytes, cut: str) -> None:
    begun = time.monotonic()
    extraction = read(Content(data, len(data)), name="x", declared_type=None)
    assert time.monotonic() - begun < limits.READING_SECONDS
    assert (extraction.status, extraction.reason) == (Status.PARTLY_READ, "cut")
    assert b"the beginning" in extraction.to_bytes()
    assert cut in {cut.what for cut in extraction.cuts}
    assert not extraction.candidates_complete


def test_the_reading_process_has_none_of_the_function_s_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(_: object, __: bytes, env: dict[str, str], ___: float) -> subprocess.CompletedProcess[bytes]:
        seen.update(env)
        return subprocess.CompletedProcess([], 1, b"")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(isolation.children, "run", run)
    data = pdf_of(["x"])
    read(Content(data, len(data)), name="x.pdf", declared_type=None)
    assert seen
    assert not [name for name in seen if name.startswith("AWS")]
