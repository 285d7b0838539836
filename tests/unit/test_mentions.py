"""What a document's text mentions: numbers, names and birth dates by their labels, and whose they are."""

from __future__ import annotations

import pytest

from carefile.core.documents.extraction import DocumentFacts, Extraction, Status, Table, TextBlock
from carefile.core.patients.labels import Label, TextLabels
from carefile.core.patients.mentions import Mentions, Whose, mentions_in
from carefile.core.patients.names import exact_name, same_name, similar_name, within_one_slip
from lambdas.adapters import contracts

LABELS = contracts.rules().text_labels


def mentions_of(*texts: str) -> Mentions:
    blocks = tuple(TextBlock(text, page) for page, text in enumerate(texts, 1))
    return mentions_in(
        Extraction(DocumentFacts("x", 1, 1, "text", "text/plain"), Status.READ, content=blocks), LABELS
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("MRN: 4711", "4711"),
        ("MRN 4711.", "4711"),
        ("MRN# 4711", "4711"),
        ("M.R.N.\n4711", "4711"),
        ("Medical record no. AB-47/11, seen today", "AB-47/11"),
        ("N.º de historia: 4711", "4711"),
        ("Número de historia clínica 4711", "4711"),
        ("(Patient ID 4711)", "4711"),
        ("Patient id: Juan_Perez_123", "Juan_Perez_123"),
        ("MRN: 47 11 08", "471108"),
    ],
)
def test_a_number_is_found_by_its_label(text: str, number: str) -> None:
    (found,) = mentions_of(text).numbers
    assert number in found.values


@pytest.mark.parametrize(
    "text", ["The MRN was pending", "4711", "Ref 4711", "mrnx: 4711", "MRN: ", "Invoice 4711"]
)
def test_what_has_no_label_or_no_number_is_none(text: str) -> None:
    assert not mentions_of(text).numbers


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Patient: Ana Ruiz   DOB: 1984", "Ana Ruiz"),
        ("Re: RUIZ, Ana M. (seen today)", "RUIZ, Ana M."),
        ("Nombre: Ana\nApellidos: Ruiz Soto\n", "Ana Ruiz Soto"),
        ("Last name: O'Neill\nFirst name: Mary-Jane\n", "Mary-Jane O'Neill"),
        # Cut off at the apostrophe, it contradicted nobody: a letter was filed under the patient its metadata named.
        ("F. nac.: 10/28/1972\nPaciente: Anaïs Álvarez-O'Neill\n", "Anaïs Álvarez-O'Neill"),
        ("Paciente: María de la Cruz, 40 años", "María de la Cruz"),
        ("Patient name\tLi Wei\tage 30", "Li Wei"),
        ("患者\nPatient: 王 伟", "王 伟"),
    ],
)
def test_a_name_is_found_by_its_label(text: str, name: str) -> None:
    assert [it.values[0] for it in mentions_of(text).names] == [name]


@pytest.mark.parametrize(
    "text", ["The patient is well", "Patient: reports pain", "Physician name: Juan Gil", "Drug name: Ana Lor"]
)
def test_no_other_words_are_a_patients_name(text: str) -> None:
    assert not mentions_of(text).names


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("DOB: 11/02/1984", {"1984-02-11", "1984-11-02"}),
        ("born on 11 February 1984 in Cadiz", {"1984-02-11"}),
        ("F. Nac.: 11 de febrero de 1984", {"1984-02-11"}),
        ("D.O.B. 31.12.84", {"1984-12-31", "2084-12-31"}),
        ("Date of birth: 1984-02-11 Date: 2024-10-28", {"1984-02-11"}),
        ("DOB\n1984-02-11", {"1984-02-11"}),
    ],
)
def test_a_birth_date_is_found_by_its_label_in_all_its_readings(text: str, dates: set[str]) -> None:
    (found,) = mentions_of(text).birth_dates
    assert set(found.values) == dates


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("Mother: Eva Soto, MRN 4711", "other"),
        ("She came with her father, MRN 4711", "other"),
        ("Emergency contact:\nName: Eva\nMRN: 4711\n", "unsure"),
        ("Father: Juan Gil\nMRN: 4711\n", "unsure"),
        ("Emergency contact:\nName: Eva\n\nMRN: 4711\n", "patient"),
        ("Seen with her mother today.\nMRN 4711", "patient"),
        ("Previous patient: Ana Ruiz, MRN 4711", "other"),
        ("cc: Dr Gil\nPatient: Ana Ruiz\nMRN: 4711", "patient"),
        ("Madre del paciente: Eva Soto, NHC 4711", "other"),
    ],
)
def test_what_is_said_of_a_relative_is_marked(text: str, whose: str) -> None:
    (number,) = mentions_of(text).of(Label.IDENTIFIER, others=True)
    assert number.whose == whose


def test_a_mention_says_on_which_page_it_is() -> None:
    assert [it.place for it in mentions_of("nothing", "MRN 4711").found] == ["page 2"]


def test_names_agree_exactly_strictly_or_roughly() -> None:
    assert exact_name("Ana Ruiz Soto", "RUIZ SOTO, Ana")
    assert not exact_name("Ana Ruiz", "A. Ruiz")
    assert not exact_name("Ana Ruiz", "Eva Ruiz")
    assert not exact_name("Ana", "Ana")
    assert same_name("Ana Ruiz Soto", "A. Ruiz Soto")
    assert similar_name("Ana Ruiz", "Ana Riuz")
    assert not similar_name("Ana Ruiz", "Eva Gil")
    assert not similar_name("Ana Ruiz", "Anna Ruiz"), "a slip in three letters makes too many another name"
    assert within_one_slip("4711", "4171")
    assert within_one_slip("4711", "471")
    assert not within_one_slip("4711", "1174")


def test_labels_are_data_of_any_language() -> None:
    assert not mentions_of("Rodné číslo: 4711").found
    czech = TextLabels.from_json({"identifier": ["Rodné číslo"]})
    text = TextBlock("RODNE CISLO 4711")
    record = Extraction(DocumentFacts("x", 1, 1, "text", "text/plain"), Status.READ, content=(text,))
    assert [it.values for it in mentions_in(record, czech).numbers] == [("4711",)]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (("mrn", "name", "dob"), (("4711", "Ana Ruiz", "1984-02-11"),)),
        (None, (("MRN", "Patient", "DOB"), ("4711", "Ana Ruiz", "1984-02-11"))),
        (None, (("MRN", "4711"), ("Patient", "Ana Ruiz"), ("DOB", "1984-02-11"))),
        (None, (("MRN", "4711", "Patient", "Ana Ruiz"), ("DOB", "1984-02-11"))),
        (("Patient", "Ana Ruiz"), (("MRN", "4711"), ("DOB", "1984-02-11"))),
        (("Report",), (("Patient", "Ana Ruiz"), ("MRN", "4711"), ("DOB", "1984-02-11"))),
        (("Field", "Value"), (("Patient", "Ana Ruiz"), ("MRN", "4711"), ("DOB", "1984-02-11"))),
    ],
)
def test_tables_name_their_columns_their_rows_or_both(
    header: tuple[str, ...] | None, rows: tuple[tuple[str, ...], ...]
) -> None:
    facts = DocumentFacts("x", 1, 1, "text", "text/plain")
    found = mentions_in(Extraction(facts, Status.READ, content=(Table(rows, header),)), LABELS)
    values = {it.label.value: it.values for it in found.found}
    assert values == {"identifier": ("4711",), "name": ("Ana Ruiz",), "birth_date": ("1984-02-11",)}


def test_in_a_table_a_line_about_a_namesake_is_in_no_heading_with_the_rows_below_it() -> None:
    """The name below it is another patient's, who is called the same."""
    facts = DocumentFacts("x", 1, 1, "text", "text/plain")
    rows = (("09:30 Ana Ruiz MRN 4711 DOB 1984-02-11",), ("Patient", "Ana Ruiz"), ("Seen today",))
    found = mentions_in(Extraction(facts, Status.READ, content=(Table(rows, None),)), LABELS)
    groups = {it.label.value: it.group for it in found.found}
    assert groups["identifier"] == groups["birth_date"] != groups["name"]


@pytest.mark.parametrize(
    ("between", "together"),
    [
        ("\n", True),
        (" of Ana Ruiz, ", True),
        ("\n\n", False),
        (" was seen today and sent on to the cardiologist. ", False),
    ],
    ids=["a line", "a few words", "a paragraph", "a sentence"],
)
def test_what_stands_far_from_a_number_is_in_another_heading(between: str, together: bool) -> None:
    facts = DocumentFacts("x", 1, 1, "text", "text/plain")
    text = TextBlock(f"MRN: 4711{between}DOB: 1984-02-11")
    number, born = mentions_in(Extraction(facts, Status.READ, content=(text,)), LABELS).found
    assert (number.group == born.group) is together


def test_in_a_table_a_title_says_whom_the_rows_below_it_are_about() -> None:
    facts = DocumentFacts("x", 1, 1, "text", "text/plain")
    rows = (("Emergency contact",), ("Name", "Eva Ruiz"), ("DOB", "1984-02-11"))
    found = mentions_in(Extraction(facts, Status.READ, content=(Table(rows, None),)), LABELS)
    assert Whose.PATIENT not in {it.whose for it in found.found}
