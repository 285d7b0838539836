"""Whether what was measured grows with the number of objects and no faster. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Seconds grow as objects to this power. Work that is done once makes it a little less than 1; noise either.
LEAST, MOST = 0.85, 1.10


@dataclass(frozen=True)
class Curve:
    """`exponent` of growth; `a_second` and `constant` of the straight line through the points, and how much of them
    it explains."""

    exponent: float
    a_second: float
    constant: float
    explained: float

    @property
    def linear(self) -> bool:
        return LEAST <= self.exponent <= MOST


def curve(objects: Sequence[int], seconds: Sequence[float]) -> Curve:
    """The curve through two points at least."""
    slope, constant, explained = _line(objects, seconds)
    exponent, _, _ = _line([math.log(n) for n in objects], [math.log(s) for s in seconds])
    return Curve(exponent, 1 / slope if slope > 0 else math.inf, constant, explained)


def _line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Least squares: slope, value at zero, and the share of the variance that the line explains."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    at_zero = mean_y - slope * mean_x
    left = sum((y - at_zero - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    return slope, at_zero, 1 - left / (sum((y - mean_y) ** 2 for y in ys) or 1)
