"""DICOM files for tests, as small as they may be."""

from __future__ import annotations

import io
from typing import Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

EXAMPLE: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SOPClassUID": CTImageStorage,
    "SOPInstanceUID": "1.2.3.4.1",
    "StudyDate": "20241028",
    "StudyTime": "091500.000",
    "AccessionNumber": "RX-5521",
    "Modality": "CT",
    "Manufacturer": "Invented Imaging",
    "ManufacturerModelName": "Ring 64",
    "InstitutionName": "Santelmo Hospital",
    "ReferringPhysicianName": "Ruiz^Ana^^Dra.",
    "StudyDescription": "CT chest without contrast",
    "SeriesDescription": "Lung window",
    "StationName": "CT1",
    "PatientName": "López^María^Inés^Sra.",
    "PatientID": "4711",
    "IssuerOfPatientID": "SANTELMO",
    "PatientBirthDate": "19840211",
    "PatientSex": "F",
    "PatientAge": "040Y",
    "BodyPartExamined": "CHEST",
    "SliceThickness": "1.25",
    "ProtocolName": "Chest routine",
    "StudyInstanceUID": "1.2.3.4",
    "SeriesInstanceUID": "1.2.3.4.5",
    "StudyID": "88",
    "SeriesNumber": "2",
    "InstanceNumber": "17",
    "PhotometricInterpretation": "MONOCHROME2",
    "Rows": 4,
    "Columns": 4,
    "PixelSpacing": ["0.7", "0.7"],
}


def data_set(**elements: Any) -> Dataset:
    data = Dataset()
    for name, value in elements.items():
        setattr(data, name, Sequence(value) if name.endswith("Sequence") else value)
    return data


def dicom_of(
    *,
    deflated: bool = False,
    pixels: bytes = b"\x00" * 32,
    preamble: bool = True,
    syntax: str = ExplicitVRLittleEndian,
    **elements: Any,
) -> bytes:
    data = data_set(**elements)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4.1"
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian if deflated else UID(syntax)
    file = FileDataset("", data, file_meta=meta, preamble=b"\x00" * 128)
    if pixels:
        if "BitsAllocated" not in file:
            file.BitsAllocated = 16
        file.PixelData = (
            pixels
            if not file.file_meta.TransferSyntaxUID.is_compressed or deflated
            else encapsulate([pixels])
        )
        file["PixelData"].VR = "OB" if file.BitsAllocated <= 8 else "OW"
    written = io.BytesIO()
    file.save_as(written, enforce_file_format=True)
    return written.getvalue() if preamble else written.getvalue()[132:]


def _code(meaning: str) -> list[Dataset]:
    return [data_set(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning=meaning)]


def report() -> bytes:
    """A structured report with one of each kind of item."""
    size = data_set(NumericValue="6.5", MeasurementUnitsCodeSequence=[data_set(CodeValue="mm")])
    findings = [
        data_set(
            ValueType="TEXT", ConceptNameCodeSequence=_code("Finding"), TextValue="Nodule, right upper lobe."
        ),
        data_set(ValueType="NUM", ConceptNameCodeSequence=_code("Diameter"), MeasuredValueSequence=[size]),
        data_set(
            ValueType="CODE", ConceptNameCodeSequence=_code("Margin"), ConceptCodeSequence=_code("Smooth")
        ),
    ]
    items = [
        data_set(ValueType="PNAME", ConceptNameCodeSequence=_code("Observer"), PersonName="Ruiz^Ana^^Dra."),
        data_set(ValueType="CONTAINER", ConceptNameCodeSequence=_code("Findings"), ContentSequence=findings),
    ]
    about = {
        name: EXAMPLE[name]
        for name in ("SpecificCharacterSet", "PatientName", "PatientID", "StudyInstanceUID")
    }
    content = {
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": _code("CT report"),
        "ContentSequence": items,
    }
    return dicom_of(pixels=b"", Modality="SR", **about, **content)
