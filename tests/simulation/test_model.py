"""Every order of the protocol's steps ends well, and each of its rules is needed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation import mark_model, reading_model
from tests.simulation.model import Protocol, search


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("destinations", "deletion", "crashes"),
    [
        ("AA", False, 2),
        ("AB", False, 2),
        ("AB", True, 0),
        ("AA", True, 1),
        ("AB", True, 1),
        ("AB", True, 2),
        pytest.param("ABA", False, 0, marks=pytest.mark.prove),
        pytest.param("AAB", True, 0, marks=pytest.mark.prove),
        ("A-", False, 2),
        ("-A", True, 1),
        ("AB-", False, 1),
    ],
)
def test_every_order_ends_with_the_newest_version(destinations: str, deletion: bool, crashes: int) -> None:
    holds, states = search(destinations, deletion=deletion, crashes=crashes)
    assert holds
    assert states > (100 if "-" in destinations else 1000)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("destinations", "deletion", "crashes"),
    [
        ("A", True, 2),
        pytest.param("AB", False, 0, marks=pytest.mark.prove),
        ("A-", False, 1),
        ("A-", True, 0),
    ],
)
def test_every_order_ends_where_it_was_decided_to_belong(
    destinations: str, deletion: bool, crashes: int
) -> None:
    holds, states = search(destinations, deletion=deletion, crashes=crashes, decision="C")
    assert holds
    assert states > 100


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("destinations", "deletion", "crashes", "decision"),
    [
        ("A", True, 2, "!0"),
        ("AA", False, 0, "!0"),
        ("AB", True, 0, "!1"),
        pytest.param("AA", True, 0, "!0", marks=pytest.mark.prove),
        pytest.param("AB", False, 1, "!1", marks=pytest.mark.prove),
    ],
)
def test_every_order_ends_without_what_was_taken_out_and_with_whatever_else_was_filed(
    destinations: str, deletion: bool, crashes: int, decision: str
) -> None:
    holds, states = search(destinations, deletion=deletion, crashes=crashes, decision=decision)
    assert holds
    assert states > 100


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("destinations", "deletion", "lost"),
    [
        ("A", True, 1),
        ("A-", False, 1),
        ("A-", True, 2),
        ("AA", False, 1),
        ("AB", True, 1),
        ("AA", True, 0),
    ],
)
def test_every_upload_is_marked_as_it_was_announced_also_where_its_execution_is_lost(
    destinations: str, deletion: bool, lost: int
) -> None:
    holds, states = search(destinations, deletion=deletion, crashes=0, lost=lost, told=True)
    assert holds
    assert states > 20


@pytest.mark.parametrize(
    "protocol", [Protocol(blind=True), Protocol(key_first=True), Protocol(unrecorded=True)], ids=str
)
@pytest.mark.parametrize("destinations", ["AA", "AB"])
def test_without_one_of_its_rules_a_deletion_brings_an_older_version_back(
    destinations: str, protocol: Protocol
) -> None:
    holds, _ = search(destinations, deletion=True, crashes=1, protocol=protocol)
    assert not holds


@pytest.mark.parametrize(
    ("protocol", "story"),
    [
        (Protocol(hiding=True), {"destinations": "AB-"}),
        (Protocol(hiding=True), {"destinations": "A-", "decision": "C"}),
        (Protocol(undecided=True), {"destinations": "A", "decision": "C"}),
        (Protocol(by_seconds=True), {"destinations": "AAA", "deletion": True, "told": True}),
        (Protocol(marked_first=True), {"destinations": "A", "deletion": True, "lost": 1, "told": True}),
        (Protocol(unreconciled=True), {"destinations": "A", "deletion": True, "lost": 1, "told": True}),
        (Protocol(unreconciled=True), {"destinations": "A-", "lost": 1, "told": True}),
        (Protocol(unlooked=True), {"destinations": "AA", "deletion": True, "decision": "!0"}),
        (Protocol(unnoted=True), {"destinations": "AB", "deletion": True, "decision": "!1"}),
        (Protocol(undecided=True), {"destinations": "A", "decision": "!0"}),
    ],
    ids=str,
)
def test_each_rule_about_what_is_refused_decided_and_told_is_needed(
    protocol: Protocol, story: dict[str, Any]
) -> None:
    holds, _ = search(**({"deletion": False, "crashes": 0} | story), protocol=protocol)
    assert not holds


@pytest.mark.parametrize("brought", ["", "failed", "cataloged"])
@pytest.mark.parametrize(
    "kinds",
    [
        ("filed",),
        ("fail",),
        ("admitted",),
        ("overtaken",),
        ("filed", "fail"),
        ("filed", "admitted"),
        ("overtaken", "admitted"),
        ("admitted", "fail"),
        ("filed", "admitted", "fail"),
        ("filed", "overtaken", "admitted"),
        ("filed", "overtaken", "fail"),
    ],
    ids="-".join,
)
def test_whatever_else_writes_the_mark_it_says_at_rest_how_it_ended(
    brought: str, kinds: tuple[str, ...]
) -> None:
    holds, states = mark_model.search(brought, kinds)
    assert holds
    assert states >= 4


@pytest.mark.parametrize("brought", ["", "cataloged"])
@pytest.mark.parametrize(
    "kinds", [("filed",), ("filed", "fail"), ("filed", "admitted"), ("filed", "overtaken")], ids="-".join
)
def test_also_where_a_crash_takes_the_note_back_the_mark_says_so_at_rest(
    brought: str, kinds: tuple[str, ...]
) -> None:
    holds, states = mark_model.search(brought, kinds, taken_back=True)
    assert holds
    assert states > 15


def test_who_never_looks_again_hides_the_end_after_a_crash() -> None:
    blind = mark_model.Rules(blind=True)
    assert not mark_model.search("", ("filed", "fail"), blind, taken_back=True)[0]


@pytest.mark.parametrize(
    ("rules", "brought", "kinds"),
    [
        (mark_model.Rules(shown_first=True), "cataloged", ("filed", "admitted")),
        (mark_model.Rules(blind=True), "", ("filed", "fail")),
        (mark_model.Rules(put_back=True), "cataloged", ("admitted", "fail")),
        (mark_model.Rules(trusting=True), "cataloged", ("overtaken",)),
    ],
    ids=str,
)
def test_each_rule_about_the_mark_is_needed(
    rules: mark_model.Rules, brought: str, kinds: tuple[str, ...]
) -> None:
    holds, _ = mark_model.search(brought, kinds, rules)
    assert not holds


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("destinations", "deletion", "crashes", "threat"),
    [
        ("A", True, 1, 0),
        ("AA", False, 1, 1),
        ("AB", False, 1, 1),
        ("AB", False, 1, 0),
        ("AA", True, 0, 1),
        ("AB", True, 0, 1),
    ],
)
def test_every_order_ends_with_a_version_whole_and_announced_also_where_a_threat_is_found_late(
    destinations: str, deletion: bool, crashes: int, threat: int
) -> None:
    holds, states = search(destinations, deletion=deletion, crashes=crashes, threat=threat)
    assert holds
    assert states > 100


@pytest.mark.parametrize("destinations", ["AA", "AB"])
def test_a_round_asks_whether_what_was_begun_since_is_a_threat_by_now(destinations: str) -> None:
    unasked = Protocol(unasked=True)
    assert not search(destinations, deletion=False, crashes=0, threat=1, protocol=unasked)[0]


@pytest.mark.parametrize(
    "story",
    [
        {"uploads": 1},
        {"uploads": 1, "again": True},
        {"uploads": 1, "decided": True},
        {"uploads": 1, "left": 1},
        {"uploads": 2},
    ],
    ids=str,
)
def test_every_order_ends_with_the_newest_scan_read_and_announced_so(story: dict[str, Any]) -> None:
    holds, states = reading_model.search(**story)
    assert holds
    assert states > 10


@pytest.mark.parametrize(
    ("rules", "story"),
    [
        (reading_model.Rules(blindly=True), {"uploads": 1, "decided": True}),
        (reading_model.Rules(blindly=True), {"uploads": 1, "left": 1}),
        (reading_model.Rules(newest=True), {"uploads": 1, "again": True}),
        (reading_model.Rules(content=True), {"uploads": 1}),
        (reading_model.Rules(anyones=True), {"uploads": 2}),
        (reading_model.Rules(unlike=True), {"uploads": 1, "decided": True}),
    ],
    ids=str,
)
def test_each_rule_about_readings_is_needed(rules: reading_model.Rules, story: dict[str, Any]) -> None:
    holds, _ = reading_model.search(**story, rules=rules)
    assert not holds
