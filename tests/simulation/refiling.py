"""At rest an operator runs `carefile patients refile`: the real command's choice, on the simulated AWS.

A merge moves what is filed under a patient. What two sources, or two decisions, gave to two patients is filed under
nobody, and only the catalog finds it once they are one (`docs/decisions/0014-patient-directory.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carefile.cli.again.refiling import Again
from carefile.core.filing.layout import Layout
from carefile.core.model import Source
from carefile.core.records.catalog import Entry
from lambdas.adapters import contracts

if TYPE_CHECKING:
    from tests.simulation.world import World

_OUTPUTS = {"PatientsTableName": "patients", "LedgerTableName": "ledger"}


@dataclass(frozen=True)
class _Connection:
    """What the command needs of its connection."""

    world: World
    layout: Layout
    landing: str = "landing"
    processed: str = "processed-bucket"
    catalog_table: str = "catalog"

    def client(self, name: str) -> Any:
        found = getattr(self.world.clients, name)
        return _NothingIsStale(found) if name == "dynamodb" else found

    def output(self, name: str) -> str:
        return _OUTPUTS[name]


@dataclass(frozen=True)
class _NothingIsStale:
    """At rest, a query is as consistent as may be."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def query(self, **arguments: Any) -> Any:
        return self.client.query(ConsistentRead=True, **arguments)


class Refiling(Again):
    """What stays as it is, is taken in once."""

    def __init__(self, world: World) -> None:
        connection: Any = _Connection(world, Layout())
        super().__init__(connection, contracts.rules())
        self._world = world
        self._taken: set[tuple[str, str | None]] = set()

    def filed_under(self, patient: str | None) -> Iterator[Entry]:
        """By the catalog's own items: a session's objects are not listed by their session here."""
        items = self._world.dynamodb.tables.get("catalog", {}).values()
        yield from (entry for item in items if (entry := Entry.of_item(item)).patient == patient)

    def run(self) -> None:
        for entry in [*self.now_known()]:
            about = (entry.source_id, entry.landing_version)
            if about not in self._taken and self.take_in(entry):
                self._taken.add(about)

    def in_vain(self) -> list[str]:
        """What it would take in once more, though that changed nothing. A document that names a patient too whom nobody
        lists may be: its manifest does not say which evidence counts, and too many are better than too few."""
        refused = {key for key, _ in self._world.known.refused}
        return [
            f"I3 {entry.landing_key} was refiled, and is to be refiled again"
            for entry in self.now_known()
            if entry.is_session
            and (entry.source_id, entry.landing_version) in self._taken
            and entry.landing_key not in refused
        ]

    def _start(self, source: Source) -> None:
        name = f"refile {source.source_id[:8]} {len(self._taken) + 1}"
        self._world.start(name, {"bucket": source.bucket, "key": source.key})
