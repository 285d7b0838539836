"""PDFs for the tests, made by a library that has nothing to do with the one that reads them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable

from reportlab.pdfgen import canvas


def pdf_of(pages: Iterable[str], title: str = "") -> bytes:
    """A PDF with one page for each text, line by line."""
    file = io.BytesIO()
    document = canvas.Canvas(file, invariant=1)
    document.setTitle(title)
    for text in pages:
        for index, line in enumerate(text.splitlines()):
            document.drawString(60, 780 - index * 14, line)
        document.showPage()
    document.save()
    return file.getvalue()


def pdf_bomb(megabytes: int) -> bytes:
    """A page of a few hundred bytes that unpacks to so many megabytes of spaces."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 1_000_000) for _ in range(megabytes)) + packer.flush()
    stream = zlib.compress(packed, 9)
    return b"".join(
        (
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
            b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n",
            b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<>>>>endobj\n",
            f"4 0 obj<</Length {len(stream)}/Filter[/FlateDecode/FlateDecode]>>stream\n".encode(),
            stream,
            b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        )
    )
