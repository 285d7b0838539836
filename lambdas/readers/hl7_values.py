"""Values that the formats of HL7 and DICOM share: moments, names of people, and what kinds of identifiers mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.limits import MAX_TEXT

_MOMENT = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.\d{1,9})?([+-]\d{4}|Z)?")

# HL7 table 0203: what names a person to a care provider, and what names them to somebody else.
_MEDICAL_RECORDS = frozenset(("MR", "MRT"))
_RECORD_NUMBERS = _MEDICAL_RECORDS | {"PI", "PT"}
_OF_ELSEWHERE = {"SS", "DL", "PPN", "TAX", "SB", "NI", "NNUSA", "AN", "VN", "MC", "MA", "HC", "XX", "U"}
# What senders write in place of the table's codes, letters and digits only.
_AS_WRITTEN = {
    "MR": (
        *("mrn", "medrec", "medrecno", "medicalrecord", "medicalrecordno", "medicalrecordnum", "medicalrecordnumber"),
        *("hospitalnumber", "chartnumber", "chartno", "chart", "unitnumber"),
    ),
    "PI": (
        *("patientid", "patientidentifier", "patientinternalid", "patientinternalidentifier", "internalid", "epi"),
        *("empi", "mpi", "cmrn", "communitymrn", "enterpriseid", "corporateid"),
    ),
    "PT": ("patientexternalid", "patientexternalidentifier"),
    "SS": ("ssn", "socialsecurity", "socialsecurityno", "socialsecuritynumber", "usssn"),
    "DL": ("dln", "driverslicense", "driverlicense", "driverslicensenumber", "driverslicence"),
    "PPN": ("passport", "passportno", "passportnumber"),
    "AN": (
        *("acct", "acctno", "acctnum", "acctnumber", "account", "accountno", "accountnum", "accountnumber"),
        *("patientaccount", "patientaccountno", "patientaccountnumber", "patacct", "har", "fin", "finnbr", "finnumber"),
        *("financialnumber", "billingnumber"),
    ),
    "VN": (
        *("visit", "visitno", "visitid", "visitnum", "visitnumber", "csn", "encounter", "encounterid", "encounterno"),
        *("encounternumber", "enc", "contactserialnumber", "admissionnumber", "admissionid", "episodenumber"),
    ),
}  # fmt: skip
_CODES = {written: code for code, several in _AS_WRITTEN.items() for written in several}
_SOCIAL_SECURITY = {
    "2.16.840.1.113883.4.1",
    "urn:oid:2.16.840.1.113883.4.1",
    "http://hl7.org/fhir/sid/us-ssn",
}
_NO_LONGER = {"old", "temp"}
_LONGEST_KIND = 60  # characters
_KNOWN = _RECORD_NUMBERS | _OF_ELSEWHERE | {"AND", "ANC", "ANT"}


def kind_of(*written: str | None) -> str | None:
    """What kind of identifier it is by HL7's table 0203, of several statements the first that is understood; else as
    the first of them says.
    """
    said = [text.strip() for text in written if text and text.strip()]
    for text in said:
        plain = "".join(letter for letter in text[:_LONGEST_KIND].casefold() if letter.isalnum())
        if code := _CODES.get(plain) or (text.upper() if text.upper() in _KNOWN else None):
            return code
    return said[0] if said else None


def ranked(identifiers: Iterable[PatientCandidate]) -> list[PatientCandidate]:
    """The identifiers of one record, an authority's medical record number before its other numbers."""
    found = list(identifiers)
    with_record = {one.system for one in found if one.rank == 0 and one.type in _MEDICAL_RECORDS}
    return [
        replace(one, rank=1)
        if one.rank == 0 and one.type not in _MEDICAL_RECORDS and one.system in with_record
        else one
        for one in found
    ]


def moment(text: str) -> str:
    """A date or time as HL7 and DICOM write it, in ISO 8601 and as precise as it is. What is none stays as it is."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return text
    year, month, day, hour, minute, second, offset = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if hour is None:
        return date
    time = ":".join(part for part in (hour, minute or "00", second) if part)
    zone = f"{offset[:3]}:{offset[3:]}" if offset and offset != "Z" else offset or ""
    return f"{date}T{time}{zone}"


def rank_of(type_: str | None, use: str | None = None, system: str | None = None) -> int:
    """Which of several identifiers of one patient speaks: the lowest. A record number before one of no stated kind,
    that before one of an authority or an account, and all before one that holds no longer.
    """
    if use in _NO_LONGER:
        return 3
    if type_ in _RECORD_NUMBERS:
        return 0
    return 2 if type_ in _OF_ELSEWHERE or system in _SOCIAL_SECURITY else 1


def joined(parts: Iterable[str], between: str = " ", most: int = MAX_TEXT) -> str:
    """The parts that are not blank, until they are longer than `most`: the draft says what it leaves out."""
    kept: list[str] = []
    length = 0
    for part in parts:
        if part and (part := part.strip()):
            kept.append(part)
            length += len(part)
            if length > most:
                break
    return between.join(kept)
