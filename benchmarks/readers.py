"""Measures the time and peak memory of reading a small, a large and the worst example of each format.

`python -m benchmarks.readers [FILE]` prints a table and writes it to FILE as JSON. Each run is a fresh process.
Time runs from the call to the record and its page, including the start of the reader's process. Memory is the sum of
the peaks of the function's process, fully loaded, and of the reader's: the most that a 512 MB function must bear.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.readers import dicoms, office, pdfs
from tests.readers.bombs import BOMBS, binary_bombs
from tests.readers.test_images import image_of

_TRIES = 3
_BOMB = 8 * 1024 * 1024  # bytes of a text made to be expensive
_CHILD = """
import json, resource, sys, time
import boto3
import lambdas.intake.wiring
data = sys.stdin.buffer.read()
from lambdas.readers import MAX_READ, Content, read
from carefile.page.render import PageHeader, render
boto3.client("s3", region_name="us-east-1")
begun = time.perf_counter()
extraction = read(Content(data[:MAX_READ], len(data)), name=sys.argv[1], declared_type=None)
extraction.to_bytes()
render(extraction, PageHeader("title", "document", "A_1", "2026-10-28T14:30:22Z", "s3://bucket/key", "v1"))
spent = time.perf_counter() - begun
peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
found = extraction.reason or extraction.status.value
print(json.dumps([extraction.document.format, found, spent * 1000, peak / 1024]))
"""
_CHANCE = random.Random(1)  # noqa: S311 - a fixed sequence
_WORDS = " ".join(str(_CHANCE.randrange(10**9)) for _ in range(100_000))  # about a megabyte
_ROWS = "".join(f"2026-10-{day % 28 + 1:02},Hb,{day / 7:.1f}\n" for day in range(50_000))
_TABLE = "".join(f"<tr><td>{day}<td>Hb<td>{day / 7:.1f}" for day in range(20_000))


def examples() -> dict[str, Callable[[], tuple[bytes, bytes]]]:
    """A small and a large example of each format."""
    return {
        "text": lambda: (b"Dear Ana,\nthank you.\n", (_WORDS * 8).encode()),
        "csv": lambda: (b"a,b,c\n1,2,3\n4,5,6\n", ("day,test,value\n" + _ROWS).encode()),
        "json": lambda: (b'{"a": 1}', json.dumps([{"a": n, "b": str(n)} for n in range(60_000)]).encode()),
        "pdf": lambda: (pdfs.pdf_of(["a page"]), pdfs.pdf_of([_lines(60)] * 200)),
        "docx": lambda: (office.docx_of("Ana"), office.docx_of(_WORDS[:200_000])),
        "xlsx": lambda: (office.xlsx_of("Ana"), _large_workbook()),
        "html": lambda: (b"<html><body><p>x", f"<html><body><table>{_TABLE}</table>{_WORDS}".encode()),
        "rtf": lambda: (b"{\\rtf1 x\\par}", ("{\\rtf1 " + _WORDS * 4 + "\\par}").encode()),
        "eml": lambda: (
            office.eml_of("x"),
            office.eml_of("x").replace(b"Dear colleague,", _lines(20_000).encode()),
        ),
        "zip": lambda: (office.zip_of({"a": b""}), office.zip_of({f"{n}.txt": b"" for n in range(20_000)})),
        "png": lambda: (image_of("PNG"), image_of("PNG", size=(5000, 4000))),
        "jpeg": lambda: (image_of("JPEG"), image_of("JPEG", size=(8000, 6000))),
        "tiff": lambda: (image_of("TIFF"), image_of("TIFF", "L", size=(5000, 4000))),
        "dicom": lambda: (
            dicoms.dicom_of(**dicoms.EXAMPLE),
            dicoms.dicom_of(**dicoms.EXAMPLE, pixels=bytes(30_000_000)),
        ),
        "hl7v2": lambda: (_message(1), _message(20_000)),
        "cda": lambda: (_clinical_document(1), _clinical_document(10_000)),
        "fhir": lambda: (_bundle(1), _bundle(8_000)),
        "fhir-ndjson": lambda: (_resources(2), _resources(8_000)),
        "fhir-xml": lambda: (_fhir_xml(1), _fhir_xml(12_000)),
        "xml": lambda: (
            b"<?xml version='1.0'?><a><b>1</b></a>",
            b"<?xml version='1.0'?><a>" + b"<b c='1'>2</b>" * 90_000 + b"</a>",
        ),
    }


def _lines(count: int) -> str:
    return "\n".join(_WORDS[line * 80 : line * 80 + 80] for line in range(count))


def _large_workbook() -> bytes:
    import io

    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for row in range(20_000):
            for column in range(12):
                sheet.write(row, column, row * column)
    return file.getvalue()


def _message(observations: int) -> bytes:
    lines = (f"OBX|{n}|NM|718-7^Haemoglobin^LN||{n / 7:.1f}|g/dL|12-16|N|||F" for n in range(observations))
    start = "MSH|^~\\&|LIS|LAB|||20241028||ORU^R01|1|P|2.5\rPID|1||4711^^^LAB^MR||Lopez^Ana\r"
    return (start + "\r".join(lines)).encode()


def _clinical_document(rows: int) -> bytes:
    cells = "".join(f"<tr><td>Haemoglobin</td><td>{n / 7:.1f}</td></tr>" for n in range(rows))
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole><id root="1.2" extension="4711"/>'
        "</patientRole></recordTarget><component><structuredBody><component><section><title>Results</title>"
        f"<text><table>{cells}</table></text></section></component></structuredBody></component></ClinicalDocument>"
    ).encode()


def _observations(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        value = {"value": number / 7, "unit": "g/dL"}
        code = {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Haemoglobin"}]}
        yield {"resourceType": "Observation", "status": "final", "code": code, "valueQuantity": value}


def _bundle(count: int) -> bytes:
    return json.dumps(
        {"resourceType": "Bundle", "entry": [{"resource": one} for one in _observations(count)]}
    ).encode()


def _resources(count: int) -> bytes:
    return "\n".join(map(json.dumps, _observations(count))).encode()


def _fhir_xml(count: int) -> bytes:
    one = '<entry><resource><Observation><code><text value="Hb"/></code></Observation></resource></entry>'
    return f'<Bundle xmlns="http://hl7.org/fhir">{one * count}</Bundle>'.encode()


def _worst() -> Iterator[tuple[str, bytes]]:
    """Yield all files made to be expensive, by format."""
    yield from ((name.partition("-")[0], make(_BOMB)) for name, make in BOMBS.items())
    yield from binary_bombs().items()


def measure(data: bytes, name: str = "x", tries: int = _TRIES) -> dict[str, Any]:
    """Read the data a few times and return the median."""
    done = sorted(_read_in_a_process(data, name) for _ in range(tries))
    milliseconds, megabytes, format_, found = done[tries // 2]
    facts = {"format": format_, "found": found, "bytes": len(data)}
    return facts | {"milliseconds": round(milliseconds), "peak_mebibytes": round(megabytes)}


def _read_in_a_process(data: bytes, name: str) -> tuple[float, float, str, str]:
    # Through a shell: otherwise the parent's peak memory would count as the child's.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", _CHILD, name]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=180)
    format_, found, milliseconds, megabytes = json.loads(done.stdout)
    return milliseconds, megabytes, format_, found


def worst() -> dict[str, dict[str, Any]]:
    """Measure the most time and memory that any expensive file of each format takes."""
    most: dict[str, dict[str, Any]] = {}
    for format_, data in _worst():
        result = measure(data, f"x.{format_}", tries=1)
        so_far = most.setdefault(
            format_, {"example": "worst", "milliseconds": 0, "peak_mebibytes": 0, "tried": 0}
        )
        so_far["tried"] += 1
        for key in ("milliseconds", "peak_mebibytes"):
            so_far[key] = max(so_far[key], result[key])
    return most


def main() -> None:
    results: list[dict[str, Any]] = []
    table = Table("format", "example", "size", "ms", "peak MiB", "read", title="What reading costs")
    for name, make in examples().items():
        for example, data in zip(("small", "large"), make(), strict=True):
            result = measure(data)
            if result["format"] != name.removesuffix("-xml"):
                raise SystemExit(f"benchmark: the {example} example of {name} is read as {result['format']}")
            results.append({"example": example, **result, "format": name})
            size, spent, peak = (f"{result[key]:,}" for key in ("bytes", "milliseconds", "peak_mebibytes"))
            table.add_row(name, example, size, spent, peak, result["found"])
    for name, result in worst().items():
        results.append({"format": name, **result})
        spent, peak = (f"{result[key]:,}" for key in ("milliseconds", "peak_mebibytes"))
        table.add_row(name, f"worst of {result['tried']}", "", spent, peak, "")
    Console().print(table)
    if len(sys.argv) > 1:
        machine = {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        }
        Path(sys.argv[1]).write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
