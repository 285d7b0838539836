"""Merges in the record of decisions, once each and with whoever sent them; and hints, which are listed from the catalog
instead."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.provenance import Provenance

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.deciding.decisions import decisions, verify_decisions
from carefile.cli.commands.patients import merge_patients as merge_patients_command
from carefile.cli.exits import Exit
from carefile.cli.patients.assigning import Assigner, Started
from carefile.core.errors import StillChanging
from carefile.core.patients.entries import Statement
from lambdas import merge_patients
from lambdas.adapters.people.decisions import Decisions
from lambdas.adapters.people.patients import Patients
from lambdas.intake import wiring
from tests.unit.test_decisions import Show, lines, operator, recorded, records, show
from tests.unit.test_nobodys import T1, T2
from tests.unit.world import World, submitted_event

__all__ = ["operator", "recorded", "show"]


@pytest.fixture
def listed(recorded: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stage whose patients are listed, two of them."""
    monkeypatch.setenv("PATIENTS", "listed")
    monkeypatch.setattr(merge_patients, "merging", wiring.merging())
    for patient in ("Ana_7", "Ben_8"):
        Patients(recorded.dynamodb, "patients").state(patient, "ehr", Statement())
    return recorded


def test_a_merge_and_its_opposite_are_recorded_once_each_with_whose_account_sent_them(
    listed: World, monkeypatch: pytest.MonkeyPatch, show: Show
) -> None:
    merge = {"from": "Ana_7", "into": "Ben_8", "decided_by": "Dr. Rey", "reason": "registered twice"}
    sent = {"detail-type": "Patients Merged", "detail": merge, "account": "123456789012", "id": "e-1"}
    asked = {"input": sent | {"time": T1}, "started": T1, "execution": "arn:execution:1"}
    merge_patients.handler(asked | {"only_plan": True}, None)
    assert records(listed) == []
    for _ in range(2):  # and retried
        merge_patients.handler(asked, None)
    merge_patients.handler({"input": merge | {"decision": "unmerge"}, "started": T2}, None)
    one, other = records(listed)
    assert (one.type, other.type) == ("merge", "unmerge")
    told = {name: one.content[name] for name in ("from", "patient_id", "patients", "decided_by", "reason")}
    assert told == {
        "from": "Ana_7",
        "patient_id": "Ben_8",
        "patients": ["Ana_7", "Ben_8"],
        "decided_by": "Dr. Rey",
        "reason": "registered twice",
    }
    assert (one.content["principal"], one.content["event_id"]) == ("account 123456789012", "e-1")
    assert one.content["execution"] == "arn:execution:1"
    assert "principal" not in other.content
    listed = lines(show(decisions, patient="Ana_7", fhir=False, limit=10)[1])
    assert [one["type"] for one in listed] == ["merge", "unmerge"]
    for one in lines(show(decisions, fhir=True, limit=10)[1]):
        Provenance.model_validate(one)
        assert [it["identifier"]["value"] for it in one["target"]] == ["Ana_7", "Ben_8"]
    assert show(verify_decisions)[0] is Exit.DONE


def test_a_merge_whose_record_was_lost_on_the_way_is_recorded_by_the_retry(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:

    def crash(*_: Any, **__: Any) -> bool:
        raise StillChanging("still-changing: lost")

    asked = {"input": {"from": "Ana_7", "into": "Ben_8", "decided_by": "Dr. Rey"}, "started": T1}
    with monkeypatch.context() as broken:
        broken.setattr(Decisions, "record", crash)
        with pytest.raises(StillChanging):
            merge_patients.handler(asked, None)
    merge_patients.handler(asked, None)
    assert [(record.type, record.content["decided_by"]) for record in records(listed)] == [
        ("merge", "Dr. Rey")
    ]


def test_hints_are_listed_and_exported_with_who_gave_them_or_the_system(
    recorded: World, operator: Connection, show: Show
) -> None:
    recorded.upload("x.txt")
    recorded.run(
        submitted_event("x.txt", {"patient_id": "Ana_7", "decided_by": "Dr. Rey", "reason": "asked"})
    )
    recorded.upload("y.txt")
    recorded.run(submitted_event("y.txt", {"patient_id": "Ben_8"}), "e2")
    recorded.file("documents/Eva_9/z.txt", name="e3")
    hints = {"fhir": False, "hints": True, "limit": 10}
    told = {one["key"]: one for one in lines(show(decisions, **hints)[1])}
    assert {key: (one["type"], one["decided_by"], one["patient_id"]) for key, one in told.items()} == {
        "x.txt": ("hint", "Dr. Rey", "Ana_7"),
        "y.txt": ("hint", "system:carefile.intake", "Ben_8"),
    }
    assert told["x.txt"]["reason"] == "asked"
    assert [one["key"] for one in lines(show(decisions, by="Dr. Rey", **hints)[1])] == ["x.txt"]
    assert [one["key"] for one in lines(show(decisions, patient="Ben_8", **hints)[1])] == ["y.txt"]
    assert lines(show(decisions, since="0s", **hints)[1]) == []
    for one in lines(show(decisions, **hints | {"fhir": True})[1]):
        Provenance.model_validate(one)
    assert records(recorded) == []


def test_a_merge_by_the_command_says_whose_credentials_sent_it(
    listed: World, operator: Connection, monkeypatch: pytest.MonkeyPatch, show: Show
) -> None:

    def ask(_: Assigner, message: dict[str, Any]) -> dict[str, Any]:
        return merge_patients.handler(message, None)

    def start(_: Assigner, request: dict[str, Any]) -> Started:
        merge_patients.handler({"input": request, "started": T1}, None)
        return Started("arn:execution:1", redriven=False)

    monkeypatch.setattr(Assigner, "ask", ask)
    monkeypatch.setattr(Assigner, "start", start)
    options = {"patient": "Ana_7", "into": "Ben_8", "follow": False}
    assert show(merge_patients_command, **options)[0] is Exit.DONE
    assert records(listed) == []  # without --yes
    assert show(merge_patients_command, **options, yes=True)[0] is Exit.DONE
    (record,) = records(listed)
    assert record.content["principal"].startswith("arn:aws:")
    assert record.content["decided_by"] == record.content["principal"]
    assert record.content["decided_at"] == T1.replace("Z", "000Z")
