"""Texts made to cost a reader as much as they can, of any size: what they cost is tested small and measured large."""

from __future__ import annotations

from collections.abc import Callable

from tests.readers.dicoms import dicom_of
from tests.readers.office import docx_of, with_part, xlsx_of, zip_of
from tests.readers.pdfs import pdf_bomb
from tests.readers.test_images import image_of

_MESSAGE = b"MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|2.5\r"
_PATIENT = b"PID|1||1^^^A^MR\r"


def _filled(start: bytes, piece: bytes, end: bytes, size: int) -> bytes:
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


def _numbered(start: bytes, piece: bytes, between: bytes, end: bytes, size: int) -> bytes:
    """Pieces that are all different: `%d` in them counts."""
    count = (size - len(start) - len(end)) // (len(piece % 1_000_000) + len(between))
    return start + between.join(piece % (1_000_000 + n) for n in range(count)) + end


def _nested(start: bytes, opening: bytes, inner: bytes, closing: bytes, end: bytes, depth: int = 95) -> bytes:
    return start + opening * depth + inner + closing * depth + end


def _long_name_before(start: bytes, inner: bytes, end: bytes, size: int) -> bytes:
    """One name that fills half of the size, above many things that each stand below it."""
    name = b"n" * (size // 2)
    return start.replace(b"NAME", name) + inner * (size // 2 // len(inner)) + end.replace(b"NAME", name)


BOMBS: dict[str, Callable[[int], bytes]] = {
    "text-one-line": lambda size: b"x" * size,
    "text-controls": lambda size: _filled(b"", b"x" * 300 + b"\x1b", b"", size),
    "text-wide-letters": lambda size: _filled(b"", "x\U0001f600".encode(), b"", size),
    "text-line-ends": lambda size: _filled(b"x", b"\r\n", b"", size),
    "csv-one-line": lambda size: _filled(b"a,b,c\n1,2,3\n4,5,6\n", b"x,", b"\n", size),
    "csv-empty-cells": lambda size: _filled(b"a,b,c\n", b",,\n", b"", size),
    "csv-open-quote": lambda size: _filled(b'a,b,c\n1,2,3\n4,5,6\n7,8,"', b"x,\n", b"", size),
    "csv-patients": lambda size: _numbered(b"patient_id,b,c\n", b"%d,2,3\n", b"", b"", size),
    "json-values": lambda size: _filled(b"[", b"1,", b"1]", min(size, 700_000)),
    "json-objects": lambda size: _filled(b"[", b"{},", b"1]", min(size, 500_000)),
    "json-names": lambda size: _numbered(b"[", b'{"k%d":1}', b",", b"]", min(size, 1_900_000)),
    "json-levels": lambda size: _nested(b"", b'{"a":[', b"[1]", b"]}", b"", 45),
    "json-too-deep": lambda size: b"[" * size,
    "json-long-name": lambda size: _long_name_before(
        b'{"s":{"NAME":{"a":[0]', b',"a":[{},1]', b"}}}", min(size, 1_000_000)
    ),
    "json-long-name-of-a-column": lambda size: _long_name_before(
        b'{"s":[{"NAME":{"a":0', b',"b":1', b"}}]}", min(size, 1_000_000)
    ),
    "json-long-name-of-patients": lambda size: _long_name_before(
        b'{"s":{"NAME":{"mrn":[0', b",1", b"]}}}", min(size, 1_000_000)
    ),
    "fhir-references": lambda size: _filled(
        b'{"resourceType":"Basic","' + b"n" * 1_980 + b'":[{}', b',{"display":1}', b"]}", min(size, 1_800_000)
    ),
    "json-strings": lambda size: _filled(b'["', b"\\u00e9", b'"]', size),
    "json-lists-of-records": lambda size: _nested(
        b"", b"[", b"[" + b'{"a":1},' * min(40_000, size // 6) + b"2]", b"]", b"", 90
    ),
    "ndjson-scalars": lambda size: _filled(b"[]\n[]\n", b"1\n", b"", size),
    "ndjson-strings": lambda size: _filled(b"[]\n[]\n", b'""\n', b"", min(size, 1_100_000)),
    "ndjson-lists": lambda size: _filled(b"[]\n[]\n", b"[[]]\n", b"", min(size, 900_000)),
    "fhir-levels": lambda size: _nested(
        b'{"resourceType":"Basic","x":', b'{"coding":', b"{}", b"}", b"}", 90
    ),
    "fhir-levels-of-everything": lambda size: _nested(
        b'{"resourceType":"Basic","x":', b'{"text":[{}],"family":[],"code":[', b"{}", b"]}", b"}", 45
    ),
    "fhir-resources-in-resources": lambda size: _nested(
        b'{"resourceType":"Basic",', b'"x":{"resourceType":"Basic",',
        b'"y":[' + b"{}," * min(60_000, size // 4) + b"1]", b"}", b"}",
    ),
    "fhir-contained": lambda size: _numbered(
        b'{"resourceType":"Basic","' + b"n" * 1_980 + b'":{"contained":[',
        b'{"resourceType":"Basic","id":"%d","code":1}', b",", b"]}}", min(size, 1_500_000),
    ),
    "fhir-names-of-references": lambda size: _filled(
        b'{"resourceType":"Basic","contained":[{"resourceType":"Basic","id":"m","code":"'
        + b"x" * 1_000
        + b'"}],"r":[{}',
        b',{"reference":"#m"}', b"]}", min(size, 1_500_000),
    ),
    "fhir-narrative": lambda size: _filled(
        b'{"resourceType":"Basic","text":{"div":"<div>', b"<del>&nbsp;&copy;</del>", b'</div>"}}', size
    ),
    "fhir-tables": lambda size: _filled(
        b'{"resourceType":"Basic","text":{"div":"<table>', b"<tr><td rowspan='65535' colspan='999'>x</td></tr>",
        b'</table>"}}', size,
    ),
    "fhir-long-name": lambda size: _long_name_before(
        b'{"resourceType":"Basic","NAME":[{}', b',{"a":1}', b"]}", min(size, 1_000_000)
    ),
    "fhir-patients": lambda size: _numbered(
        b'{"resourceType":"Bundle","entry":[',
        b'{"resource":{"resourceType":"Patient","identifier":[{"value":"%d"}]}}',
        b",", b"]}", min(size, 3_000_000),
    ),
    "hl7v2-fields": lambda size: _filled(_MESSAGE + b"PID|1||1^^^A^MR|", b"|", b"\r", size),
    "hl7v2-identifiers": lambda size: _numbered(_MESSAGE + b"PID|1||", b"%d^^^A^MR", b"~", b"\r", size),
    "hl7v2-values": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|NM|a||", b"1~", b"\r", size),
    "hl7v2-texts": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|TX|a||", b"ab~", b"\r", size),
    "hl7v2-notes": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|NM|a||5\r", b"NTE|1||xxxxxxxxxx\r", b"", size),
    "hl7v2-escapes": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|TX|a||", b"\\H", b"\r", size),
    "hl7v2-bytes": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|TX|a||", b"\\X41\\", b"\r", size),
    "hl7v2-skipped-lines": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|TX|a||", b"\\.sp999\\", b"\r", size),
    "hl7v2-segments": lambda size: _filled(_MESSAGE + _PATIENT, b"ZZZ|\r", b"", size),
    "hl7v2-lines": lambda size: _filled(_MESSAGE + _PATIENT + b"OBX|1|TX|a||", b"x\n", b"\r", size),
    "hl7v2-messages": lambda size: _numbered(b"", _MESSAGE + b"PID|1||%d^^^A^MR\r", b"", b"", size),
    "xml-elements": lambda size: _filled(b'<?xml version="1.0"?><r>', b"<a/>", b"</r>", min(size, 1_500_000)),
    "xml-names": lambda size: _numbered(
        b'<?xml version="1.0"?><r>', b'<a%d x="1"/>', b"", b"</r>", min(size, 2_900_000)
    ),
    "xml-attributes": lambda size: _numbered(b"<r ", b'a%d="1"', b" ", b"/>", min(size, 4_000_000)),
    "xml-long-name": lambda size: _long_name_before(
        b'<?xml version="1.0"?><r><NAME>', b"<a>1</a>", b"</NAME></r>", min(size, 2_900_000)
    ),
    "xml-levels": lambda size: _filled(
        b"<r>", b"<abcdefgh>" * 90 + b"x" + b"</abcdefgh>" * 90, b"</r>", min(size, 3_900_000)
    ),
    "xml-too-deep": lambda size: b"<a>" * (size // 3),
    "cda-patients": lambda size: _numbered(
        b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">',
        b'<recordTarget><patientRole><id root="1.2.3" extension="%d"/></patientRole></recordTarget>',
        b"", b"</ClinicalDocument>", size,
    ),
    "cda-wide-cells": lambda size: _filled(
        b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component>'
        b"<section><text><table>",
        b'<tr><td rowspan="65535" colspan="999">x</td></tr>',
        b"</table></text></section></component></structuredBody></component></ClinicalDocument>", size,
    ),
    "cda-tables-in-tables": lambda size: _nested(
        b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component>'
        b"<section><text>",
        b"<table><tr><td>", b"x " * (size // 2), b"</td></tr></table>",
        b"</text></section></component></structuredBody></component></ClinicalDocument>", 25,
    ),
}  # fmt: skip


def binary_bombs() -> dict[str, bytes]:
    """The worst of the formats that a library reads: for the benchmark, each takes its reader to a limit."""
    letter = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    sheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    paragraphs = f'<w:document xmlns:w="{letter}"><w:body>{"<w:p/>" * 3_900_000}</w:body></w:document>'
    strings = f'<sst xmlns="{sheet}">{"<si><t>a</t></si>" * 1_400_000}</sst>'
    return {
        "pdf": pdf_bomb(megabytes=500),
        "docx": with_part(docx_of("x"), "word/document.xml", paragraphs.encode()),
        "xlsx": with_part(xlsx_of("x"), "xl/sharedStrings.xml", strings.encode()),
        "html": b"<html><body><p>x" + b"<div>" * 1_600_000,
        "rtf": b"{\\rtf1 " + b"{" * 8_000_000,
        "eml": b"From: a\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_000_000,
        "zip": zip_of({str(number): b"" for number in range(150_000)}),
        "png": image_of("PNG", size=(5_700, 4_400)),
        "jpeg": image_of("JPEG", size=(20_000, 20_000)),
        "tiff": image_of("TIFF", size=(3_000, 3_400)),
        "dicom": dicom_of(deflated=True, pixels=b"", PatientComments="a" * 400_000_000),
    }  # fmt: skip
