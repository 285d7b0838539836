"""One check of `carefile verify`, found by a part of its claim and run with all that comes after it."""

from __future__ import annotations

from carefile.cli.verifying.claim import Claim, Finding, Group
from carefile.cli.verifying.journal import Journal
from carefile.cli.verifying.suite import CLAIMS, Suite
from tests.unit.verifying.modelled import Aws


def claim(text: str) -> Claim:
    (one,) = (it for it in CLAIMS if text in it.text)
    return one


def found(aws: Aws, claim: Claim) -> Finding:
    """Run a check with all that comes after it, and leave nothing in the journal."""
    journal = Journal.of(aws.connection)
    try:
        checks = Suite(aws.connection, journal, list(Group))
        (finding,) = checks.run([claim])
        checks.finish()
        assert not journal.made.undo
    finally:
        journal.close(finished=True)
    return finding
