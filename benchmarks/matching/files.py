"""Documents as files of every format that names a patient, made and read as uploads are."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from xml.sax.saxutils import escape

import docx
import xlsxwriter

from benchmarks.matching.documents import Form, Made
from carefile.core.documents.extraction import Extraction
from lambdas.adapters import contracts
from lambdas.readers import Content, read
from tests.readers.dicoms import dicom_of
from tests.readers.pdfs import pdf_of


def written(made: Made) -> tuple[str, bytes]:
    """The file of a document: its extension, and its bytes."""
    formats = _WRITERS[made.form]
    extension = list(formats)[made.number % len(formats)]
    return extension, formats[extension](made)


def read_back(made: Made) -> Extraction:
    """What the readers find in that file."""
    extension, data = written(made)
    fields = contracts.rules().patient_fields
    return read(Content(data, len(data), ""), name=f"x.{extension}", declared_type="", fields=fields)


def _text(made: Made) -> bytes:
    return "\n".join(made.lines).encode()


def _rtf(made: Made) -> bytes:
    lines = (
        "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in line.replace("\\", "\\\\"))
        for line in made.lines
    )
    return ("{\\rtf1\\ansi " + "".join(f"{line}\\par\n" for line in lines) + "}").encode()


def _html(made: Made) -> bytes:
    return "".join(f"<p>{html.escape(line)}</p>" for line in made.lines if line).encode()


def _pdf(made: Made) -> bytes:
    # The fonts that every reader has hold Latin 1 only; what they cannot show is not in such a document.
    return pdf_of(["\n".join(line.encode("latin-1", "replace").decode("latin-1") for line in made.lines)])


def _docx(made: Made) -> bytes:
    document, file = docx.Document(), io.BytesIO()
    for line in made.lines:
        document.add_paragraph(line)
    document.save(file)
    return file.getvalue()


def _message(made: Made) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"] = "Report", "ward@example.org"
    message.set_content("\n".join(made.lines))
    return bytes(message)


def _rows(made: Made) -> list[list[str]]:
    return [line.split(": ", 1) for line in made.lines if line]


def _html_table(made: Made) -> bytes:
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in _rows(made))
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>".encode()


def _docx_table(made: Made) -> bytes:
    document, file = docx.Document(), io.BytesIO()
    table = document.add_table(rows=0, cols=2)
    for row in _rows(made):
        for cell, text in zip(table.add_row().cells, row, strict=False):
            cell.text = text
    document.save(file)
    return file.getvalue()


def _xlsx(made: Made) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(_rows(made)):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell)
    return file.getvalue()


def _json(made: Made) -> bytes:
    members: dict[str, list[str]] = {}
    for label, *value in _rows(made):
        members.setdefault(label if value else "notes", []).append(value[0] if value else label)
    return json.dumps({name: it[0] if len(it) == 1 else it for name, it in members.items()}).encode()


def _names(made: Made) -> tuple[str, str]:
    """Given and family names, as fields have them."""
    name = made.facts.name
    if ", " in name:
        family, given = name.split(", ", 1)
        return given, family
    given, _, family = name.partition(" ")
    return given, family


def _birth_date(made: Made) -> str:
    return made.birth_date.isoformat() if made.birth_date else ""


def _hl7(made: Made) -> bytes:
    given, family = _names(made)
    born = _birth_date(made).replace("-", "")
    return (
        "MSH|^~\\&|LIS|LAB|EMR|X|20241028||ORU^R01|1|P|2.5|||||||UNICODE UTF-8\r"
        f"PID|1||{made.facts.number}^^^^MR||{family}^{given}||{born}|F\rOBX|1|ST|a^b||fine\r"
    ).encode()


def _fhir(made: Made) -> bytes:
    given, family = _names(made)
    named = {"name": [{"given": [given], "family": family}]} if made.facts.name else {}
    born = {"birthDate": _birth_date(made)} if made.birth_date else {}
    return json.dumps(
        {"resourceType": "Patient", "identifier": [{"value": made.facts.number}], **named, **born}
    ).encode()


def _cda(made: Made) -> bytes:
    given, family = map(escape, _names(made))
    name = f"<name><given>{given}</given><family>{family}</family></name>" if made.facts.name else ""
    born = f'<birthTime value="{_birth_date(made).replace("-", "")}"/>' if made.birth_date else ""
    return (
        '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Report</title><recordTarget><patientRole>'
        f'<id extension="{escape(made.facts.number)}"/><patient>{name}{born}</patient></patientRole></recordTarget>'
        "<component><structuredBody/></component></ClinicalDocument>"
    ).encode()


def _dicom(made: Made) -> bytes:
    given, family = _names(made)
    return dicom_of(
        SpecificCharacterSet="ISO_IR 192",
        PatientID=made.facts.number,
        PatientName=f"{family}^{given}",
        PatientBirthDate=_birth_date(made).replace("-", ""),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        SOPInstanceUID="1.2.3.4.1",
        Rows=4,
        Columns=4,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
    )


def _csv(made: Made) -> bytes:
    given, family = _names(made)
    file = io.StringIO()
    csv.writer(file).writerows(
        [["mrn", "name", "dob"], [made.facts.number, f"{given} {family}".strip(), _birth_date(made)]]
    )
    return file.getvalue().encode()


_WRITERS: Mapping[Form, Mapping[str, Callable[[Made], bytes]]] = {
    Form.TEXT: {
        "txt": _text,
        "rtf": _rtf,
        "html": _html,
        "pdf": _pdf,
        "docx": _docx,
        "eml": _message,
        "md": _text,
    },
    Form.TABLE: {"html": _html_table, "docx": _docx_table, "xlsx": _xlsx, "json": _json},
    Form.FIELDS: {"hl7": _hl7, "json": _fhir, "xml": _cda, "dcm": _dicom, "csv": _csv},
}
