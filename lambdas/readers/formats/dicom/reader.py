"""DICOM: patient, study, series, equipment and image as records, the text of structured reports, and whose it is.

Read by pydicom, and only the elements named here: private ones are passed over, and pixels are looked at for the
picture only, so the first bytes of a large file are enough.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from carefile.core.documents.extraction import PatientCandidate, Reason
from carefile.core.documents.picture import Picture
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.dicom.picture import ABOUT_PIXELS, picture_of_pixels, why_not_shown
from lambdas.readers.formats.dicom.report import describe_report
from lambdas.readers.formats.dicom.shape import is_data_set
from lambdas.readers.formats.dicom.values import person, rendered, texts, texts_or_raise
from lambdas.readers.hl7_values import joined, moment
from lambdas.readers.source import Source

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CLAIMS = ("dcm", "dicom", "dic", "application/dicom")
_WITHOUT_PREAMBLE = tuple(
    b"\x08\x00" + element for element in (b"\x00\x00", b"\x05\x00", b"\x08\x00", b"\x16\x00")
)
_WITHOUT_TEXT = ("CT", "MR", "PT", "NM")  # whose images show none, unless they say so
_LAST_OF_PATIENT = 0x0010FFFF

# Type of record, and what it holds: label, and the elements that say it.
_RECORDS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Patient",
        (
            ("name", "PatientName"),
            ("identifier", "PatientID"),
            ("issuer", "IssuerOfPatientID"),
            ("birth date", "PatientBirthDate"),
            ("sex", "PatientSex"),
            ("age", "PatientAge"),
            ("size", "PatientSize"),
            ("weight", "PatientWeight"),
            ("other names", "OtherPatientNames"),
            ("allergies", "Allergies"),
            ("medical alerts", "MedicalAlerts"),
            ("pregnancy", "PregnancyStatus"),
            ("state", "PatientState"),
            ("history", "AdditionalPatientHistory"),
            ("comment", "PatientComments"),
        ),
    ),
    (
        "Study",
        (
            ("what", "StudyDescription"),
            ("when", "StudyDate StudyTime"),
            ("accession number", "AccessionNumber"),
            ("study id", "StudyID"),
            ("institution", "InstitutionName"),
            ("referring", "ReferringPhysicianName"),
            ("requested", "RequestedProcedureDescription"),
            ("reason", "ReasonForTheRequestedProcedure"),
            ("diagnoses", "AdmittingDiagnosesDescription"),
            ("comment", "StudyComments"),
            ("uid", "StudyInstanceUID"),
        ),
    ),
    (
        "Series",
        (
            ("modality", "Modality"),
            ("what", "SeriesDescription"),
            ("when", "SeriesDate SeriesTime"),
            ("number", "SeriesNumber"),
            ("body part", "BodyPartExamined"),
            ("side", "Laterality"),
            ("view", "ViewPosition"),
            ("position", "PatientPosition"),
            ("contrast", "ContrastBolusAgent"),
            ("protocol", "ProtocolName"),
            ("performed by", "PerformingPhysicianName"),
            ("operator", "OperatorsName"),
            ("uid", "SeriesInstanceUID"),
        ),
    ),
    (
        "Equipment",
        (
            ("manufacturer", "Manufacturer"),
            ("model", "ManufacturerModelName"),
            ("station", "StationName"),
            ("software", "SoftwareVersions"),
        ),
    ),
    (
        "Report",
        (
            ("completion", "CompletionFlag"),
            ("verification", "VerificationFlag"),
            ("preliminary", "PreliminaryFlag"),
        ),
    ),
    (
        "Image",
        (
            ("kind", "SOPClassUID"),
            ("when", "ContentDate ContentTime"),
            ("number", "InstanceNumber"),
            ("type", "ImageType"),
            ("rows", "Rows"),
            ("columns", "Columns"),
            ("frames", "NumberOfFrames"),
            ("side", "ImageLaterality"),
            ("derived", "DerivationDescription"),
            ("pixel spacing", "PixelSpacing"),
            ("slice thickness", "SliceThickness"),
            ("colours", "PhotometricInterpretation"),
            ("comment", "ImageComments"),
            ("title", "DocumentTitle"),
            ("holds", "MIMETypeOfEncapsulatedDocument"),
        ),
    ),
)
_SEQUENCES = (
    *("IssuerOfPatientIDQualifiersSequence", "OtherPatientIDs", "OtherPatientIDsSequence"),
    "GroupOfPatientsIdentificationSequence",
    *("DirectoryRecordSequence", "ContentSequence", "ConceptNameCodeSequence", "ValueType"),
)


def _recognises(source: Source) -> bool:
    if source.data[128:132] == b"DICM":
        return True
    return is_data_set(source.head) or (
        source.is_called(*_CLAIMS) and source.data.startswith(_WITHOUT_PREAMBLE)
    )


def _read(source: Source, draft: Draft) -> None:
    import pydicom
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    wanted = [name for _, fields in _RECORDS for _, names in fields for name in names.split()]
    try:
        data = pydicom.dcmread(
            io.BytesIO(source.data),
            stop_before_pixels=True,
            force=True,
            specific_tags=[*wanted, *_SEQUENCES, *ABOUT_PIXELS, "SpecificCharacterSet"],
        )
    except MemoryError:
        raise
    except Exception:
        if source.data[128:132] != b"DICM":
            raise NotThisFormatError from None
        _damaged(draft)
        return
    if not data:
        if source.data[128:132] != b"DICM":
            raise NotThisFormatError
        draft.reason = Reason.NO_TEXT
        draft.candidates_complete = False
        draft.warn("no-text", "The document holds none of the elements that are read.")
        return
    # What comes last may be cut in the middle, and half an identifier is another patient's.
    if max(data.keys()) <= _LAST_OF_PATIENT:
        draft.candidates_complete = False
    _describe_facts(data, draft)
    _describe_left_out(data, source, draft)
    for type_, fields in _RECORDS:
        if pairs := [(label, text) for label, names in fields if (text := _field(data, names))]:
            draft.entity(type_, "data set", pairs)
    _describe_patient(data, "", draft)
    _describe_directory(data, draft)
    describe_report(data, draft)


def _describe_left_out(data: Dataset, source: Source, draft: Draft) -> None:
    from pydicom.charset import python_encoding

    if rendered(data, "MIMETypeOfEncapsulatedDocument"):
        draft.warn("attachment", "The document holds an attachment that is not read.")
    if any(name not in python_encoding for name in texts(data, "SpecificCharacterSet")):
        draft.warn(
            "character-set", "The file declares a character set that is not known. Letters may be wrong."
        )
    if why := why_not_shown(data, source):
        draft.warn("no-picture", why)
    shows_text = rendered(data, "BurnedInAnnotation") or (
        "NO" if rendered(data, "Modality") in _WITHOUT_TEXT else ""
    )
    if _number_of_pixels(data) and shows_text != "NO":
        draft.warn("picture", "This is a picture. Text that it may show is not read.")


def _number_of_pixels(data: Dataset) -> bool:
    return bool(texts(data, "Rows") and texts(data, "Columns"))


def _picture(source: Source) -> Picture | None:
    import pydicom

    wanted = [*ABOUT_PIXELS, "PixelData"]
    data = pydicom.dcmread(io.BytesIO(source.data), force=True, specific_tags=wanted)
    return picture_of_pixels(data, source)


def _damaged(draft: Draft) -> None:
    draft.reason = Reason.DAMAGED
    draft.candidates_complete = False
    draft.warn("damaged", "The document is damaged. Its content cannot be read.")


def _describe_facts(data: Dataset, draft: Draft) -> None:
    draft.fact("modality", rendered(data, "Modality"))
    draft.fact("created", moment(joined(texts(data, "StudyDate"))))
    syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
    draft.fact("transfer syntax", str(getattr(syntax, "name", "") or ""))


def _field(data: Dataset, names: str) -> str:
    """One element; of a date and its time both in one."""
    first, _, second = names.partition(" ")
    if not second:
        return rendered(data, first)
    return moment("".join(texts(data, first)[:1]) + "".join(texts(data, second)[:1]).split(".")[0])


def _describe_patient(data: Dataset, place: str, draft: Draft) -> None:
    """PatientID decides; other ids of the patient are reported, and decide nothing without it. A
    group's PatientID is nobody's, and each of its members a patient."""
    scope = f"{place}patient"
    is_group = "GroupOfPatientsIdentificationSequence" in data
    is_named = bool(rendered(data, "PatientID")) and not is_group
    _describe_id(data, "PatientID", f"{place}(0010,0020)", 0, scope, draft, is_doubtful=not is_named)
    _describe_id(data, "OtherPatientIDs", f"{place}(0010,1000)", 1, scope, draft, is_doubtful=not is_named)
    for number, item in enumerate(_items(data, "OtherPatientIDsSequence"), 1):
        where = f"{place}(0010,1002)[{number}]"
        _describe_id(item, "PatientID", where, 1, scope, draft, is_doubtful=not is_named)
    for number, item in enumerate(_items(data, "GroupOfPatientsIdentificationSequence"), 1):
        where = f"{place}(0010,0027)[{number}]"
        _describe_id(item, "PatientID", where, 0, f"{scope} {number} of a group", draft, is_doubtful=True)


def _describe_id(
    data: Dataset, element: str, where: str, rank: int, scope: str, draft: Draft, *, is_doubtful: bool
) -> None:
    if element not in data:
        return
    try:
        values = texts_or_raise(data, element)
    except Exception:
        draft.candidates_complete = False
        return
    if element == "PatientID":  # of one value: what separates several is a part of it, or a mistake
        values, is_doubtful = ["\\".join(values)], is_doubtful or len(values) > 1
    for value in values:
        if value:
            candidate = PatientCandidate(value, where, _issuer(data), rank, scope)
            draft.candidate(candidate, is_doubtful=is_doubtful)


def _issuer(data: Dataset) -> str | None:
    for qualifiers in _items(data, "IssuerOfPatientIDQualifiersSequence"):
        if universal := rendered(qualifiers, "UniversalEntityID"):
            return universal
    return rendered(data, "IssuerOfPatientID") or None


def _describe_directory(data: Dataset, draft: Draft) -> None:
    """The patients of a DICOMDIR. A directory lists what lies elsewhere, and never decides alone."""
    number = 0
    for record in _items(data, "DirectoryRecordSequence"):
        if rendered(record, "DirectoryRecordType") == "PATIENT":
            number += 1
            draft.candidates_complete = False
            draft.entity("Patient", f"directory {number}", [("name", person(record, "PatientName"))])
            _describe_patient(record, f"directory {number}: ", draft)


def _items(data: Dataset, sequence: str) -> Iterator[Any]:
    try:
        yield from data.get(sequence) or ()
    except Exception:
        return


READER = Reader("dicom", "application/dicom", _recognises, _read, isolated=True, picture=_picture)
