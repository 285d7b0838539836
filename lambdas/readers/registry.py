"""The formats that can be read, in the order in which their readers are asked."""

from __future__ import annotations

from lambdas.readers.base import Reader
from lambdas.readers.formats.cda import reader as cda
from lambdas.readers.formats.dicom import reader as dicom
from lambdas.readers.formats.email import reader as email_message
from lambdas.readers.formats.fhir import reader as fhir
from lambdas.readers.formats.hl7v2 import reader as hl7v2
from lambdas.readers.formats.html import reader as html
from lambdas.readers.formats.images import reader as images
from lambdas.readers.formats.json import reader as json_document
from lambdas.readers.formats.office import docx, ole, xlsx, zip_archive
from lambdas.readers.formats.pdf import reader as pdf
from lambdas.readers.formats.text import csv_table, plain_text, rtf
from lambdas.readers.formats.xml import reader as xml_document

READERS: tuple[Reader, ...] = (
    pdf.READER,
    dicom.READER,
    *images.READERS,
    docx.READER,
    xlsx.READER,
    zip_archive.READER,
    ole.READER,
    rtf.READER,
    html.READER,
    email_message.READER,
    fhir.READER,
    hl7v2.READER,
    cda.READER,
    xml_document.READER,
    json_document.READER,
    csv_table.READER,
    plain_text.READER,
)
