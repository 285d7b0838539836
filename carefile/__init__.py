"""The Carefile library: the rules in `core`, event types for consumers in `events`, the operator's command in `cli`.

    where(patient_id, session_id=None)     returns the prefix that holds a patient's sessions

Importing the package, or one part of it, loads no other part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carefile.places import where

__all__ = ["where"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from carefile import places

        return getattr(places, name)
    raise AttributeError(f"module 'carefile' has no attribute {name!r}")
