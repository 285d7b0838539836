"""Draws plots as SVG without a library, which would be the largest package of the setup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 320, 60, 40
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5")
Series = dict[str, Sequence[tuple[float, float]]]


def write(result: dict[str, Any], folder: Path) -> None:
    rows, growth = result["latency"], result["growth"]
    for lane in dict.fromkeys(row["lane"] for row in rows):
        latency: Series = {
            f"{kind} {share}": [
                (row["at_once"], row[share]) for row in rows if (row["lane"], row["kind"]) == (lane, kind)
            ]
            for kind in ("session", "document")
            for share in ("p50", "p95")
        }
        title = f"Seconds from upload to catalog entry, lane {lane}"
        (folder / f"latency-{lane}.svg").write_text(_chart(title, "uploads at once", latency))
    speed: Series = {"sessions": [(row["objects"], row["rate"]) for row in growth if row["rate"]]}
    memory: Series = {"embedded AWS": [(row["objects"], row["memory_mb"]) for row in growth]}
    (folder / "growth.svg").write_text(_chart("Objects a second", "objects filed", speed))
    (folder / "memory.svg").write_text(_chart("Memory, MB", "objects filed", memory))


def _chart(title: str, along: str, series: Series) -> str:
    right = max(x for points in series.values() for x, _ in points) or 1
    top = max(y for points in series.values() for _, y in points) * 1.1 or 1

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + x / right * (_WIDTH - _LEFT - 20),
            _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _BOTTOM - 40),
        )

    parts = [_text(_WIDTH / 2, 20, title, "middle"), _text(_WIDTH / 2, _HEIGHT - 6, along, "middle")]
    for fifth in range(6):
        value = top * fifth / 5
        _, y = place(0, value)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{value:.3g}", "end"))
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in points:
            x, y = place(*point)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(_text(x, _HEIGHT - _BOTTOM + 16, f"{point[0]:g}", "middle") if number == 0 else "")
        parts.append(_text(_WIDTH - 24, 40 + 16 * number, name, "end", colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
