"""The claim about scans: that the libraries which recognise text run where the functions run."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from carefile.cli.verifying.claim import Claim
from carefile.cli.verifying.outcome import NotHere
from carefile.cli.verifying.site import Site, expect
from carefile.core.filing.layout import extracted_key
from carefile.core.model import ReadingStatus

# A page that says HELLO, a character for a dot.
_LETTERS = """
#   #  #####  #      #       ###
#   #  #      #      #      #   #
#   #  #      #      #      #   #
#####  ####   #      #      #   #
#   #  #      #      #      #   #
#   #  #      #      #      #   #
#   #  #####  #####  #####   ###
"""
_DOT, _MARGIN = 12, 60  # pixels


def page() -> bytes:
    """The page as a PNG file of one bit a pixel."""
    rows = _LETTERS.strip("\n").splitlines()
    width = max(map(len, rows)) * _DOT + 2 * _MARGIN
    blank = [b"\0" + b"\xff" * -(-width // 8)] * _MARGIN
    lines = [*blank, *(_line(row, width) for row in rows for _ in range(_DOT)), *blank]
    header = struct.pack(">IIBBBBB", width, len(lines), 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def _line(row: str, width: int) -> bytes:
    """One line of pixels, where white is one, after the byte that names its filter."""
    dots = "1" * _MARGIN + "".join(("0" if one == "#" else "1") * _DOT for one in row)
    bits = dots.ljust(-(-width // 8) * 8, "1")
    return b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _read(site: Site) -> str:
    if site.connection.setting("OCR") != "on":
        raise NotHere("the stage does not set ocr")
    entry = site.filed(site.upload(site.key("scan.png"), page(), ContentType="image/png"))
    s3, asked = site.client("s3"), {"Bucket": entry.bucket, "Key": extracted_key(entry.prefix)}

    def reading() -> dict[str, Any] | None:
        found: dict[str, Any] = json.loads(s3.get_object(**asked)["Body"].read()).get("reading") or {}
        return None if found.get("status") in (None, ReadingStatus.PENDING) else found

    found = site.until(reading, "the page of a scan is not read", every=5)
    failed = [one["failed"] for one in found.get("pages", ()) if one.get("failed")]
    expect(
        found["status"] == ReadingStatus.DONE and not failed,
        f"the reading of a scan is {found['status']}{': ' * bool(failed)}{', '.join(failed)}",
    )
    return f"a scan was filed at once, and then read by {found.get('engine')}"


CLAIMS = (
    Claim(
        "The libraries that recognise text load on the architecture of the functions, and a scan that is filed is read "
        "afterwards (`ocr`)",
        "upload a scan; its `extracted_data.json` has `reading` with the status `done`",
        _read,
        seconds=400,
        uploads=1,
        runs=1,
    ),
)
