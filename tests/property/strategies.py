"""Names as clinics, scanners and adversaries write them, and what is built of them."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from carefile.core.model import Hints, Kind, Patient, UnknownReason

MAX_KEY_BYTES = 1024

TRAPS = (
    *(
        "",
        " ",
        "  ",
        "\t",
        "\n",
        ".",
        "..",
        "...",
        "_",
        "-",
        "=",
        "%",
        "+",
        "\\",
        '"',
        "'",
        "~",
        "\x00",
        "\x7f",
    ),
    *("=2E", "=3D", "=h", "=5F", "=75nknown", "%2F", "%2e%2e", "a+b 50%25", "\u202e", "\u200d", "\ufeff"),
    *(
        "unknown",
        "Unknown",
        "UNKNOWN",
        "none",
        "null",
        "n/a",
        "medical_notes",
        "x_medical_notes",
        "_medical_notes",
    ),
    *(
        "_manifest.json",
        "session.json",
        "session_",
        "session_1",
        "session_20241028_143022",
        "agents",
        "agent_a",
    ),
    *("agent.json", "messages", "message_0.json", "multi_agents", "sessions", "documents", "medical-notes"),
    *(
        "patients",
        "no-patient",
        "processed",
        "incoming",
        "Juan_Perez_123",
        "Ana",
        "lab.pdf",
        "170.315_b1_toc.xml",
    ),
    *(
        "M\u00fcller",
        "Mu\u0308ller",
        "检查",
        "レポート",
        "\u05d3\u05d5\u05d7",
        "🩺",
        "👨‍👩‍👧",
        "ＡＢ",
        "ǅ",
        "ﬁ",
        "ẞ",
        "İ",
    ),
    *("\u0301", "a\u0301\u0323", "\u1100\u1161\u11a8", "\u0958", "\u212b", "\u2028", "\u0085", "\u3000"),
)

_anything = st.characters(exclude_categories=("Cs",))
_odd = st.one_of(st.sampled_from(TRAPS), st.text(_anything, max_size=12))
# Names that run together: of these a dull generator would never make two that meet.
_colliding = st.lists(
    st.sampled_from(["a", "b", "_", "medical", "notes", "unknown", "session", "-"]), max_size=6
)

names = st.one_of(
    st.lists(_odd, min_size=1, max_size=4).map("".join),
    _colliding.map("_".join),
    _colliding.map("".join),
    st.builds(
        lambda text, times: text * times, st.text(_anything, min_size=1, max_size=3), st.integers(1, 400)
    ),
)
segments = names.map(lambda name: name.replace("/", "|"))


def _fits(key: str) -> bool:
    return 0 < len(key.encode()) <= MAX_KEY_BYTES


keys = (
    st.lists(st.one_of(segments, st.sampled_from(TRAPS)), min_size=1, max_size=7)
    .map("/".join)
    .filter(lambda key: _fits(key) and not key.endswith("/"))
)
sub_paths = st.lists(segments, min_size=1, max_size=5).map("/".join).filter(_fits)


def is_named(name: str) -> bool:
    return bool(name.strip())


patient_ids = names.filter(is_named).map(lambda name: unicodedata.normalize("NFC", name.strip()))
patients = st.one_of(
    patient_ids.map(Patient), st.sampled_from([Patient(reason=why) for why in UnknownReason])
)
hints = st.builds(
    Hints,
    st.one_of(st.none(), st.sampled_from(Kind)),
    st.one_of(st.none(), names),
    st.one_of(st.none(), names),
    st.one_of(st.none(), names),
)
