"""A claim about AWS, the check that settles it, and what the check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from carefile.cli.verifying.outcome import Outcome
from carefile.cli.verifying.site import Site


class Group(StrEnum):
    """When a check runs. `ordinary`: always. `intrusive`: with `--intrusive`, as it takes a permission from a role for
    a minute. `lasting`: with `--lasting`, as what it records can never be removed."""

    ORDINARY = "ordinary"
    INTRUSIVE = "intrusive"
    LASTING = "lasting"


@dataclass(frozen=True, slots=True)
class Claim:
    """`text` is the claim and the name of its check, `by_hand` how a person settles it. `look` returns what shows that
    it holds. `seconds` bounds the check. `uploads` and `runs` are what it starts at most: intakes, and executions of
    other machines. `embedded` says why the embedded AWS cannot settle it, and
    `never` why no check can, so that only a person does."""

    text: str
    by_hand: str
    look: Callable[[Site], str] | None = None
    seconds: int = 120
    uploads: int = 0
    runs: int = 0
    gigabytes: float = 0
    group: Group = Group.ORDINARY
    embedded: str | None = None
    never: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `says` names no patient, account or bucket."""

    claim: Claim
    outcome: Outcome
    says: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "claim": self.claim.text,
            "outcome": self.outcome.value,
            "says": self.says,
            "seconds": round(self.seconds, 1),
            "group": self.claim.group.value,
        }
