"""The functions' settings, read once from the environment that the stack gives them."""

from __future__ import annotations

import os
from pathlib import Path

from carefile.core.filing.layout import Layout

ROOT = Path(__file__).resolve().parents[2]


def landing_buckets() -> frozenset[str]:
    """The buckets that intake accepts, whatever an event says."""
    return frozenset(name for name in os.environ["LANDING_BUCKETS"].split(",") if name)


def layout() -> Layout:
    return Layout(os.environ.get("SESSION_PREFIX", "processed/"))


def malware_scan() -> bool:
    """Whether uploads are filed only after malware protection found them clean."""
    return os.environ.get("MALWARE_SCAN") == "true"


def reads_scans() -> bool:
    """Whether pages that are pictures are read."""
    return os.environ.get("OCR") == "on"


def ocr_languages() -> tuple[str, ...]:
    return tuple(name for name in os.environ.get("OCR_LANGUAGES", "eng").split(",") if name)


def trained_data() -> Path:
    """The folder with the engine's data: of the package, unless the environment names another."""
    return Path(os.environ.get("TRAINED_DATA") or ROOT / "share" / "tessdata")


def patients_are_listed() -> bool:
    """Whether only patients in the directory are known."""
    return os.environ.get("PATIENTS") == "listed"


def patients_table() -> str | None:
    """The patient directory's table; None for a function that does not read it."""
    return os.environ.get("PATIENTS_TABLE")


def corroborated_decides() -> bool:
    """Whether an id in a text decides where the listed patient's name and birth date stand there too."""
    return os.environ.get("CORROBORATED") == "decide"


def layout_is_shared() -> bool:
    """Whether others write into the layout, or once did. Nobody does only where the stack says so."""
    return os.environ.get("LAYOUT_SHARED") != "false"


def decisions_table() -> str | None:
    """The table with the record of decisions, in the function that may add to it."""
    return os.environ.get("DECISIONS_TABLE")


def named(variable: str) -> str:
    return os.environ[variable]
