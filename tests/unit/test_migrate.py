"""Sessions of the old layout move to their own patient's or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.migrate import Step
from carefile.cli.exits import Exit
from carefile.cli.moving.old_layout import must_be_of_old_layout, patient_named, why_not
from carefile.cli.private_files import exclusive, open_private
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.core.filing.layout import Owner
from carefile.core.model import Source
from tests.unit.migrating import (
    ANA,
    ORIGINALS,
    Migrate,
    Runs,
    landed,
    moved_whole,
    options_of,
)
from tests.unit.world import LANDING, PROCESSED, World, submitted_event


class TestWhoseAKeyIs:
    """The rule table and the key itself have to agree."""

    @pytest.mark.parametrize(
        ("key", "patient"),
        [
            (f"{ANA}1/session.json", "Ana"),
            ("medical-notes/patients/unknown/1/x.json", None),
            ("medical-notes/no-patient/1/x.json", None),
        ],
    )
    def test_a_key_of_the_old_layout_is_its_patients(
        self, connection: Connection, key: str, patient: str | None
    ) -> None:
        assert why_not(key, rules_of(connection)) is None
        assert patient_named(key, rules_of(connection)) == patient

    @pytest.mark.parametrize(
        ("key", "why"),
        [
            (
                "prod/medical-notes/patients/Ana/session_1/session.json",
                "would file the session under the unknown patient",
            ),
            ("prod/medical-notes/patients/Ana/1/x.json", "does not read it as part of that session"),
            ("prod/medical-notes/no-patient/1/x.json", "does not read it as part of that session"),
            ("medical-notes/README.txt", "not part of a session"),
            ("documents/Ana/x.pdf", "not part of a session"),
            ("medical-notes/patients/Ana/x.json", "not part of a session"),
        ],
    )
    def test_any_other_is_refused_before_anything_is_done(
        self, connection: Connection, key: str, why: str
    ) -> None:
        assert why in (why_not(key, rules_of(connection)) or "")
        with pytest.raises(Problem, match="1 keys under that prefix are not of the old layout"):
            must_be_of_old_layout([f"{ANA}1/session.json", "medical-notes/", key], rules_of(connection))

    @pytest.mark.parametrize("which", [Step.PLAN, Step.COPY, Step.VERIFY])
    def test_below_a_prefix_nothing_moves(
        self, world: World, step: Migrate, runs: Runs, tmp_path: Path, which: Step
    ) -> None:
        world.upload("prod/medical-notes/patients/Ana/session_1/session.json")
        with pytest.raises(Problem, match="would file the session under the unknown patient"):
            step(which, f"s3://{LANDING}/prod/medical-notes/")
        assert (runs.begun, world.filed(), (tmp_path / "migration").exists()) == (0, [], False)

    def test_what_is_filed_as_another_ones_is_not_verified_and_not_retired(
        self, world: World, step: Migrate, originals: dict[str, str]
    ) -> None:
        step(Step.COPY)
        key = next(iter(originals))
        world.run(submitted_event(key, {"patient_id": "Bob"}), "e2")
        assert step(Step.PLAN) is Exit.FOUND
        assert step(Step.VERIFY, signed_by="Dr. Example") is Exit.FOUND
        with pytest.raises(Problem, match="1 objects are not verified"):
            step(Step.RETIRE, retire_originals=True)
        assert len(landed(world)) == len(ORIGINALS)

    def test_what_a_person_assigned_to_another_is_verified(
        self, world: World, step: Migrate, originals: dict[str, str]
    ) -> None:
        world.intake.ledger.assign(
            Owner(LANDING, f"{ANA}1/", tree=True), "Bob", frozenset({"Ana"}), "2026-11-20T10:00:00.000Z"
        )
        step(Step.COPY)
        assert "processed/Bob_medical_notes/session_1/session.json" in world.filed()
        assert step(Step.VERIFY) is Exit.DONE

    def test_what_is_nobodys_by_conflict_waits_for_a_person(self, world: World, step: Migrate) -> None:
        world.upload(f"{ANA}1/session.json", b"{}", Metadata={"patient-id": "Bob"})
        step(Step.COPY)
        assert step(Step.VERIFY) is Exit.FOUND

    def test_what_was_moved_after_it_was_verified_is_not_retired(
        self, world: World, step: Migrate, originals: dict[str, str]
    ) -> None:
        for which in (Step.COPY, Step.VERIFY):
            step(which, **options_of(which))
        world.run(submitted_event(next(iter(originals)), {"patient_id": "Bob"}), "e2")
        with pytest.raises(Problem, match="1 objects are no longer filed as they were verified"):
            step(Step.RETIRE, retire_originals=True)
        assert len(landed(world)) == len(ORIGINALS)


def test_one_empty_object_stops_no_other_and_is_the_comparisons_matter(
    world: World, step: Migrate, originals: dict[str, str]
) -> None:
    world.upload(f"{ANA}1/empty.json", b"")
    assert step(Step.COPY) is Exit.FOUND
    assert len([key for key in world.filed() if not key.endswith("_manifest.json")]) == len(ORIGINALS)
    assert step(Step.VERIFY, signed_by="Dr. Example") is Exit.FOUND
    world.delete(f"{ANA}1/empty.json")
    assert step(Step.VERIFY, signed_by="Dr. Example") is Exit.DONE


def test_a_signed_report_stays_whatever_is_verified_later(
    world: World, step: Migrate, originals: dict[str, str], tmp_path: Path
) -> None:
    moved_whole(step)
    folder = tmp_path / "migration"
    (kept,) = folder.glob("signed-*")
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    world.upload(f"{ANA}9/session.json", b"{}")
    assert step(Step.VERIFY) is Exit.FOUND
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    assert json.loads(before["report.json"])["objects"] == len(ORIGINALS)
    assert json.loads(before["retired.jsonl"])["retired"] == len(ORIGINALS)
    assert len(before["objects.jsonl"].splitlines()) == len(ORIGINALS)


def test_every_file_is_its_owners_alone(step: Migrate, originals: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "migration"
    folder.mkdir(mode=0o755)
    (folder / "report.json").touch(mode=0o644)
    moved_whole(step)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


class TestBadInput:
    """A clear line each, and nothing moves."""

    @pytest.mark.parametrize(
        ("place", "line"),
        [
            ("s3://no-such-bucket/medical-notes/", "there is no bucket no-such-bucket"),
            (f"s3://{LANDING}/medical-notes/patients/Nobody/", "there is nothing under"),
            ("medical-notes/", "invalid S3 location"),
            ("s3://another/medical-notes/", "does not ingest from the bucket another"),
            (f"s3://{PROCESSED}/processed/", "is in the layout"),
        ],
    )
    @pytest.mark.parametrize("which", [Step.PLAN, Step.COPY, Step.VERIFY])
    def test_a_place_that_can_not_be_migrated(
        self, world: World, step: Migrate, runs: Runs, place: str, line: str, which: Step
    ) -> None:
        world.s3.create_bucket(Bucket="another")
        world.s3.put_object(Bucket="another", Key="medical-notes/patients/Ana/1/x", Body=b"x")
        world.s3.put_object(Bucket=PROCESSED, Key="processed/x/y", Body=b"x")
        with pytest.raises(Problem, match=line) as stopped:
            step(which, place)
        assert "\n" not in stopped.value.what
        assert runs.begun == 0

    def test_a_bucket_that_keeps_no_versions_retires_nothing(
        self, world: World, step: Migrate, originals: dict[str, str]
    ) -> None:
        step(Step.COPY)
        step(Step.VERIFY, signed_by="Dr. Example")
        world.s3.put_bucket_versioning(Bucket=LANDING, VersioningConfiguration={"Status": "Suspended"})
        with pytest.raises(Problem, match="is not versioned"):
            step(Step.RETIRE, retire_originals=True)
        assert len(landed(world)) == len(ORIGINALS)

    def test_a_comparison_beside_another_one_in_the_folder(
        self, step: Migrate, originals: dict[str, str], tmp_path: Path
    ) -> None:
        step(Step.COPY)
        folder = tmp_path / "migration"
        folder.mkdir()
        with (
            open_private(folder / "compared.jsonl", append=True) as progress,
            exclusive(progress),
            pytest.raises(Problem, match="another command is writing"),
        ):
            step(Step.VERIFY)
        assert step(Step.VERIFY) is Exit.DONE

    def test_the_report_of_another_stack_retires_nothing(
        self, world: World, step: Migrate, originals: dict[str, str], connection: Connection
    ) -> None:
        step(Step.COPY)
        step(Step.VERIFY, signed_by="Dr. Example")
        connection.stack = "Carefile-other"
        with pytest.raises(Problem, match="the report is for Carefile-test, not for Carefile-other"):
            step(Step.RETIRE, retire_originals=True)
        assert len(landed(world)) == len(ORIGINALS)

    def test_the_source_of_a_placeholder_is_nobodys(self, world: World, step: Migrate) -> None:
        world.upload("medical-notes/patients/unknown/1/session.json", b"{}")
        step(Step.COPY)
        assert step(Step.VERIFY) is Exit.DONE
        source = Source(LANDING, "medical-notes/patients/unknown/1/session.json")
        (entry,) = [one for one in world.catalog() if one["source_id"]["S"] == source.source_id]
        assert entry["patient_ref_key"]["S"].startswith("UNKNOWN#")
