"""Topics that no single command explains: `carefile help exit-codes`. Each is a text file in `topics/`."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "topics"


def topics() -> dict[str, str]:
    """Return the first line of each topic by its name."""
    return {
        file.stem: file.read_text(encoding="utf-8").partition("\n")[0]
        for file in sorted(_FOLDER.glob("*.txt"))
    }


def topic(name: str) -> str:
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
