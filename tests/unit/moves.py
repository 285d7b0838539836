"""What `carefile migrate` and `carefile adopt --into-landing` do, as steps of a history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Place
from carefile.cli.moving.into_landing import IntoLanding
from carefile.cli.moving.migration import Comparison
from carefile.cli.moving.report import Tally, write_report
from carefile.cli.moving.retiring import plan_retirement
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from lambdas.adapters.landing import Landing
from tests.unit.world import LANDING

OLD_LAYOUT = "medical-notes/"


def migrate(connection: Connection, run: Callable[[Any], None], *, retire: bool) -> None:
    """File what is of the old layout, and retire the originals if each is verified."""
    rules, place = rules_of(connection), Place(LANDING, OLD_LAYOUT)
    for item in list(Landing(connection.client("s3")).uploads(LANDING, OLD_LAYOUT)):
        run(item)
    with TemporaryDirectory() as name:
        tally, began, folder = Tally(), datetime.now(UTC), Path(name)
        for line in Comparison(connection, place, folder, rules).run(lambda _: None):
            tally.add(line)
        write_report(folder, connection.stack, place, tally, began, "Dr. Rey")
        if retire:
            with suppress(Problem):  # not every original is verified
                plan_retirement(connection, folder, rules).run(connection, lambda _: None)


def bring(connection: Connection, folder: str, file: Callable[[str], None], *, retire: bool) -> None:
    """Bring an adopted session into the landing bucket, and retire what was adopted if it is filed."""
    with suppress(Problem):  # it is a patient's, or was not adopted
        moves = IntoLanding(connection, rules_of(connection), folder)
        moving = moves.plan()
        moves.copy(moving)
        for one in moving:
            file(one.landing_key)
        if retire and not moves.wait(moving, 0, lambda _: None) and not any(moves.different(moving)):
            moves.retire(moving)
