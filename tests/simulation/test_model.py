"""Every order of the protocol's steps ends well, and each rule that deletions made necessary is needed."""

from __future__ import annotations

import pytest

from tests.simulation.model import Protocol, search


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("destinations", "deletion", "crashes"),
    [
        ("AA", False, 2),
        ("AB", False, 2),
        ("AB", True, 0),
        ("AA", True, 1),
        ("AB", True, 1),
        ("AB", True, 2),
        ("ABA", False, 0),
        ("AAB", True, 0),
    ],
)
def test_every_order_ends_with_the_newest_version(destinations: str, deletion: bool, crashes: int) -> None:
    holds, states = search(destinations, deletion=deletion, crashes=crashes)
    assert holds
    assert states > 1000


@pytest.mark.parametrize(
    "protocol", [Protocol(blind=True), Protocol(key_first=True), Protocol(unrecorded=True)], ids=str
)
@pytest.mark.parametrize("destinations", ["AA", "AB"])
def test_without_one_of_its_rules_a_deletion_brings_an_older_version_back(
    destinations: str, protocol: Protocol
) -> None:
    holds, _ = search(destinations, deletion=True, crashes=1, protocol=protocol)
    assert not holds
