"""A small document of each format that has a given text in every place that may hold one."""

from __future__ import annotations

import io
import json
from xml.sax.saxutils import escape, quoteattr

from PIL import Image
from reportlab.pdfgen import canvas

from tests.readers.dicoms import data_set, dicom_of
from tests.readers.office import docx_of, eml_of, xlsx_of, zip_of


def form_of(text: str) -> bytes:
    file = io.BytesIO()
    document = canvas.Canvas(file)
    document.setTitle(text)
    document.setAuthor(text)
    document.drawString(50, 700, text)
    document.acroForm.textfield(name="field", value=text, x=50, y=600, width=400, height=20)
    document.save()
    return file.getvalue()


def png_of(text: str) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    for name in ("Title", "Author", "Description"):
        info.add_itxt(name, text)
    Image.new("L", (4, 4)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def rtf_of(text: str) -> bytes:
    escaped = "".join(f"\\{letter}" if letter in "\\{}" else letter for letter in text)
    return f"{{\\rtf1\\ansi {escaped}\\par}}".encode()


def html_of(text: str) -> bytes:
    return f"<!DOCTYPE html><title>{text}</title><body><h1>{text}</h1><p title='{text}'>{text}</p>".encode()


def photo_of(text: str, format_: str) -> bytes:
    """A picture whose maker, software, description and copyright say so."""
    file, image = io.BytesIO(), Image.new("L", (4, 4))
    exif = image.getexif()
    for tag in (270, 271, 272, 305, 306, 315, 33432):
        exif[tag] = text
    details = exif.get_ifd(0x8769)
    details[36867] = text
    image.save(file, format_, exif=exif)
    return file.getvalue()


def message_of(text: str) -> bytes:
    """A message with the text in each field of each segment that is told, delimiters escaped as HL7 does."""
    said = "".join(
        {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\", "\\": "\\E\\"}.get(c, c) for c in text
    )
    fields = "|".join([said] * 30)
    names = (
        "EVN",
        "PID",
        "NK1",
        "PV1",
        "AL1",
        "IAM",
        "PRB",
        "DG1",
        "ORC",
        "OBR",
        "NTE",
        "SPM",
        "RXO",
        "RXA",
        "TXA",
        "ZZZ",
    )
    segments = [f"{name}|{fields}" for name in names]
    segments += [f"OBX|1|{kind}|{said}^{said}||{said}|{fields}" for kind in ("TX", "CE", "NM", "XCN", "ED")]
    return ("MSH|^~\\&|" + fields + "\r" + "\r".join(segments)).encode()


def resources_of(text: str) -> list[dict[str, object]]:
    """FHIR resources of types that have a table of their own, and of one that has none."""
    concept = {"coding": [{"system": text, "code": text, "display": text}], "text": text}
    person = {"name": [{"family": text, "given": [text]}], "address": [{"line": [text], "city": text}]}
    return [
        {"resourceType": "Patient", "id": "1", "identifier": [{"system": text, "value": text}], **person},
        {"resourceType": "Observation", "code": concept, "valueString": text, "note": [{"text": text}]},
        {"resourceType": "Observation", "code": {"text": text}, "valueQuantity": {"value": 1, "unit": text}},
        {"resourceType": "AllergyIntolerance", "code": concept, "criticality": text},
        {"resourceType": "Basic", "subject": {"reference": text, "display": text}, text: {text: [text]}},
        {
            "resourceType": "MedicationRequest",
            "contained": [{"resourceType": "Medication", "id": "m", "code": concept, "status": text}],
            "medicationReference": {"reference": "#m"},
            "modifierExtension": [{"url": f"http://x/{text}", "valueString": text}],
            "extension": [{"url": text, "extension": [{"url": text, "valueString": text}]}],
            "dosageInstruction": [
                {"text": text, "timing": {"repeat": {"frequency": text, "periodUnit": text}}}
            ],
            "text": {"div": text},
        },
        {
            "resourceType": "Composition",
            "title": text,
            "language": text,
            "section": [
                {"title": text, "text": {"div": f"<div><p title={quoteattr(text)}>{escape(text)}</p></div>"}}
            ],
        },
    ]


def bundle_of(text: str) -> bytes:
    return json.dumps(
        {"resourceType": "Bundle", "type": text, "entry": [{"resource": one} for one in resources_of(text)]}
    ).encode()


def clinical_document_of(text: str) -> bytes:
    said, quoted = escape(text), quoteattr(text)
    name = f"<name><given>{said}</given><family>{said}</family></name>"
    return (
        f'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root={quoted} extension={quoted}/>'
        f"<code code={quoted} displayName={quoted}/><title>{said}</title><languageCode code={quoted}/>"
        f"<recordTarget><patientRole><id root={quoted} extension={quoted}/><addr><city>{said}</city></addr>"
        f"<patient>{name}<birthTime value={quoted}/></patient></patientRole></recordTarget>"
        f"<author><time value={quoted}/><assignedAuthor><assignedPerson>{name}</assignedPerson></assignedAuthor>"
        "</author>"
        f"<component><structuredBody><component><section><title>{said}</title><text><caption>{said}</caption>"
        f"<paragraph styleCode={quoted}>{said}</paragraph><list><item>{said}</item></list><table><thead><tr>"
        f"<th>{said}</th><th>b</th></tr></thead><tbody><tr><td>{said}</td><td>{said}</td></tr></tbody></table></text>"
        "</section></component></structuredBody></component></ClinicalDocument>"
    ).encode()


def fhir_xml_of(text: str) -> bytes:
    said, quoted = escape(text), quoteattr(text)
    return (
        '<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient>'
        f"<text><div xmlns='http://www.w3.org/1999/xhtml'>{said}</div></text>"
        f"<identifier><value value={quoted}/></identifier>"
        f"<name><family value={quoted}/></name></Patient></resource></entry></Bundle>"
    ).encode()


def json_of(text: str) -> bytes:
    rows = [{"a": text, "b": 1}, {"a": text, "b": 2}]
    return json.dumps(
        {"patient_id": text, text: text, "list": [text], "rows": rows, "in": {text: {"x": text}}}
    ).encode()


def report_of(text: str) -> bytes:
    """A structured report with the text in every element of type text that is told."""
    code = [data_set(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning=text)]
    item = data_set(ValueType="TEXT", ConceptNameCodeSequence=code, TextValue=text)
    named = (
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "PatientComments",
        "StudyDescription",
        "Manufacturer",
    )
    about = dict.fromkeys(
        (*named, "InstitutionName", "StationName", "SeriesDescription", "ImageComments"), text
    )
    content = {"ValueType": "CONTAINER", "ConceptNameCodeSequence": code, "ContentSequence": [item]}
    return dicom_of(pixels=b"", SpecificCharacterSet="ISO_IR 192", Modality="SR", **about, **content)


MADE = {
    "docx": docx_of, "xlsx": xlsx_of, "eml": eml_of, "html": html_of, "rtf": rtf_of, "pdf": form_of, "png": png_of,
    "zip": lambda text: zip_of({text: b""}), "csv": lambda text: f'a,b,c\n1,2,"{text}"\n3,4,5\n'.encode(),
    "text": lambda text: f"Note: {text}".encode(), "jpeg": lambda text: photo_of(text, "JPEG"),
    "tiff": lambda text: photo_of(text, "TIFF"),
    "hl7v2": message_of, "fhir": bundle_of, "cda": clinical_document_of, "json": json_of, "dicom": report_of,
    "fhir-ndjson": lambda text: b"\n".join(json.dumps(one).encode() for one in resources_of(text)),
    "ndjson": lambda text: b"\n".join([json_of(text)] * 3),
    "xml": lambda text: f"<a b={quoteattr(text)}><c>{escape(text)}</c></a>".encode(),
    "fhir-xml": fhir_xml_of,
}  # fmt: skip
