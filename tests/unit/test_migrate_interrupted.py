"""Stopped at any call and given again, a migration ends as one that nothing stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.migrate import Step
from carefile.cli.exits import Exit
from carefile.cli.moving import copying as migration_copy
from carefile.cli.moving import migration
from carefile.cli.moving import retiring as migration_retire
from carefile.cli.moving.checksums import Checksums, Compared, Stored
from carefile.cli.problem import Problem
from tests.unit.migrating import (
    ANA,
    ORIGINALS,
    Migrate,
    Runs,
    end_state,
    options_of,
)
from tests.unit.world import LANDING, PROCESSED, World

StopAt = Callable[[int | None], None]


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
    @pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.prove)])
    def test_at_any_call_it_goes_on_to_the_same_end(
        self,
        world: World,
        step: Migrate,
        runs: Runs,
        tmp_path: Path,
        stop_at: StopAt,
        monkeypatch: pytest.MonkeyPatch,
        which: Step,
        every: int,
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
            calls += every
        assert calls > 6

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
