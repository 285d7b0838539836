"""What no intake wrote is its own source: what is the patient's for sure is deleted, the rest is left to a person."""

from __future__ import annotations

from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.problem import Problem
from carefile.core.model import Source
from tests.unit.forgetting import DAY, NOW, Run, everything, standing
from tests.unit.test_adoption import adopt
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import (
    PROCESSED,
    World,
)


class TestInPlace:
    """What no intake wrote is its own source: what is the patient's for sure goes, and its folder with the last."""

    SESSION = "processed/P_1_medical_notes/session_1/"
    M0, M1 = f"{SESSION}m0.json", f"{SESSION}m1.json"

    @pytest.fixture
    def stream(self, world: World) -> Stream:
        return Stream(world)

    @staticmethod
    def write(world: World, key: str, *, adopted: bool = True, **metadata: str) -> None:
        world.s3.put_object(Bucket=PROCESSED, Key=key, Body=b"theirs", Metadata=metadata)
        if adopted:
            adopt(world, key)

    def test_an_adopted_document_is_deleted_and_so_is_its_folder(self, world: World, forget: Run) -> None:
        self.write(world, "processed/P_1_lab/x.pdf", **{"patient-id": "P_1"})
        traces, done = forget("P_1", rest=NOW)
        assert (traces.undecided, done.catalog_entries, done.landing_versions) == ({}, 1, 0)
        forget("P_1", rest=NOW)
        assert everything(world) == ""

    def test_an_adopted_session_is_deleted_with_its_entry(
        self, world: World, stream: Stream, forget: Run
    ) -> None:
        self.write(world, self.M0)
        self.write(world, self.M1)
        self.write(world, self.SESSION, adopted=False)  # a folder marker
        index(stream.records())
        _, done = forget("P_1")
        assert (done.catalog_entries, done.session_entries, done.ledger_items) == (2, 1, 2)
        assert world.filed() == [f"{self.SESSION}_manifest.json"]
        assert world.json(f"{self.SESSION}_manifest.json").keys() == {
            "schema_version",
            "layout_version",
            "state",
            "owner",
        }
        assert forget("P_1", rest=NOW)[1].claims_left == 0
        assert everything(world) == ""

    def test_of_a_session_what_names_another_stays_whole_and_every_run_tells(
        self, world: World, stream: Stream, forget: Run, connection: Connection
    ) -> None:
        self.write(world, self.M0)
        self.write(world, self.M1, **{"patient-id": "P_2"})
        index(stream.records())
        left = Source(PROCESSED, self.M1)
        for run in (1, 2):
            traces, done = forget("P_1", rest=NOW)
            assert list(traces.undecided) == [left]
            assert done.catalog_entries == (1 if run == 1 else 0)
            assert world.filed() == [f"{self.SESSION}_manifest.json", self.M1]
            index(stream.records())
        (entry,) = [one for one in standing(world, "catalog") if "kind" in one]
        assert entry["key"]["S"] == self.M1
        (session,) = [one for one in standing(world, "catalog") if "kind" not in one]
        assert (session["objects"]["N"], session["patient_ref_key"]["S"][:8]) == ("1", "UNKNOWN#")
        tally = Forgetter(connection, "P_1", rest=DAY).tally(traces)
        assert (tally.layout_versions, tally.catalog_entries, tally.session_entries) == (0, 0, 0)

        forget("P_1", include=((PROCESSED, self.M1),), rest=NOW)
        forget("P_1", rest=NOW)
        assert everything(world) == ""

    @pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.prove)])
    def test_stopped_at_any_call_it_goes_on_to_the_same_end(
        self, world: World, stream: Stream, forget: Run, connection: Connection, every: int
    ) -> None:
        def built() -> None:
            world.file("documents/P_1/knee.txt")
            world.file("sessions/P_1/session_9/session.json", b"{}")
            self.write(world, self.M0)
            self.write(world, self.M1, **{"patient-id": "P_2"})
            self.write(world, "processed/P_1_lab/x.pdf", **{"patient-id": "P_1"})
            index(stream.records())

        left: list[int | None] = [None]

        def before(**_: Any) -> None:
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt

        for client in (connection.client("s3"), connection.client("dynamodb")):
            client.meta.events.register("before-call", before)
        built()
        calls, stops = 0, 0
        while True:
            left[0] = calls
            try:
                forget("P_1", rest=NOW)
            except KeyboardInterrupt:
                calls, stops = calls + every, stops + 1
                continue
            finally:
                left[0] = None
                index(stream.records())
            break
        assert stops * every > 60
        forget("P_1", rest=NOW)
        assert world.filed() == [f"{self.SESSION}_manifest.json", self.M1]
        (entry,) = [one for one in standing(world, "catalog") if "kind" in one]
        assert entry["key"]["S"] == self.M1
        (session,) = [one for one in standing(world, "catalog") if "prefix" in one and "kind" not in one]
        assert session["objects"]["N"] == "1"

    def test_a_folder_of_several_documents_loses_only_the_patients(self, world: World, forget: Run) -> None:
        self.write(world, "processed/P_1_lab/a.pdf", **{"patient-id": "P_1"})
        self.write(world, "processed/P_1_lab/b.pdf", **{"patient-id": "P"})
        self.write(world, "processed/P_1_lab/c.pdf")
        traces, _ = forget("P_1", rest=NOW)
        assert world.filed() == [
            "processed/P_1_lab/_manifest.json",
            "processed/P_1_lab/b.pdf",
            "processed/P_1_lab/c.pdf",
        ]
        assert [source.key for source in traces.undecided] == ["processed/P_1_lab/c.pdf"]
        assert {one["landing_key"]["S"][-5:] for one in standing(world, "catalog")} == {"b.pdf", "c.pdf"}

    @pytest.mark.parametrize(
        ("key", "metadata", "becomes"),
        [
            (f"{SESSION}new.json", {}, "gone"),
            (f"{SESSION}new.json", {"patient-id": "P_2"}, "left"),
            (f"{SESSION}new.json", {"patient-id": "unknown"}, "gone"),
            (f"{SESSION}agents/_manifest.json", {}, "gone"),
            ("processed/P_1_medical_notes/loose.txt", {}, "gone"),
            ("processed/P_1_medical_notes/other_1/x.json", {"patient-id": "P_2"}, "left"),
            ("processed/P_1_scan/x.pdf", {"patient-id": "P_1"}, "gone"),
            ("processed/P_1_scan/x.pdf", {}, "left"),
            ("processed/P_1_scan/x.pdf", {"patient-id": "P"}, "not the patient's"),
            ("processed/P_10_scan/x.pdf", {"patient-id": "P_10"}, "not the patient's"),
            ("processed/P_1_loose.pdf", {}, "left"),
        ],
    )
    def test_what_was_never_adopted_is_judged_as_an_adoption_would(
        self, world: World, forget: Run, key: str, metadata: dict[str, str], becomes: str
    ) -> None:
        self.write(world, key, adopted=False, **metadata)
        self.write(world, f"{self.SESSION}theirs.json", adopted=False, **{"patient-id": "P_3"})
        traces, _ = forget("P_1", rest=NOW)
        assert (key in world.filed()) == (becomes != "gone")
        assert (Source(PROCESSED, key) in traces.undecided) == (becomes == "left")
        assert f"{self.SESSION}theirs.json" in world.filed()

    def test_a_version_that_names_another_keeps_all_of_the_object(self, world: World, forget: Run) -> None:
        self.write(world, self.M0, **{"patient-id": "P_2"})
        self.write(world, self.M0)
        traces, _ = forget("P_1")
        assert Source(PROCESSED, self.M0) in traces.undecided
        found = world.s3.list_object_versions(Bucket=PROCESSED, Prefix=self.M0)
        assert (len(found["Versions"]), "DeleteMarkers" in found) == (2, False)

    def test_in_a_folder_that_an_intake_filled_only_what_names_another_stays(
        self, world: World, forget: Run
    ) -> None:
        world.file("sessions/P_1/session_1/session.json", b"{}")
        world.file("documents/P_1/lab.txt")
        for folder in (self.SESSION, "processed/P_1_lab/"):
            self.write(world, f"{folder}by_hand.txt", adopted=False)
            self.write(world, f"{folder}theirs.txt", adopted=False, **{"patient-id": "P_2"})
        forget("P_1", rest=NOW)
        forget("P_1", rest=NOW)
        assert world.filed() == ["processed/P_1_lab/theirs.txt", f"{self.SESSION}theirs.txt"]

    def test_nothing_of_a_patient_whose_id_begins_alike_is_touched(self, world: World, forget: Run) -> None:
        world.file("documents/P/1_lab.txt", Metadata={"patient-id": "P"})
        self.write(world, "processed/P_1_lab/note.txt", adopted=False)
        before = {key: world.head(key)["VersionId"] for key in world.filed()}
        forget("P_1", rest=NOW)
        assert {key: world.head(key)["VersionId"] for key in world.filed()} == before

    def test_what_an_intake_wrote_is_included_by_its_landing_object_only(
        self, world: World, forget: Run
    ) -> None:
        world.file("scan.txt")
        with pytest.raises(Problem, match="was written by an intake"):
            forget("P_1", include=((PROCESSED, "processed/unknown_scan/original.txt"),))
        assert world.upload("scan.txt")

    def test_one_that_is_locked_keeps_itself_and_its_folder_and_no_other(
        self, world: World, stream: Stream, forget: Run
    ) -> None:
        world.s3.put_object_lock_configuration(
            Bucket=PROCESSED, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )
        self.write(world, self.M0)
        self.write(world, self.M1)
        version = world.head(self.M0)["VersionId"]
        world.s3.put_object_legal_hold(
            Bucket=PROCESSED, Key=self.M0, VersionId=version, LegalHold={"Status": "ON"}
        )
        _, done = forget("P_1", rest=NOW)
        assert done.held == [Source(PROCESSED, self.M0)]
        assert world.filed() == [f"{self.SESSION}_manifest.json", self.M0]
        assert [one["key"]["S"] for one in standing(world, "catalog") if "kind" in one] == [self.M0]
