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
    """Whether an upload is filed only once malware protection found it clean."""
    return os.environ.get("MALWARE_SCAN") == "true"


def layout_is_shared() -> bool:
    """Whether others write into the layout, or once did. Nobody does only where the stack says so."""
    return os.environ.get("LAYOUT_SHARED") != "false"


def named(variable: str) -> str:
    return os.environ[variable]
