"""Sessions of the old layout move to their own patient's or not at all, wherever the migration is stopped meanwhile."""

from __future__ import annotations

import json
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Place
from carefile.cli.aws.map_runs import Run
from carefile.cli.commands import migrate as command
from carefile.cli.commands.migrate import Step, migrate
from carefile.cli.exits import Exit
from carefile.cli.moving import copying as migration_copy
from carefile.cli.moving import migration
from carefile.cli.moving import retiring as migration_retire
from carefile.cli.moving.checksums import Checksums, Compared, Stored
from carefile.cli.moving.old_layout import must_be_of_old_layout, patient_named, why_not
from carefile.cli.private_files import exclusive, open_private
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.filing.layout import Owner
from carefile.core.model import Source
from tests.unit.world import LANDING, PROCESSED, World, submitted_event

ANA = "medical-notes/patients/Ana/"
ORIGINALS = {
    f"{ANA}1/session.json": b"{}",
    f"{ANA}1/agents/agent_a/messages/message_0.json": b"[0]",
    f"{ANA}session_2/session.json": b"{}",
    "medical-notes/no-patient/3/session.json": b"{}",
}
Migrate = Callable[..., Exit]
Json = dict[str, Any]
StopAt = Callable[[int | None], None]


class Runs:
    """The backfill as far as a migration sees it. An execution goes on while nobody looks, as Step Functions' do."""

    def __init__(self, world: World) -> None:
        self.world, self.begun, self.redriven = world, 0, 0
        self.asked: Json = {}
        self.retry_option = "--failed-of"
        self.status = "RUNNING"
        self.failed_items: set[str] = set()
        self.called: Callable[[], None] = lambda: None

    def start(self, asked: Json) -> str:
        self.called()
        self.begun, self.asked, self.status = self.begun + 1, asked, "RUNNING"
        self.called()
        return f"arn:run-{self.begun}"

    def redrive(self, arn: str) -> str:
        self.redriven, self.status = self.redriven + 1, "RUNNING"
        return arn

    def latest_at(self, _: Place) -> Run | None:
        self.called()
        return self._run(f"arn:run-{self.begun}") if self.begun else None

    def followed(self, arn: str) -> Iterator[Run]:
        self.called()
        yield self._run(arn)
        self.called()
        if self.status == "RUNNING":
            self._take_in()
        yield self._run(arn)

    def dispositions(self, _: Run) -> Counter[str]:
        return Counter()

    def failed(self, _: Run) -> Iterator[Any]:
        return iter(())

    def _take_in(self) -> None:
        listed = self.world.s3.list_objects_v2(Bucket=self.asked["bucket"], Prefix=self.asked["prefix"])
        self.failed_items = {item["Key"] for item in listed["Contents"] if item["Size"] == 0}
        for item in listed["Contents"]:
            if item["Size"]:
                self.world.run({"bucket": self.asked["bucket"], "key": item["Key"]})
        share = 100 * len(self.failed_items) / len(listed["Contents"])
        tolerated = share <= self.asked["tolerated_failure_percentage"]
        self.status = "SUCCEEDED" if tolerated else "FAILED"

    def _run(self, arn: str) -> Run:
        counts = {"total": 1, "succeeded": 0 if self.failed_items else 1}
        return Run(arn, self.status, counts, None, None, self.redriven, None, None)


@pytest.fixture
def runs(world: World, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(world)
    monkeypatch.setattr(command, "backfill_runs", lambda _: made)
    monkeypatch.setattr(command, "must_read_alike", lambda *_: None)
    return made


@pytest.fixture
def step(connection: Connection, runs: Runs, tmp_path: Path) -> Migrate:
    def run(which: Step, place: str | None = None, **options: Any) -> Exit:
        return migrate(
            connection, View(as_json=True), which, place, **({"folder": tmp_path / "migration"} | options)
        )

    return run


@pytest.fixture
def originals(world: World) -> dict[str, str]:
    return {key: world.upload(key, body) or "" for key, body in ORIGINALS.items()}


def moved_whole(step: Migrate) -> None:
    for which in Step:
        step(which, **(options_of(which)))


def options_of(which: Step) -> Json:
    if which is Step.VERIFY:
        return {"signed_by": "Dr. Example"}
    return {"retire_originals": True} if which is Step.RETIRE else {}


def landed(world: World) -> list[str]:
    found = world.s3.list_objects_v2(Bucket=LANDING).get("Contents", ())
    return [item["Key"] for item in found]


def end_state(world: World, folder: Path) -> Json:
    """All that counts in the end: what is filed and in the catalog, which originals stand, what the report says."""
    filed = {key: world.body(key) for key in world.filed() if not key.endswith("_manifest.json")}
    entries = {
        (item["landing_key"]["S"], item["key"]["S"], item["patient_ref_key"]["S"]) for item in world.catalog()
    }
    path = folder / "report.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    for varying in ("began", "ended", "objects_sha256", "seal"):
        report.pop(varying, None)
    return {
        "filed": filed,
        "entries": entries,
        "landed": landed(world),
        "report": report,
        "kept": any(folder.glob("signed-*")),
    }


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


class TestInterrupted:
    """Stopped at any call of a step and given again, a migration ends as one that nothing stopped."""

    @pytest.fixture
    def stop_at(self, connection: Connection, runs: Runs) -> Iterator[StopAt]:
        """Makes the nth call to AWS from now on the last."""
        left: list[int | None] = [None]

        def before(**_: Any) -> None:
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt

        runs.called = before
        clients = [connection.client(name) for name in ("s3", "dynamodb")]
        for client in clients:
            client.meta.events.register("before-call", before, unique_id="stop")
        yield lambda calls: left.__setitem__(0, calls)
        for client in clients:
            client.meta.events.unregister("before-call", unique_id="stop")

    def test_a_plan_writes_nothing_wherever_it_is_stopped(
        self, world: World, step: Migrate, originals: dict[str, str], stop_at: StopAt
    ) -> None:
        for calls in range(5):
            stop_at(calls)
            with pytest.raises(KeyboardInterrupt):
                step(Step.PLAN)
            stop_at(None)
        assert step(Step.PLAN) is Exit.DONE
        assert (world.filed(), world.catalog()) == ([], [])

    @pytest.mark.parametrize("which", [Step.COPY, Step.VERIFY, Step.RETIRE])
    def test_at_any_call_it_goes_on_to_the_same_end(
        self,
        world: World,
        step: Migrate,
        runs: Runs,
        tmp_path: Path,
        stop_at: StopAt,
        monkeypatch: pytest.MonkeyPatch,
        which: Step,
    ) -> None:
        monkeypatch.setattr(migration_retire, "_BATCH", 2)
        monkeypatch.setattr(migration, "_BATCH", 2)
        monkeypatch.setattr(migration, "_THREADS", 1)

        def clean() -> None:
            for bucket in (LANDING, PROCESSED):
                found = world.s3.list_object_versions(Bucket=bucket)
                for item in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
                    world.s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
            for table in ("catalog", "ledger"):
                for item in world.dynamodb.scan(TableName=table)["Items"]:
                    key = {"source_id": item["source_id"]}
                    world.dynamodb.delete_item(TableName=table, Key=key)
            world.wire()
            runs.begun = 0
            for key, body in ORIGINALS.items():
                world.upload(key, body)

        def whole(folder: Path, calls: int | None) -> bool:
            """All steps as far as this one; True where it was stopped."""
            stopped, steps = False, list(Step)[: list(Step).index(which) + 1]
            if which is Step.VERIFY and calls is not None:
                steps = [which]  # it changes nothing but its own files
            else:
                clean()
            for one in steps:
                options = options_of(one) | {"folder": folder}
                if one is which and calls is not None:
                    stop_at(calls)
                    try:
                        step(one, **options)
                        return False
                    except KeyboardInterrupt:
                        stopped = True
                    finally:
                        stop_at(None)
                step(one, **options)
            return stopped

        whole(tmp_path / "uninterrupted", None)
        wanted = end_state(world, tmp_path / "uninterrupted")
        assert (wanted["landed"] == []) == (which is Step.RETIRE)
        calls = 0
        while whole(tmp_path / f"stopped-{calls}", calls):
            assert end_state(world, tmp_path / f"stopped-{calls}") == wanted
            assert runs.begun == 1
            calls += 1
        assert calls > 3

    def test_a_killed_comparison_compares_nothing_twice(
        self,
        step: Migrate,
        originals: dict[str, str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        step(Step.COPY)
        step(Step.VERIFY)
        folder = tmp_path / "migration"
        lines = (folder / "objects.jsonl").read_text().splitlines()
        # As a SIGKILL leaves it: no objects.jsonl, and what was compared, torn at its end.
        (folder / "objects.jsonl").unlink()
        (folder / "compared.jsonl").write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
        read: list[str] = []
        compare = Checksums.compare

        def counted(self: Checksums, one: Stored, other: Stored) -> Compared:
            read.append(one.key)
            return compare(self, one, other)

        monkeypatch.setattr(Checksums, "compare", counted)
        assert step(Step.VERIFY) is Exit.DONE
        assert len(read) == 1
        again = (folder / "objects.jsonl").read_text().splitlines()
        assert again[:3] == lines[:3]
        assert not (folder / "compared.jsonl").exists()

    def test_a_run_that_failed_is_gone_on_with_and_one_under_way_followed(
        self, world: World, step: Migrate, runs: Runs, originals: dict[str, str]
    ) -> None:
        runs.start({"bucket": LANDING, "prefix": "medical-notes/", "tolerated_failure_percentage": 50})
        step(Step.COPY)
        assert (runs.begun, runs.redriven) == (1, 0)
        runs.status = "FAILED"
        step(Step.COPY)
        assert (runs.begun, runs.redriven) == (1, 1)
        step(Step.COPY)  # it ended well: what came since is taken in
        assert (runs.begun, runs.redriven) == (2, 1)

    def test_a_run_that_can_no_longer_be_resumed_is_started_again(self) -> None:
        class Old(Runs):
            def redrive(self, arn: str) -> str:
                raise Problem(f"{arn} cannot be redriven")

        runs = Old(None)  # type: ignore[arg-type]
        runs.start({})
        runs.status = "ABORTED"
        assert migration_copy.start_or_resume(
            runs,  # type: ignore[arg-type]
            {"bucket": LANDING, "prefix": ANA},
            afresh=False,
        ) == ("arn:run-2", "Started as")

    def test_what_it_says_to_do_is_its_own_command(
        self, step: Migrate, runs: Runs, originals: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        runs.start({"bucket": LANDING, "prefix": "medical-notes/", "tolerated_failure_percentage": -1})
        assert step(Step.COPY) is Exit.FOUND
        told = capsys.readouterr().err
        assert f"carefile migrate copy s3://{LANDING}/medical-notes/" in told
        assert "backfill" not in told


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
        assert entry["patient_ref_key"]["S"] == "UNKNOWN"
