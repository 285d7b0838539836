"""Computes a month's bill: uploads, storage, and fixed costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bill import Lane, Line, lines
from benchmarks.operations import Operations
from infrastructure.watching import prices

# For a stage with default settings; tests/template counts them in the template.
KEYS, SECRETS, DASHBOARDS = 2, 1, 1
ALARM_METRICS = {Lane.STANDARD: 31, Lane.EXPRESS_FIRST: 37, Lane.BACKFILL: 31}
METRICS = 12  # time series of a typical clinic: four dispositions of two kinds, and those without a kind
ACCESS_LOG_BYTES = 600  # per request, in the bucket of access logs


@dataclass(frozen=True)
class Month:
    """`objects` uploaded in the month, a share of them sessions, `size` bytes each; kept for `months`."""

    objects: float
    session_share: float
    size: int
    months: float = 1

    def bill(self, sessions: Operations, documents: Operations, lane: Lane) -> Iterator[Line]:
        millions = self.objects / prices.MILLION
        shares = ((sessions, self.session_share), (documents, 1 - self.session_share))
        by_name: dict[str, float] = {}
        stored = requests = tags = logged = 0.0
        for counted, share in shares:
            for line in lines(counted, lane):
                if not line.monthly:
                    by_name[line.name] = by_name.get(line.name, 0) + line.usd * millions * share
            objects = self.objects * share
            copies = 2 * self.size + max(0, counted.stored_bytes - counted.size)
            stored += objects * copies * self.months
            tags += objects * counted.tags * self.months
            requests += objects * sum(counted.calls.values())
            logged += objects * counted.of_works("log_bytes")
        yield from (Line(name, "", usd) for name, usd in by_name.items())
        yield Line("Storage", f"{stored / prices.GB:,.1f} GB", stored / prices.GB * prices.STORAGE_GB_MONTH)
        yield Line("Tags kept", f"{tags:,.0f}", tags * prices.TAG_MONTH)
        access = requests * ACCESS_LOG_BYTES / prices.GB * prices.STORAGE_GB_MONTH
        kept = logged / prices.GB * prices.LOG_COMPRESSION * prices.LOG_GB_MONTH
        yield Line("Logs kept", "CloudWatch, S3's access logs", access + kept)
        fixed = (
            (KEYS, "keys", prices.KEY_MONTH),
            (SECRETS, "secret", prices.SECRET_MONTH),
            (ALARM_METRICS[lane], "metrics of alarms", prices.ALARM_MONTH),
            (DASHBOARDS, "dashboard", prices.DASHBOARD_MONTH),
            (METRICS, "metrics", prices.METRIC_MONTH),
        )
        named = ", ".join(f"{number} {name}" for number, name, _ in fixed)
        yield Line("Whatever is uploaded", named, sum(number * each for number, _, each in fixed))
