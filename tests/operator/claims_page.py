"""The table of docs/verify-on-aws.md, made from the checks: `python -m tests.operator.claims_page` writes it anew."""

from __future__ import annotations

from pathlib import Path

from carefile.cli.verifying.claim import Claim, Group
from carefile.cli.verifying.suite import CLAIMS

PAGE = Path(__file__).parents[2] / "docs/verify-on-aws.md"
_HEADING = "| claim | how to verify it by hand | check |\n|---|---|---|\n"


def page() -> str:
    """The page with the table as the checks have it now."""
    text, _, _ = PAGE.read_text(encoding="utf-8").partition("| claim |")
    return text + _HEADING + "".join(f"| {it.text} | {it.by_hand} | {check_of(it)} |\n" for it in CLAIMS)


def check_of(claim: Claim) -> str:
    if claim.never:
        return f"by hand only: {claim.never}"
    when = "always" if claim.group is Group.ORDINARY else f"`--{claim.group}`"
    return f"{when}; the embedded AWS {claim.embedded}" if claim.embedded else when


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
