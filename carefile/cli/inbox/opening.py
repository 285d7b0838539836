"""Put the inbox together for one person on this machine, and serve it until they leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from carefile.cli.aws.connection import Connection
from carefile.cli.inbox.app import application
from carefile.cli.inbox.claims import claims_of
from carefile.cli.inbox.decisions import Decisions, One
from carefile.cli.inbox.desk import Desk
from carefile.cli.inbox.server import LoopbackServer
from carefile.cli.inbox.sitting import Clerk
from carefile.cli.patients.deciding import Decider


def open_inbox(
    connection: Connection, by: str, *, port: int, idle: timedelta, ready: Callable[[str], None]
) -> list[One]:
    """Serve the inbox. What is held when it ends is sent before this returns what was not carried out."""
    decisions = Decisions(lambda: Decider(connection))
    server = LoopbackServer(Clerk(by), port=port, idle_seconds=idle.total_seconds())
    claims = claims_of(connection)
    desk = Desk(connection, decisions, claims)
    try:
        server.run(
            application(desk, server.gate.base, leave=server.stop),
            ready=lambda: ready(server.gate.address),
            every_second=decisions.send_due,
        )
    finally:
        decisions.send_all()
        claims.release_all()
    return decisions.not_carried_out()
