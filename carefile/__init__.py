"""Carefile as a library: `core`, the rules; `events`, types for consumers; `cli`, the operator's command; and

    where(patient_id, session_id=None)     the prefix that holds a patient's sessions

Importing it, or one of its parts, loads no other part.
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
