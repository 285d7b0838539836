"""The command `forget`: a deployment's own rules, what may be included, and how it ends."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.forget import forget as command
from carefile.cli.exits import Exit
from carefile.cli.patients.forgetting import refuse_placeholder
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Source
from lambdas.adapters.settings import ROOT
from tests.unit import forgetting
from tests.unit.forgetting import Run, everything
from tests.unit.test_adoption import adopt
from tests.unit.world import (
    LANDING,
    PROCESSED,
    World,
)


class TestADeploymentOfItsOwn:
    """Its rules, its buckets, its placeholders."""

    @pytest.fixture(autouse=True)
    def _deployment(self, world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        world.s3.create_bucket(Bucket="old-records", ObjectLockEnabledForBucket=True)
        connection.__dict__["accepted_buckets"] = (LANDING, "old-records")
        table = json.loads((ROOT / "rules" / "default.json").read_text())
        table["rules"].insert(
            0,
            {
                "name": "clinic",
                "patterns": ["clinics/{clinic}/{patient}/{file}"],
                "kind": "document",
                "patient": "from-key",
            },
        )
        table["placeholders"].append("niemand")
        rules = RuleTable.from_json(table)
        monkeypatch.setattr("tests.unit.forgetting.rules_of", lambda _: rules)

    def test_what_was_never_filed_is_found_by_its_rules_and_in_all_its_buckets(
        self, world: World, forget: Run
    ) -> None:
        wanted = {
            Source(LANDING, "clinics/north/Ana_7/x.pdf"),
            Source("old-records", "documents/Ana_7/y.pdf"),
            Source("old-records", "clinics/south/Ana_7/z.pdf"),
        }
        others = {Source(LANDING, "clinics/Ana_7/Bob/x.pdf"), Source("old-records", "documents/Bob/y.pdf")}
        for source in wanted | others:
            world.s3.put_object(Bucket=source.bucket, Key=source.key, Body=b"x")
        traces, _ = forget("Ana_7")
        assert set(traces.undecided) == wanted
        forget("Ana_7", include=tuple((source.bucket, source.key) for source in wanted))
        assert forget("Ana_7")[0].undecided == {}
        for source in others:
            assert world.s3.head_object(Bucket=source.bucket, Key=source.key)

    def test_a_hold_in_any_of_its_buckets_is_kept(self, world: World, forget: Run) -> None:
        source = Source("old-records", "documents/Ana_7/y.pdf")
        world.s3.put_object(Bucket=source.bucket, Key=source.key, Body=b"x")
        world.s3.put_object_legal_hold(Bucket=source.bucket, Key=source.key, LegalHold={"Status": "ON"})
        _, done = forget("Ana_7", include=((source.bucket, source.key),))
        assert done.held == [source]
        assert world.s3.head_object(Bucket=source.bucket, Key=source.key)

    def test_its_placeholders_name_nobody(self, connection: Connection) -> None:
        with pytest.raises(Problem, match="placeholder"):
            refuse_placeholder("Niemand", forgetting.rules_of(connection))


class TestTheCommand:
    """What is given to it, and how it ends."""

    @pytest.fixture
    def run(self, connection: Connection) -> Callable[..., Exit]:
        def run(patient: str, **options: Any) -> Exit:
            return command(connection, View(as_json=False), patient=patient, **options)

        return run

    def test_it_ends_well_only_when_nothing_is_left(
        self, world: World, run: Callable[..., Exit], capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        key = "processed/P_1_lab/c.pdf"
        world.s3.put_object(Bucket=PROCESSED, Key=key, Body=b"theirs")
        adopt(world, key)
        assert run("P_1") is Exit.FOUND
        report = tmp_path / "report.json"
        assert run("P_1", yes=True, report=report) is Exit.FOUND
        assert f"s3://{PROCESSED}/{key}" in capsys.readouterr().out
        told = json.loads(report.read_text())
        assert told["for_a_person"] == 1
        at = datetime.fromisoformat(told["at"]).date()
        assert told["remains_until"]["executions"] == (at + timedelta(90)).isoformat()
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
        assert run("P_1", yes=True, include=[f"s3://{PROCESSED}/{key}"]) is Exit.DONE
        assert run("P_1", yes=True) is Exit.DONE

    @pytest.mark.parametrize(
        ("include", "line"),
        [
            ("s3://another/x.txt", "no object that Carefile-test takes in"),
            (f"s3://{LANDING}/", "no object that Carefile-test takes in"),
            ("s3://", "invalid S3 location"),
        ],
    )
    def test_what_can_not_be_included_is_refused_in_one_line(
        self, world: World, run: Callable[..., Exit], include: str, line: str
    ) -> None:
        world.file("documents/Ana_7/knee.txt")
        before = everything(world)
        with pytest.raises(Problem, match=line):
            run("Ana_7", yes=True, include=[include])
        assert everything(world) == before

    @pytest.mark.parametrize(
        ("options", "line"),
        [
            ({"patient": "n/a"}, "is a placeholder"),
            ({"patient": ""}, "is a placeholder"),
            ({"patient": "Ana_7", "rest": "soon"}, "soon"),
            ({"patient": "Ana_7", "report": Path(__file__)}, "is there already"),
        ],
    )
    def test_what_makes_no_sense_is_one_line_and_deletes_nothing(
        self, world: World, run: Callable[..., Exit], options: dict[str, Any], line: str
    ) -> None:
        world.file("documents/Ana_7/knee.txt")
        before = everything(world)
        with pytest.raises(Problem, match=line) as stopped:
            run(**options, yes=True)
        assert "\n" not in stopped.value.what
        assert everything(world) == before

    def test_of_somebody_never_heard_of_there_is_nothing(
        self, world: World, run: Callable[..., Exit]
    ) -> None:
        world.file("documents/Ana_7/knee.txt")
        before = everything(world)
        assert run("Ana_8", yes=True) is Exit.DONE
        assert everything(world) == before

    def test_another_patients_is_never_included(self, world: World, run: Callable[..., Exit]) -> None:
        for patient in ("Ana_7", "Bob_8"):
            world.file(f"documents/{patient}/knee.txt")
        before = everything(world)
        with pytest.raises(Problem, match="filed as another patient's"):
            run("Ana_7", yes=True, include=["documents/Bob_8/knee.txt"])
        assert everything(world) == before

    def test_what_is_to_be_included_and_not_there_is_told(
        self, run: Callable[..., Exit], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("Ana_7", include=["documents/Ana_7/typo.pdf"])
        assert f"There is nothing at s3://{LANDING}/documents/Ana_7/typo.pdf" in capsys.readouterr().err
