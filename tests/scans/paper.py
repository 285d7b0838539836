"""Pages as paper shows them, for the tests: text printed in a font that comes with a library, and then degraded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import reportlab
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
LETTER = """Riverside Clinic
Discharge letter

Patient: Maria Hernandez
Record number: MRN 4711-0815
Date of birth: 14 March 1961

The patient was admitted with chest pain and discharged
after three days without complaints. Blood pressure was
142 over 86. She takes metoprolol 50 mg once a day.
Please check her kidney function in two weeks."""


def page(text: str = LETTER, dpi: int = 200) -> Image.Image:
    """A page of A4 in shades of grey."""
    image = Image.new("L", (round(8.27 * dpi), round(11.69 * dpi)), 255)
    font = ImageFont.truetype(str(FONT), dpi * 12 // 72)
    drawing = ImageDraw.Draw(image)
    for number, line in enumerate(text.splitlines()):
        drawing.text((dpi, dpi + number * dpi // 4), line, font=font, fill=0)
    return image


def png(image: Image.Image, dpi: int = 200) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", dpi=(dpi, dpi))
    return file.getvalue()


def tiff(
    pages: Sequence[Image.Image], dpi: tuple[int, int] = (200, 200), compression: str = "group4"
) -> bytes:
    """Pages in black and white, as a fax machine sends them."""
    file = io.BytesIO()
    first, *others = (image.convert("1") for image in pages)
    first.save(file, "TIFF", save_all=True, append_images=others, compression=compression, dpi=dpi)
    return file.getvalue()


def pdf(pages: Sequence[Image.Image | str], label: str = "") -> bytes:
    """A page for each picture, with a line of text above it, or for each text."""
    file = io.BytesIO()
    document = canvas.Canvas(file, pagesize=(595, 842), invariant=1)
    for shown in pages:
        if isinstance(shown, str):
            for number, line in enumerate(shown.splitlines()):
                document.drawString(60, 780 - number * 14, line)
        else:
            document.drawImage(ImageReader(shown), 0, 0, 595, 842)
            document.drawString(20, 830, label)
        document.showPage()
    document.save()
    return file.getvalue()
