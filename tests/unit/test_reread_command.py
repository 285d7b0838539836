"""`carefile reread`: which documents it finds, what it starts, and what it says of those that stay as they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.bill import Lane, total
from benchmarks.counting import count
from carefile.cli.again import reread as module
from carefile.cli.again.reread import reread
from carefile.cli.again.rereading import USD_A_DOCUMENT, Rereading, Wanted
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Place
from carefile.cli.aws.map_runs import MapRuns, Run, Scope
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.documents.readers import VERSIONS, Readers
from tests.unit.test_map_runs import Services, run
from tests.unit.world import PROCESSED, REPORTS, World

Command = Callable[..., tuple[Exit, list[Any], str]]
ARN = "arn:aws:states:r:1:execution:Backfill:run1"


class Runs:
    """Backfills that end at once, and leave `left` unchanged."""

    retry_option = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.started: list[dict[str, Any]] = []
        self.left_keys: list[str] = []
        self.earlier: Run | None = None

    def start(self, request: dict[str, Any]) -> str:
        self.started.append(request)
        return ARN

    def keys(self) -> list[str]:
        body = self._connection.client("s3").get_object(Bucket=REPORTS, Key=self.started[-1]["list"])["Body"]
        return [json.loads(line)["key"] for line in body.iter_lines()]

    def half_finished(self, _: Scope) -> Run | None:
        return self.earlier

    def describe(self, arn: str, status: str = "SUCCEEDED") -> Run:
        counts = {"total": 2, "succeeded": 2}
        return Run(arn, status, counts, "map", None, 0, timedelta(seconds=1), Scope(Place("landing", "")))

    def followed(self, arn: str) -> Iterator[Run]:
        yield self.describe(arn)

    def dispositions(self, _: Run) -> Counter[str]:
        return Counter({"cataloged": 2})

    def failed(self, _: Run) -> list[Any]:
        return []

    def left(self, _: Run) -> list[str]:
        return self.left_keys

    def arn(self, name: str) -> str:
        return f"arn:{name}"

    def redrive(self, name: str) -> str:
        self.started.append({"redriven": name})
        return ARN


@pytest.fixture
def runs(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(connection)
    monkeypatch.setattr(module, "backfill_runs", lambda _: made)
    return made


@pytest.fixture
def command(connection: Connection, runs: Runs, capsys: pytest.CaptureFixture[str]) -> Command:
    def ran(*, as_json: bool = True, **options: Any) -> tuple[Exit, list[Any], str]:
        capsys.readouterr()
        code = reread(connection, View(as_json=as_json), **options)
        told = capsys.readouterr()
        lines = [json.loads(line) for line in told.out.splitlines()] if as_json else []
        return code, lines, " ".join(told.err.split())

    return ran


def recorded(world: World, key: str, readers: str | None) -> None:
    """Let a record's stamp name other readers: those of a release before, or none."""
    copied = world.s3.head_object(Bucket=PROCESSED, Key=key)
    metadata = {name: value for name, value in copied["Metadata"].items() if name != "carefile-readers"}
    world.s3.copy_object(
        Bucket=PROCESSED,
        Key=key,
        CopySource={"Bucket": PROCESSED, "Key": key},
        Metadata=metadata | ({"carefile-readers": readers} if readers else {}),
        MetadataDirective="REPLACE",
    )


@pytest.fixture
def documents(world: World) -> World:
    """One read by today's reader, one by an older one, one before there were versions, and a session."""
    for name in ("now", "older", "before"):
        world.file(f"documents/P_1/{name}.txt", name.encode(), name=name)
    world.file("documents/Q_2/table.csv", b"a,b\n1,2\n", name="table")
    world.file("sessions/P_1/session_1/messages/message_1.json", name="session")
    recorded(world, "processed/P_1_older/extracted_data.json", "text/0")
    recorded(world, "processed/P_1_before/extracted_data.json", None)
    recorded(world, "processed/Q_2_table/extracted_data.json", "csv/0")
    return world


def keys(found: list[Any]) -> set[str]:
    return {one["key"].rpartition("/")[2] for one in found}


def test_without_yes_it_says_which_and_at_what_price_and_does_nothing(
    documents: World, command: Command, runs: Runs
) -> None:
    code, found, _ = command()
    assert code is Exit.DONE
    assert keys(found) == {"older.txt", "before.txt", "table.csv"}
    assert {one["key"]: one["readers"] for one in found}["documents/P_1/before.txt"] == {"text": 0}
    _, _, told = command(as_json=False)
    assert "3 documents: 2 text, 1 csv. About 0.00 USD" in told
    assert "Nothing was done." in told
    assert runs.started == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"format_": "csv"}, {"table.csv"}),
        ({"format_": "text"}, {"older.txt", "before.txt"}),
        ({"format_": "text", "reader_older_than": 1}, {"older.txt", "before.txt"}),
        ({"format_": "pdf"}, set()),
        ({"prefix": "documents/P_1/o"}, {"older.txt"}),
        ({"prefix": "s3://landing/documents/Q_2/"}, {"table.csv"}),
        ({"prefix": "s3://elsewhere/documents/"}, set()),
    ],
)
def test_it_finds_what_is_asked_for(
    documents: World, command: Command, options: dict[str, Any], expected: set[str]
) -> None:
    assert keys(command(**options)[1]) == expected


def test_with_yes_it_starts_a_run_over_exactly_these(documents: World, command: Command, runs: Runs) -> None:
    code, _, told = command(yes=True, format_="text", as_json=False)
    assert code is Exit.DONE
    (request,) = runs.started
    assert request["reread"] == "leave"
    assert (request["bucket"], request["prefix"]) == ("landing", "")
    assert sorted(runs.keys()) == ["documents/P_1/before.txt", "documents/P_1/older.txt"]
    assert "2 cataloged" in told


def test_owners_change_only_where_that_is_asked_for(documents: World, command: Command, runs: Runs) -> None:
    command(yes=True, let_owners_change=True)
    assert runs.started[-1]["reread"] == "move"


def test_what_was_left_for_a_person_is_listed_and_is_no_success(
    documents: World, command: Command, runs: Runs
) -> None:
    runs.left_keys = ["documents/P_1/older.txt"]
    code, found, told = command(yes=True)
    assert code is Exit.FOUND
    assert found[-1] == {"key": "documents/P_1/older.txt"}
    assert "1 left unchanged" in told
    assert "carefile assign" in told


def test_a_run_can_be_followed_and_resumed(documents: World, command: Command, runs: Runs) -> None:
    assert command(run="run1")[0] is Exit.DONE
    assert command(redrive="run1")[0] is Exit.DONE
    assert runs.started == [{"redriven": "run1"}]


def test_no_second_run_starts_beside_another_unless_afresh(
    documents: World, command: Command, runs: Runs
) -> None:
    runs.earlier = runs.describe(ARN, "FAILED")
    with pytest.raises(Problem, match="an earlier run"):
        command(yes=True)
    assert runs.started == []
    assert command(yes=True, afresh=True)[0] is Exit.DONE


@pytest.mark.parametrize(
    "options",
    [
        {"format_": "word-perfect"},
        {"reader_older_than": 2},
        {"format_": "pdf", "reader_older_than": VERSIONS["pdf"] + 1},
    ],
)
def test_what_could_change_nothing_is_refused(
    documents: World, command: Command, options: dict[str, Any]
) -> None:
    with pytest.raises(Problem):
        command(**options)


def test_pages_that_were_recognised_by_an_older_release_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carefile.cli.again.rereading.VERSIONS", dict(VERSIONS) | {"scans": 7})
    assert Wanted().needs(Readers.parse(f"pdf/{VERSIONS['pdf']} scans/6"))
    assert not Wanted().needs(Readers.parse(f"pdf/{VERSIONS['pdf']}"))
    assert Wanted("scans", 7).needs(Readers.parse("pdf/1 scans/6"))


def test_what_is_gone_meanwhile_is_passed_over(documents: World, connection: Connection) -> None:
    documents.s3.delete_object(Bucket=PROCESSED, Key="processed/P_1_older/extracted_data.json")
    found = [one.entry.landing_key for one in Rereading(connection).find(Wanted("text"))]
    assert found == ["documents/P_1/before.txt"]


def test_a_run_tells_what_it_left_once_each() -> None:
    lines = [
        {"Input": json.dumps({"key": "a"}), "Output": json.dumps({"disposition": "duplicate", "left": True})},
        {"Input": json.dumps({"key": "b"}), "Output": json.dumps({"disposition": "cataloged"})},
    ]
    execution = run("run1", "SUCCEEDED", "", reread="leave", list="x")
    results = {f"backfill/{execution['name']}/SUCCEEDED_{n}.json": lines for n in (0, 1)}
    services = Services(execution, results=results)
    found: Any = MapRuns(services, "arn:aws:states:r:1:stateMachine:Backfill", "backfill/")  # type: ignore[arg-type]
    described = found.describe(execution["executionArn"])
    assert described.scope.reread == "leave"
    assert list(found.left(described)) == ["a"]
    assert found.dispositions(described)["left unchanged"] == 2


def test_the_price_is_that_of_a_document_that_a_backfill_files() -> None:
    counted = total(count("document", 2_000, Lane.BACKFILL), Lane.BACKFILL) / 1e6
    assert 0.8 < counted / USD_A_DOCUMENT < 1.25
