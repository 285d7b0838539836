"""The words of the inbox: the same in every language, none missing and none left over; and names that say nothing."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.cli import inbox
from carefile.cli.inbox.candidates import Point
from carefile.cli.inbox.decisions import Status
from carefile.cli.inbox.highlights import Sought, segments
from carefile.cli.inbox.opaque import Opaque
from carefile.cli.inbox.queue import Shelf
from carefile.cli.inbox.texts import LANGUAGES, language_for, say_in, texts
from carefile.core.model import DecisionType, EvidenceSource, UnknownReason
from carefile.core.patients.entries import Sex
from carefile.core.records.decisions import NOTE

ROOM = Path(inbox.__file__ or "").parent
SOURCES = [*ROOM.rglob("*.jinja"), *ROOM.rglob("*.py")]
# Names that are put together from values, with all values that there are.
BUILT = {
    *(f"shelf.{shelf.value}" for shelf in Shelf),
    *(f"case.reason.{reason.value}" for reason in UnknownReason),
    *(f"evidence.{source.value}" for source in EvidenceSource),
    *(f"for.{source.value}" for source in EvidenceSource),
    *(f"status.{status.value}" for status in Status),
    *(f"sex.{sex.value}" for sex in Sex),
    *(f"toast.{kind}" for kind in ("assign", "nobody", "take-back")),
    *(f"decision.{kind}" for kind in (*(kind.value for kind in DecisionType), NOTE)),
    *(f"settings.language.{language}" for language in LANGUAGES),
    *(f"kind.{kind}" for kind in ("document", "session")),
    *(f"queue.kind.{kind}" for kind in ("document", "session")),
    *(
        f"help.{key}"
        for key in ("j", "k", "enter", "digit", "p", "n", "note", "x", "a", "s", "u", "slash", "q")
    ),
    *(f"{name}.explain" for name in ("gone", "left", "problem")),
}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_text_with_the_same_places_for_values(language: str) -> None:
    english, own = texts("en"), texts(language)
    assert own.keys() == english.keys()
    assert {name: places(text) for name, text in own.items()} == {
        name: places(text) for name, text in english.items()
    }
    assert not [name for name, text in own.items() if not text.strip()]


def test_every_text_that_is_asked_for_is_there_and_no_other() -> None:
    whole = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    quoted = set(re.findall(r"""["']([a-z]+(?:[._][a-z_]+|-[a-z]+)*)["']""", whole)) | BUILT
    asked = {name for name in texts("en") if name in quoted}
    asked |= {f"{name[:-2]}.one" for name in asked if name.endswith(".n")}
    assert texts("en").keys() >= BUILT
    assert sorted(texts("en").keys() - asked) == []


def test_one_is_counted_in_the_singular() -> None:
    say = say_in("en")
    assert (say("age.days.n", n=1), say("age.days.n", n=2)) == ("1 day", "2 days")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("es-ES,es;q=0.9,en;q=0.8", "es"), ("de, en", "en"), ("fr", "en"), ("", "en"), ("ES", "es")],
)
def test_the_browser_s_language_is_taken_where_it_is_known(accepted: str, language: str) -> None:
    assert language_for(accepted) == language


def test_a_value_in_a_text_is_no_place_for_another() -> None:
    assert say_in("en")("evidence.key", value="{where}", where="x") == "The folder says {where}."


@given(st.text(max_size=200), st.text(max_size=10))
def test_a_sealed_name_opens_as_what_it_was_sealed_as_and_shows_nothing(text: str, what: str) -> None:
    opaque = Opaque(b"k" * 32)
    name = opaque.seal(what, text)
    assert opaque.open(what, name) == text
    assert opaque.open(what + "x", name) is None
    assert Opaque(b"l" * 32).open(what, name) is None
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
    assert len(text) < 4 or text not in name


@given(st.text(max_size=40), st.integers(0, 10_000), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_name_that_was_altered_opens_nothing(text: str, at: int, letter: str) -> None:
    opaque = Opaque(b"k" * 32)
    name = opaque.seal("row", text)
    at %= len(name) - 1  # of the last letter, some bits mean nothing
    altered = name[:at] + letter + name[at + 1 :]
    assert altered == name or opaque.open("row", altered) is None


@given(st.text(max_size=300), st.text(max_size=20))
def test_marking_changes_no_text(text: str, name: str) -> None:
    import unicodedata

    sought = Sought.of([name], [name], ["1961-04-03"])
    assert "".join(part for part, _ in segments(text, sought)) == unicodedata.normalize("NFC", text)


def test_a_point_has_its_sentence_in_every_language() -> None:
    for point in (Point("against.merged", -3, (("into", "B"),)), Point("for.key", 3, (("value", "A"),))):
        for language in LANGUAGES:
            assert say_in(language)(point.name, **dict(point.values))
