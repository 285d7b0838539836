"""Names as people and machines really give them, through the deployed machine.

Keys that S3 itself refuses (longer than 1,024 bytes, or leading above the bucket by `../`) are not among them, and the
embedded AWS takes all others.
"""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.end_to_end.at_rest import Rest
from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.crowd import Crowd, File, in_parallel

SCRIPTS = (
    "Łódź.pdf",
    "Ελληνικά.txt",
    "отчёт.pdf",
    "报告.pdf",
    "レポート.txt",
    "보고서.txt",
    "تقرير.pdf",
    "דוח סופי.pdf",
    "รายงาน.txt",
    "रिपोर्ट.txt",
    "𝔐𝔢𝔡.txt",
    "ﬁle.txt",
    "İı.txt",
    "straße.txt",
)
COMPOSED = ("café.txt", "Ångström.txt", "한글.txt", "ế.txt")
SIGNS = (
    "🩻.png",
    "👩🏽‍⚕️ visit.txt",
    "🇪🇸.txt",
    "\u202efdp.exe",
    "\u200fright\u200e.txt",
    "zero\u200bwidth.txt",
    "\ufeffmark.txt",
    "\u0301accent first.txt",
    "no\u00a0break.txt",
    "line\u2028break.txt",
    "last\U0010ffff.txt",
    "private\ue000.txt",
)
PUNCTUATION = (
    'it\'s "quoted".txt',
    "back\\slash.txt",
    "C:\\scans\\1.pdf",
    "100%.pdf",
    "%2F%00.txt",
    "a+b 50%25.pdf",
    "a&b=c;d.txt",
    "what?#why.txt",
    "<b>bold</b>.html",
    "{curly}[square](round).json",
    "$(id)`id`.txt",
    "a*b|c^d~e.txt",
    "=2B.txt",
    "=h0123.txt",
    "a,b@c!d.txt",
    "'; DROP TABLE catalog; --.txt",
)
DOTS = (
    "..",
    "...",
    ".hidden",
    ".hidden.txt",
    "trailing.",
    "trailing..",
    "two..dots.txt",
    "170.315_b1_toc.xml",
    "Dr. Smith",
    "no-extension",
    "archive.tar.gz",
    "x." + "e" * 40,
)
SPACES = (
    " leading.txt",
    "trailing .txt",
    "two  spaces.txt",
    "two_spaces.txt",
    "a\tb.txt",
    "a\nb.txt",
    "a\rb.txt",
)
CONTROLS = ("bell\x07.txt", "one\x01.txt", "escape\x1b[31m.txt", "delete\x7f.txt", "next\u0085line.txt")
OURS = (
    "medical_notes.pdf",
    "x_medical_notes.pdf",
    "_medical_notes.txt",
    "medical notes.pdf",
    "medical_notes",
    "_manifest.json",
    "original.pdf",
    "result.html",
    "session_1.json",
    "unknown.txt",
)
NAMES = (*SCRIPTS, *COMPOSED, *SIGNS, *PUNCTUATION, *DOTS, *SPACES, *CONTROLS, *OURS)
PATIENTS = (
    "unknown",
    "UNKNOWN",
    "Unknown ",
    "null",
    "none",
    "n/a",
    "N/A",
    "a",
    "a_b",
    "b",
    "..",
    ".",
    "%41",
    "O'Brien",
    "José",
    "Jose\u0301",
    "محمد",
    "李雷",
    "🙂",
    "x_medical_notes",
    "medical_notes",
    "=75nknown",
    "juan_perez",
    "Juan_Perez",
    "P" * 300,
    "é" * 300,
    "back\\slash",
    "new\nline",
)
NOBODY = ("unknown", "N/A", "None", "-", " ")


# A manifest is read by people and by machines: it names the owner exactly as it is.
READ_IN_MANIFESTS = ("documents/Juan_Perez_123/a\nb.txt", "documents/Juan_Perez_123/\u202efdp.exe")


def keys(*, everywhere: bool) -> Iterator[str]:
    """Each name and each patient in every sort of place, or in one of them by turns."""
    for turn, name in enumerate(NAMES):
        session = f"sessions/session_{name}/x.json", f"sessions/Juan_Perez_123/session_1/n/{name}"
        places = (f"documents/Juan_Perez_123/{name}", name, session[turn % 2])
        yield from places if everywhere else places[turn % 3 :][:1]
    for name in COMPOSED:  # the same in the other form, which is another key
        yield f"documents/Juan_Perez_123/{unicodedata.normalize('NFD', name)}"
    for turn, patient in enumerate(PATIENTS):
        places = tuple(
            f"{place}/{name}"
            for place, name in itertools.product(
                (f"documents/{patient}", f"sessions/{patient}/session_2"), ("b_c.txt", "c.txt")
            )
        )
        meets_another = patient in ("a", "a_b")
        yield from places if everywhere or meets_another else places[turn % 4 :][:1]
    for start, letter in itertools.product(("documents/P/", "sessions/P/session_3/", ""), ("x", "é", "🩻")):
        long = start + letter * ((1024 - len(start)) // len(letter.encode()))
        yield long + "y" * (1024 - len(long.encode()))
    yield "documents/a/../b/./c.txt"
    yield "//two//slashes//.txt"
    yield "/leading.txt"
    yield from READ_IN_MANIFESTS


def half() -> list[str]:
    """Every second one in its place, and all that may meet another or are looked at more closely."""

    def is_needed(key: str) -> bool:
        composed = any(name in unicodedata.normalize("NFC", key) for name in COMPOSED)
        return composed or key in READ_IN_MANIFESTS or key.split("/")[1:2] in (["a"], ["a_b"])

    each = dict.fromkeys(keys(everywhere=False))
    return [key for turn, key in enumerate(each) if turn % 2 == 0 or is_needed(key)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "named",
    [
        pytest.param(half, id="half"),
        pytest.param(lambda: keys(everywhere=False), id="each", marks=pytest.mark.submission),
        pytest.param(lambda: keys(everywhere=True), id="everywhere", marks=pytest.mark.prove),
    ],
)
def test_every_odd_name_is_filed_once_byte_for_byte_in_a_place_of_its_own(
    pipeline: Pipeline, lane: str, named: Callable[[], Iterable[str]], say: Callable[[str], None]
) -> None:
    files = [
        File(key, f"the bytes of upload {number}".encode())
        for number, key in enumerate(dict.fromkeys(named()))
    ]
    files += [File(f"uploads/{value}.txt", b"whose?", {"patient-id": value}) for value in NOBODY]
    crowd = Crowd(pipeline)
    crowd.upload(files)
    crowd.settle(400)

    assert {
        (end["error"], end["cause"]) for [end] in crowd.ends().values() if end["status"] != "SUCCEEDED"
    } == set()
    rest = Rest.of(crowd)
    rest.assert_right()
    original = {item.source_id: item.key for item in rest.shown if item.role in ("original", "session")}
    places = {name: original[name] for name in rest.catalog}
    assert len(set(places.values())) == len(files)
    filed = dict(zip(places, in_parallel(pipeline.read, places.values()), strict=True))
    uploaded = {entry["landing_key"]["S"]: name for name, entry in rest.catalog.items()}
    assert {file.key: filed[uploaded[file.key]] for file in files} == {file.key: file.body for file in files}
    for value in NOBODY:
        listed = rest.catalog[uploaded[f"uploads/{value}.txt"]]["patient_ref_key"]["S"]
        assert listed.startswith("UNKNOWN#")
    for key in READ_IN_MANIFESTS:
        prefix = rest.catalog[uploaded[key]]["prefix"]["S"]
        assert json.loads(pipeline.read(prefix + "_manifest.json"))["owner"]["key"] == key
    say(f"{lane}: {len(files)} odd names, each filed once, byte for byte, in a place of its own")
