"""The Carefile library: the rules in `core`, event types for consumers in `events`, the operator's command in `cli`.

    where(patient_id, session_id=None)     returns the prefix that holds a patient's sessions

Importing the package, or one part of it, loads no other part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carefile.places import where

__all__ = ["__version__", "where"]
# The one place: the command, the packages and their metadata take it from here.
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "where":
        from carefile import places

        return getattr(places, name)
    raise AttributeError(f"module 'carefile' has no attribute {name!r}")
