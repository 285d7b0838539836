"""The checkout that the command runs from. An installed package has none, and works with what is deployed."""

from __future__ import annotations

from pathlib import Path

from carefile.cli.problem import Problem

_ROOT = Path(__file__).resolve().parents[2]


def checkout() -> Path | None:
    """Return the root of the checkout; None if the command runs from an installed package."""
    is_one = (_ROOT / "cdk.json").is_file() and (_ROOT / "local" / "processes.py").is_file()
    return _ROOT if is_one else None


def needed_for(what: str) -> Path:
    """Return the root of the checkout, or refuse what cannot be done without one."""
    root = checkout()
    if root is None:
        raise Problem(
            f"{what} needs a checkout of Carefile, and this is an installed package", "run it in a clone"
        )
    return root
