"""Checks that measurements scale linearly with the number of objects. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Time grows as objects to this power. Fixed costs push it slightly below 1, noise either way.
LEAST, MOST = 0.85, 1.10


@dataclass(frozen=True)
class Curve:
    """The exponent of growth, and the fitted line: objects per second, fixed seconds, and explained variance."""

    exponent: float
    a_second: float
    constant: float
    explained: float

    @property
    def linear(self) -> bool:
        return LEAST <= self.exponent <= MOST


def curve(objects: Sequence[int], seconds: Sequence[float]) -> Curve:
    """Fit a curve to at least two points."""
    slope, constant, explained = _line(objects, seconds)
    exponent, _, _ = _line([math.log(n) for n in objects], [math.log(s) for s in seconds])
    return Curve(exponent, 1 / slope if slope > 0 else math.inf, constant, explained)


def _line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Least squares: slope, intercept, and explained variance."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    at_zero = mean_y - slope * mean_x
    left = sum((y - at_zero - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    return slope, at_zero, 1 - left / (sum((y - mean_y) ** 2 for y in ys) or 1)
