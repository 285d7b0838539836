"""What reading costs: milliseconds and peak memory for a small and a large example of each format, in fresh processes.

`python -m benchmarks.readers [FILE]` prints a table, and writes it to FILE as JSON. Time is from the call to the
record, the start of a reader's own process included; memory is the larger of the two processes' peaks.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.readers import office, pdfs
from tests.readers.test_images import image_of

_TRIES = 3
_CHILD = """
import json, resource, sys, time
data = sys.stdin.buffer.read()
from lambdas.readers import Content, read
begun = time.perf_counter()
extraction = read(Content(data, len(data)), name="x", declared_type=None)
spent = time.perf_counter() - begun
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps([extraction.document.format, extraction.status.value, spent * 1000, peak / 1024]))
"""
_CHANCE = random.Random(1)  # noqa: S311 - a fixed sequence
_WORDS = " ".join(str(_CHANCE.randrange(10**9)) for _ in range(100_000))  # some megabyte
_ROWS = "".join(f"2026-10-{day % 28 + 1:02},Hb,{day / 7:.1f}\n" for day in range(50_000))
_TABLE = "".join(f"<tr><td>{day}<td>Hb<td>{day / 7:.1f}" for day in range(20_000))


def examples() -> dict[str, Callable[[], tuple[bytes, bytes]]]:
    """A small and a large one of each format."""
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


def measure(data: bytes) -> dict[str, Any]:
    """The median of a few tries."""
    tries = sorted(_read_in_a_process(data) for _ in range(_TRIES))
    milliseconds, megabytes, format_, status = tries[_TRIES // 2]
    facts = {"format": format_, "status": status, "bytes": len(data)}
    return facts | {"milliseconds": round(milliseconds), "peak_mebibytes": round(megabytes)}


def _read_in_a_process(data: bytes) -> tuple[float, float, str, str]:
    # Through a shell: the peak of a process that starts another would otherwise count as the other's.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", _CHILD]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=120)
    format_, status, milliseconds, megabytes = json.loads(done.stdout)
    return milliseconds, megabytes, format_, status


def main() -> None:
    results = []
    table = Table("format", "example", "size", "ms", "peak MiB", "read", title="What reading costs")
    for name, make in examples().items():
        for example, data in zip(("small", "large"), make(), strict=True):
            result = measure(data)
            if result["format"] != name:
                raise SystemExit(f"benchmark: the {example} example of {name} is read as {result['format']}")
            results.append({"example": example, **result})
            size, spent, peak = (f"{result[key]:,}" for key in ("bytes", "milliseconds", "peak_mebibytes"))
            table.add_row(name, example, size, spent, peak, result["status"])
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
