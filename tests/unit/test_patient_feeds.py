"""What is taken from CSV, FHIR and ADT, and what is refused, each in one line."""

from __future__ import annotations

import pytest

from carefile.core.patients.entries import Identifier, PersonName
from carefile.core.patients.feeds import adt, fhir
from carefile.core.patients.feeds.records import (
    FeedRecord,
    Merged,
    Registered,
    Unconcerned,
    Unusable,
    UnusableFeed,
)
from carefile.core.patients.feeds.table import Columns


def only(found: FeedRecord) -> Registered:
    assert isinstance(found, Registered), found
    return found


def test_a_header_in_either_language_says_what_each_column_is() -> None:
    columns = Columns.of(
        ["Nº Historia", "Apellidos", "Nombre", "Fecha de nacimiento", "Sexo", "identifier:urn:oid:1.2"]
    )
    found = only(columns.row(["A-1", "Pérez García", "Juan", "1971-03-05", "M", "77"], 2))
    assert found.patient_id == "A-1"
    assert found.statement.names == (PersonName("", "Pérez García", ("Juan",)),)
    assert (found.statement.birth_date, found.statement.sex) == ("1971-03-05", "male")
    assert found.statement.identifiers == {Identifier("1.2", "77")}


def test_columns_can_be_named_by_hand() -> None:
    columns = Columns.of(["code", "who", "ssn"], {"id": "code", "name": "who", "identifier:us-ssn": "SSN"})
    found = only(columns.row(["7", "Ana Ruiz", "123"], 2))
    assert (found.patient_id, found.statement.names) == ("7", (PersonName("Ana Ruiz"),))
    assert found.statement.identifiers == {Identifier("us-ssn", "123")}


@pytest.mark.parametrize(
    ("header", "chosen", "says"),
    [
        (["who", "born"], {}, "--columns id=COLUMN"),
        (["id"], {"name": "who"}, "no column 'who'"),
        (["id"], {"shoe": "id"}, "'shoe' is no field"),
        (["id"], {"identifier:": "id"}, "'identifier:' is no field"),
        (["id"], {"identification number": "id"}, "'identification number' is no field"),
    ],
)
def test_a_table_without_an_id_is_refused_as_a_whole(
    header: list[str], chosen: dict[str, str], says: str
) -> None:
    with pytest.raises(UnusableFeed, match=says):
        Columns.of(header, chosen)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (["1"], "1 cells"),
        ([" ", "1971-03-05"], "no patient id"),
        (["1.23457E+11", "1971-03-05"], "damaged"),
        (["1", "03/04/1980"], "may be two"),
        (["1", "soon"], "no date"),
    ],
)
def test_a_broken_row_says_why_and_quotes_nothing(row: list[str], says: str) -> None:
    found = Columns.of(["id", "dob"]).row(row, 7)
    assert isinstance(found, Unusable)
    assert says in found.reason
    assert found.where == 7
    assert not any(len(cell) > 3 and cell in found.reason for cell in row)


PATIENT = {
    "resourceType": "Patient",
    "meta": {"lastUpdated": "2026-01-01T00:00:00Z"},
    "identifier": [
        {"system": "urn:oid:1.2", "value": "A-1", "type": {"coding": [{"code": "MR"}]}},
        {"system": "http://insurer", "value": "77"},
        {"system": "http://visits", "value": "9", "type": {"coding": [{"code": "VN"}]}},
        {"system": "http://former", "value": "8", "use": "old"},
    ],
    "name": [{"family": "Ruiz", "given": ["Ana", "María"]}],
    "birthDate": "1984-02",
    "gender": "female",
    "active": False,
}


def test_a_fhir_patient_is_known_by_the_medical_record_number_or_the_system_named() -> None:
    found = only(fhir.patient(PATIENT, None, 1))
    assert found.patient_id == "A-1"
    assert found.statement.identifiers == {Identifier("1.2", "A-1"), Identifier("http://insurer", "77")}
    assert (found.statement.birth_date, found.statement.active) == ("1984-02", False)
    assert only(fhir.patient(PATIENT, "http://insurer", 1)).patient_id == "77"
    assert isinstance(fhir.patient({"resourceType": "Observation"}, None, 1), Unconcerned)
    for bad in ({"resourceType": "Patient"}, {"resourceType": "Patient", "identifier": "x"}, 3):
        assert isinstance(fhir.patient(bad, None, 1), Unusable)


def adt_of(event: str, *segments: str) -> list[FeedRecord]:
    header = f"MSH|^~\\&|EHR|CLINIC|||20260102030405||ADT^{event}|1|P|2.5"
    return list(adt.message([header, *segments], None, 1))


PID = "PID|1||A-1^^^CLINIC&1.2&ISO^MR~77^^^INS^NI~9^^^V^VN||Ruiz^Ana^Mar\\T\\a~Soto^Ana||19840211|F"


@pytest.mark.parametrize("event", ["A01", "A04", "A05", "A08", "A28", "A31"])
def test_an_adt_message_registers_its_patient(event: str) -> None:
    (found,) = adt_of(event, PID)
    one = only(found)
    assert one.patient_id == "A-1"
    assert [name.in_full for name in one.statement.names] == ["Ana Mar&a Ruiz", "Ana Soto"]
    assert (one.statement.birth_date, one.statement.sex) == ("1984-02-11", "female")
    assert one.statement.identifiers == {
        Identifier("CLINIC", "A-1"),
        Identifier("1.2", "A-1"),
        Identifier("INS", "77"),
    }
    assert one.statement.stated_at == "2026-01-02T03:04:05.000000Z"


def test_a40_merges_and_other_messages_are_no_concern() -> None:
    _, merged = adt_of("A40", PID, "MRG|B-2^^^CLINIC^MR")
    assert merged == Merged("B-2", "A-1", 1, "2026-01-02T03:04:05.000000Z")
    assert adt_of("A02", PID) == [Unconcerned(1)]


@pytest.mark.parametrize(
    ("segments", "says"),
    [
        (["PID|1||||Ruiz^Ana"], "no PID-3"),
        (["PID|1||1^^^A^MR~2^^^B^MR"], "several"),
        (["PV1|1"], "no PID segment"),
        (["PID|1||1^^^A^MR||||19841399"], "no date"),
    ],
)
def test_an_adt_message_that_says_not_whose_it_is_cannot_be_used(segments: list[str], says: str) -> None:
    (found,) = adt_of("A08", *segments)
    assert isinstance(found, Unusable)
    assert says in found.reason
