"""Office files, messages and archives for the tests, made by libraries of their own."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage

import docx
import xlsxwriter
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

MADE = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)


def docx_of(text: str) -> bytes:
    """A letter that has the text wherever a document has text."""
    document = docx.Document()
    properties = document.core_properties
    properties.title = properties.author = properties.subject = text[:200]
    properties.created = properties.modified = MADE
    document.add_heading(text, 1)
    document.add_paragraph(f"Dear {text},")
    document.add_paragraph(f"first {text}", style="List Bullet")
    table = document.add_table(rows=3, cols=3)
    for index, cell in enumerate(cell for row in table.rows for cell in row.cells):
        cell.text = f"{index} {text}"
    table.rows[2].cells[0].merge(table.rows[2].cells[1])
    _control(document, f"controlled {text}")
    document.sections[0].header.paragraphs[0].text = f"head {text}"
    document.sections[0].footer.paragraphs[0].text = f"foot {text}"
    return _saved(document)


def _control(document: docx.document.Document, text: str) -> None:
    """A content control, as forms have them."""
    paragraph = document.add_paragraph(text)._p
    control, content = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
    paragraph.addprevious(control)
    control.append(content)
    content.append(paragraph)
    deleted, run, gone = OxmlElement("w:del"), OxmlElement("w:r"), OxmlElement("w:delText")
    deleted.set(qn("w:id"), "1")
    gone.text = "deleted"
    run.append(gone)
    deleted.append(run)
    paragraph.append(deleted)


def _saved(document: docx.document.Document) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def xlsx_of(text: str) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.set_properties({"title": text[:200], "author": text[:200], "created": MADE.replace(tzinfo=None)})
        sheet = book.add_worksheet("Results")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for row, values in enumerate([("Test", "Value", "Note"), ("Hb", 13.9, text), ("Na", 140, "")]):
            for column, value in enumerate(values):
                sheet.write(row, column, value)
        sheet.write_datetime(3, 0, datetime(2026, 10, 1), day)
        sheet.write_boolean(3, 1, True)
        sheet.write_formula(3, 2, "=1+1", None, 2)
        book.add_worksheet("Empty")
        book.add_worksheet("More").write(0, 0, text)
    return file.getvalue()


def eml_of(text: str, *, html_only: bool = False) -> bytes:
    message = EmailMessage()
    line = " ".join(text.split())
    message["From"] = "Ines Ferrer <ines@clinic.example>"
    message["To"] = "lab@clinic.example"
    message["Date"] = "Thu, 01 Oct 2026 09:30:00 +0000"
    message["Subject"] = f"Result {line}"
    message["Message-ID"] = "<1@clinic.example>"
    if html_only:
        message.set_content(f"<h1>Result</h1><p>{text}</p><script>alert(1)</script>", subtype="html")
    else:
        message.set_content(f"Dear colleague,\n{text}\n")
        message.add_alternative(f"<p>{text}</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=f"{line} ü.pdf")
    message.set_boundary("=boundary=")
    return message.as_bytes()


def zip_of(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 10, 1, 9, 30, 0)), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def with_part(package: bytes, name: str, content: bytes) -> bytes:
    """The package with one of its parts replaced."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    return zip_of(members | {name: content})
