"""What reads a picture: the one seam between Carefile and an engine for optical character recognition.

An engine gets a page as it came, in shades of grey with dark letters on light paper, and gives back what stands on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from carefile.core.documents.recognition import Line

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Recognised:
    """The lines of a picture, with boxes in its own pixels once it is turned by `turned` degrees clockwise."""

    lines: tuple[Line, ...]
    turned: int = 0


class Engine(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def languages(self) -> tuple[str, ...]: ...

    def read(self, image: Image.Image, dpi: int) -> Recognised: ...
