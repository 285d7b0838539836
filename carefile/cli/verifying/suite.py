"""Run the checks one after the other: each within its time limit, each cleaned up after, each with a finding."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.problem import Problem, problem_for
from carefile.cli.verifying import (
    backfills,
    copies,
    events,
    failures,
    intakes,
    malware,
    patients,
    retention,
    scans,
    watching,
)
from carefile.cli.verifying.claim import Claim, Finding, Group
from carefile.cli.verifying.cleaning import Cleaner
from carefile.cli.verifying.clock import within
from carefile.cli.verifying.journal import MARK, Journal
from carefile.cli.verifying.outcome import Contradicted, Inconclusive, NotHere, Outcome
from carefile.cli.verifying.site import Site

# In the order of docs/verify-on-aws.md, whose table is made from it.
_THEMES = (intakes, copies, failures, events, backfills, patients, scans, retention, malware, watching)
CLAIMS: tuple[Claim, ...] = tuple(claim for theme in _THEMES for claim in theme.CLAIMS)


class Suite:
    """The checks of one run against one stack."""

    def __init__(self, connection: Connection, journal: Journal, groups: Collection[Group]) -> None:
        self._connection, self._journal, self._groups = connection, journal, groups
        self._cleaner = Cleaner(connection, journal)

    def run(self, claims: Sequence[Claim]) -> Iterator[Finding]:
        """Yield the finding of each claim. Whatever ends this, changes of roles are put back at once."""
        for claim in claims:
            began = time.monotonic()
            try:
                outcome, says = self._look(claim)
            finally:
                self._cleaner.put_back()
            self._clean_new()
            yield Finding(claim, outcome, self._redacted(says), time.monotonic() - began)

    def finish(self) -> int:
        """Clean up after all checks, and look again for what came later; how much is still there."""
        self._cleaner.put_back()
        return self._cleaner.finish()

    @property
    def refusals(self) -> str:
        """The codes with which S3 refused to delete what is left."""
        return ", ".join(sorted(self._cleaner.refusals))

    def _clean_new(self) -> None:
        """Delete what a check has made. What AWS refuses now is refused again at the end of the run, which says so."""
        with suppress(ClientError, BotoCoreError):
            self._cleaner.clean_new()

    def _look(self, claim: Claim) -> tuple[Outcome, str]:
        if claim.look is None:
            return Outcome.NOT_HERE, f"by hand only: {claim.never}"
        if claim.embedded and self._connection.endpoint:
            return Outcome.NOT_HERE, f"the embedded AWS {claim.embedded}"
        if claim.uploads and self._never_scanned:
            return (
                Outcome.NOT_HERE,
                "the stage waits for malware protection, and the embedded AWS has no GuardDuty",
            )
        if claim.group not in self._groups:
            return Outcome.NOT_HERE, f"it was not asked for: --{claim.group}"
        try:
            with within(limit_of(claim, self._connection)) as deadline:
                return Outcome.SETTLED, claim.look(Site(self._connection, self._journal, deadline))
        except Contradicted as contradicted:
            return Outcome.CONTRADICTED, str(contradicted)
        except NotHere as not_here:
            return Outcome.NOT_HERE, str(not_here)
        except Inconclusive as why:
            return Outcome.OPEN, str(why)
        except Problem as problem:
            return Outcome.OPEN, problem.what
        except (ClientError, BotoCoreError) as error:
            return Outcome.OPEN, problem_for(error).what
        except Exception as defect:  # the checks after it run all the same
            return Outcome.OPEN, f"the check itself failed: {defect_in(defect)}"

    @property
    def _never_scanned(self) -> bool:
        """Whether uploads wait for a verdict that never comes."""
        return bool(self._connection.endpoint) and _is_scanned(self._connection)

    def _redacted(self, text: str) -> str:
        return redacted(self._connection, text)


def _is_scanned(connection: Connection) -> bool:
    """Whether uploads wait for malware protection."""
    return connection.setting("MALWARE_SCAN") == "true"


def limit_of(claim: Claim, connection: Connection) -> int:
    """The seconds that a check may take on this stage: an upload may wait for its verdict for minutes."""
    return claim.seconds + (_SECONDS_UNTIL_A_VERDICT if claim.uploads and _is_scanned(connection) else 0)


def defect_in(error: Exception) -> str:
    """What to report of an error of this command itself. Its text may hold anything, so it is left out."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"


def redacted(connection: Connection, text: str) -> str:
    """A text of AWS without accounts, ARNs, the stack's names and the names of what was made."""
    text = re.sub(r"arn:aws[\w-]*:[^\s\"',)]+", "<arn>", text)
    for name in sorted({*connection.accepted_buckets, *connection.names}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "<name>", text)
    text = re.sub(rf"{MARK}[0-9a-f]+", "<made>", text)
    return re.sub(r"\b\d{12}\b", "<account>", text)


def forecast_usd(claims: Sequence[Claim]) -> float:
    """What these checks cost at most."""
    return sum(
        claim.uploads * USD_AN_UPLOAD + claim.runs * USD_A_RUN + claim.gigabytes * USD_A_GIGABYTE
        for claim in claims
    )


def forecast_seconds(claims: Sequence[Claim]) -> float:
    """How long these checks usually take on AWS, where most of the time goes into waiting."""
    return sum(
        _SECONDS_A_CHECK
        + claim.uploads * _SECONDS_AN_UPLOAD
        + claim.runs * _SECONDS_A_RUN
        + (claim.group is Group.INTRUSIVE) * _SECONDS_A_POLICY
        for claim in claims
    )


_SECONDS_UNTIL_A_VERDICT = 240
_SECONDS_A_CHECK, _SECONDS_AN_UPLOAD, _SECONDS_A_RUN, _SECONDS_A_POLICY = 5, 15, 45, 45
# At the list prices of us-east-1; a test holds them against those that `make cost` computes with.
USD_AN_UPLOAD = 250e-6  # on the Standard lane, with what its cleaning up asks of S3 and DynamoDB
USD_A_RUN = 1e-3  # of a backfill, a reassignment or a merge, with its redrive
USD_A_GIGABYTE = 0.1  # scanned for malware, where the stage has that, and stored for an hour
