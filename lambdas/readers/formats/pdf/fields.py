"""What was typed into a PDF's form: a table of facts for each page, since the page's own text does not hold it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from lambdas.readers.limits import MAX_CELL, MAX_ROWS

if TYPE_CHECKING:
    import pypdfium2

_WIDGET = 20  # FPDF_ANNOT_WIDGET
_PUSH_BUTTON, _CHECK_BOX, _RADIO_BUTTON, _PASSWORD = 1, 2, 3, 1 << 13


def fields_of(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> list[tuple[str, str]]:
    """The fields of a page by name, with what stands in them."""
    import pypdfium2.raw as pdfium

    if document.formenv is None:
        return []
    form = document.formenv.raw
    fields: dict[str, str] = {}
    for number in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), MAX_ROWS)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, number)
        if not annotation:
            continue
        if pdfium.FPDFAnnot_GetSubtype(annotation) == _WIDGET:
            kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
            is_secret = pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD
            if kind != _PUSH_BUTTON and not (is_secret and kind not in (_CHECK_BOX, _RADIO_BUTTON)):
                name = _string(pdfium.FPDFAnnot_GetFormFieldName, form, annotation)
                value = _string(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
                if kind == _CHECK_BOX:
                    value = "yes" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "no"
                fields.setdefault(name, value)
        pdfium.FPDFPage_CloseAnnot(annotation)
    return list(fields.items())


def _string(function: Any, form: Any, annotation: Any) -> str:
    """A text that PDFium writes into a buffer, as UTF-16 with a zero at its end."""
    length = min(function(form, annotation, None, 0), 2 * MAX_CELL + 2)
    buffer = (ctypes.c_ushort * (length // 2))()
    written = function(form, annotation, buffer, length)
    return bytes(buffer)[:-2].decode("utf-16-le", "replace") if 2 < written <= length else ""
