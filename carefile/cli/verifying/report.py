"""The report of a run, to be attached to an issue: it names no patient, account, stack or bucket."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.private_files import write
from carefile.cli.verifying.claim import Finding
from carefile.cli.verifying.outcome import Outcome
from carefile.core.messages.events import iso_8601

_HEADINGS = {
    Outcome.CONTRADICTED: "Contradicted",
    Outcome.OPEN: "Open: to be checked again",
    Outcome.SETTLED: "Settled",
    Outcome.NOT_HERE: "Not applicable here",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found. `left_behind` is how much of what it made was still there at the end."""

    where: str
    lane: str
    started: datetime
    seconds: float
    findings: Sequence[Finding]
    total: int
    left_behind: int

    @classmethod
    def of(
        cls,
        connection: Connection,
        started: datetime,
        seconds: float,
        findings: Sequence[Finding],
        *,
        total: int,
        left_behind: int,
    ) -> Report:
        region = connection.machine.split(":")[3]
        return cls(
            "the embedded AWS" if connection.endpoint else f"AWS, {region}",
            "express-first" if connection.has_output("ExpressStateMachineArn") else "standard",
            started,
            seconds,
            findings,
            total,
            left_behind,
        )

    @property
    def counts(self) -> Counter[Outcome]:
        return Counter(found.outcome for found in self.findings)

    @property
    def is_good(self) -> bool:
        """Whether nothing is contradicted, open, not checked or left behind."""
        bad = self.counts[Outcome.CONTRADICTED] + self.counts[Outcome.OPEN] + self.left_behind
        return not bad and len(self.findings) == self.total

    def summary(self) -> str:
        counts = self.counts
        said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
        missing = self.total - len(self.findings)
        return f"{said or 'nothing checked'}{f', {missing} not checked' if missing else ''}"

    def to_json(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "lane": self.lane,
            "started": iso_8601(self.started),
            "seconds": round(self.seconds, 1),
            "counts": {outcome.value: self.counts[outcome] for outcome in Outcome},
            "not_checked": self.total - len(self.findings),
            "left_behind": self.left_behind,
            "findings": [found.to_json() for found in self.findings],
        }

    def to_markdown(self) -> str:
        lines = [
            "# What AWS says of Carefile's claims",
            "",
            f"On {self.where}, lane {self.lane}, {iso_8601(self.started)}, in {self.seconds / 60:.1f} minutes: "
            f"{self.summary()}. "
            + (
                f"{self.left_behind} objects or items left behind."
                if self.left_behind
                else "Nothing left behind."
            ),
        ]
        for outcome, heading in _HEADINGS.items():
            found = [one for one in self.findings if one.outcome is outcome]
            if found:
                lines += [
                    "",
                    f"## {heading}",
                    "",
                    "| claim | what the check found | seconds |",
                    "|---|---|---|",
                ]
                lines += [f"| {one.claim.text} | {_cell(one.says)} | {one.seconds:.0f} |" for one in found]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> tuple[Path, Path]:
        """Write the report as Markdown and JSON beside each other."""
        path.parent.mkdir(parents=True, exist_ok=True)
        markdown, data = path.with_name(f"{path.name}.md"), path.with_name(f"{path.name}.json")
        write(markdown, self.to_markdown())
        write(data, json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")
        return markdown, data


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
