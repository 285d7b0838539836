"""The examples that people copy, run as they stand; those that need a deployment run in the end-to-end tests."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from carefile.core.deciding.classification import classify
from carefile.core.deciding.rules import RuleTable
from tests.unit.world import LANDING, PROCESSED, World, cataloged

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def example(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_list_of_examples_is_whole() -> None:
    listed = re.findall(r"\]\(([\w./]+)\)", (EXAMPLES / "README.md").read_text())
    assert all((EXAMPLES / path).is_file() for path in listed)
    there = {path.relative_to(EXAMPLES).parts[0] for path in EXAMPLES.iterdir() if path.name != "__pycache__"}
    assert {path.partition("/")[0] for path in listed} == there - {"README.md"}


# A consumer in a Lambda function


@pytest.fixture
def consumer(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    boto3.client("dynamodb").create_table(
        TableName="filed",
        AttributeDefinitions=[{"AttributeName": "source_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("TABLE", "filed")
    return example("consumer_lambda/handler.py")


def announced(world: World, key: str, body: bytes, name: str) -> dict[str, Any]:
    detail = cataloged(world.file(key, body, name=name))
    return {"source": "carefile.catalog", "detail-type": "Object Cataloged", "detail": detail}


def rows() -> dict[str, tuple[object, ...]]:
    items = boto3.resource("dynamodb").Table("filed").scan()["Items"]
    return {
        item["source_id"]: (item.get("location"), item.get("patient"), int(item["revision"]))
        for item in items
    }


@pytest.mark.parametrize("seed", range(6))
def test_the_function_keeps_the_newest_of_each_source_in_any_order(
    consumer: Any, world: World, seed: int
) -> None:
    events = [announced(world, "documents/Ana_7/lab.txt", body, f"e{body}") for body in (b"one", b"two")]
    moved = copy.deepcopy(events[1])
    moved["detail"] |= {"revision": 9, "patient": {"status": "unknown", "reason": "conflict"}}
    moved["detail"]["location"]["prefix"] = "processed/unknown_lab/"
    other = announced(world, "documents/Ben_8/lab.txt", b"three", "e3")
    told = [*events, moved, other, events[0], moved]
    random.Random(seed).shuffle(told)
    changed = [consumer.handler(event)["changed"] for event in told]
    assert rows() == {
        moved["detail"]["source_id"]: ("processed/unknown_lab/", None, 9),
        other["detail"]["source_id"]: ("processed/Ben_8_lab/", "Ben_8", other["detail"]["revision"]),
    }
    assert 2 <= sum(changed) <= 4
    assert not any(consumer.handler(event)["changed"] for event in told)


def test_what_was_taken_out_is_not_brought_back_by_a_late_event(consumer: Any, world: World) -> None:
    late = announced(world, "documents/Ana_7/lab.txt", b"one", "e1")
    detail = {name: late["detail"][name] for name in ("source_id", "event_id")} | {"schema_version": "2.0"}
    out = {"source": "carefile.catalog", "detail-type": "Object Retired"}
    out["detail"] = detail | {"revision": 5, "disposition": "unfiled"}  # type: ignore[assignment]
    assert consumer.handler(out)["changed"]
    assert not consumer.handler(late)["changed"]
    assert rows() == {late["detail"]["source_id"]: (None, None, 5)}


def test_an_event_of_somebody_else_fails_and_is_kept_by_the_queue(consumer: Any) -> None:
    with pytest.raises(ValueError, match="no event"):
        consumer.handler({"source": "aws.s3", "detail-type": "Object Created", "detail": {}})


def test_a_table_that_does_not_answer_fails_and_is_no_old_news(
    consumer: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE", "gone")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        consumer.handler(announced(world, "documents/Ana_7/lab.txt", b"one", "e1"))


@pytest.mark.prove
def test_the_function_s_template_is_valid() -> None:
    template = str(EXAMPLES / "consumer_lambda" / "template.yaml")
    command = [sys.executable, "-c", "from cfnlint.runner import main; main()", template]
    # W3002: its package is made by `aws cloudformation package`, as its first lines say.
    done = subprocess.run([*command, "-i", "W3002"], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# A portal


def test_what_the_portal_uploads_is_filed_under_its_patient_once(world: World) -> None:
    portal, s3 = example("portal.py"), boto3.client("s3")
    key, new = portal.upload(s3, LANDING, "Ana_7", "C:\\fakepath/Blood count.txt", b"haemoglobin 13")
    assert new
    assert (
        key == f"documents/Ana_7/portal/{hashlib.sha256(b'haemoglobin 13').hexdigest()[:16]}/Blood count.txt"
    )
    assert s3.head_object(Bucket=LANDING, Key=key)["Metadata"] == {"patient-id": "Ana_7"}
    detail = cataloged(world.run({"bucket": LANDING, "key": key}))
    assert detail["patient"] == {"status": "known", "id": "Ana_7"}
    assert portal.upload(s3, LANDING, "Ana_7", "Blood count.txt", b"haemoglobin 13") == (key, False)
    assert portal.upload(s3, LANDING, "Ana_7", "Blood count.txt", b"haemoglobin 12")[1]


def test_the_portal_s_link_is_for_one_key_one_patient_and_no_overwrite(world: World) -> None:
    portal, s3 = example("portal.py"), boto3.client("s3")
    address, headers = portal.link(s3, LANDING, "Ana_7", "scan.pdf", "u-1")
    assert "/documents/Ana_7/portal/u-1/scan.pdf?" in address
    assert headers == {"x-amz-meta-patient-id": "Ana_7", "If-None-Match": "*"}
    signed = re.findall(r"[?&]X-Amz-SignedHeaders=([^&]*)", address) or [address.lower()]
    assert "x-amz-meta-patient-id" in signed[0]


@pytest.mark.parametrize("patient", ["", "a/b", "..", "."])
def test_the_portal_takes_no_id_that_would_be_another_folder(patient: str) -> None:
    with pytest.raises(ValueError, match="not a patient"):
        example("portal.py").key_for(patient, "x.pdf", "u-1")


# Rules of another clinic


def test_the_rules_of_another_clinic_are_made_and_mean_what_they_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    example("another_clinic/make_rules.py").main()
    made = json.loads(capsys.readouterr().out)
    rules, default = RuleTable.from_json(made), json.loads((ROOT / "rules" / "default.json").read_text())
    assert made["rules"][-len(default["rules"]) :] == default["rules"]
    decided = {key: rule_and_patient(rules, key) for key in (
        "referrals/2026/P-10442/letter.pdf", "referrals/2026/befunde/letter.pdf",
        "radiology/P-1/20261120_101500/slice.dcm", "radiology/2024/x.pdf", "fax/2026/11/a.tif",
        "documents/Ana_7/lab.pdf",
    )}  # fmt: skip
    assert decided["referrals/2026/P-10442/letter.pdf"] == ("referral", "P-10442")
    assert decided["radiology/P-1/20261120_101500/slice.dcm"] == ("radiology", "P-1")
    assert decided["radiology/2024/x.pdf"][1] is None
    assert decided["fax/2026/11/a.tif"] == ("fax", None)
    assert decided["documents/Ana_7/lab.pdf"][1] == "Ana_7"
    assert rules.ignores("fax/a.lock")
    assert "unbekannt" in made["placeholders"]


def test_a_rule_of_a_name_that_is_taken_is_refused() -> None:
    make_rules = example("another_clinic/make_rules.py")
    default = {"rules": [{"name": "fax"}]}
    with pytest.raises(ValueError, match="fax"):
        make_rules.made(default, {"first": [{"name": "fax"}]})


def rule_and_patient(rules: RuleTable, key: str) -> tuple[str, str | None]:
    found = classify(key, (), rules)
    return found.rule, found.patient.id


# Questions to the manifests


@pytest.fixture
def filed(world: World) -> World:
    world.file("documents/Ana_7/lab.txt", b"one", name="e1")
    world.file("documents/Ana_7/scan.txt", b"three", name="e2")
    world.file("documents/note.txt", b"nobody", name="e3")
    world.file("sessions/Ana_7/session_1/session.json", b"{}", name="e4")
    return world


def asked(
    *words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    query = example("manifests/query.py")
    monkeypatch.setattr(sys, "argv", ["query.py", PROCESSED, *words])
    assert query.main() == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_sql_over_the_manifests_counts_what_is_filed_for_whom(
    filed: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(monkeypatch=monkeypatch, capsys=capsys)
    assert found == [
        {"patient": "Ana_7", "reason": None, "documents": 2, "bytes": 8},
        {"patient": "unknown", "reason": "no-evidence", "documents": 1, "bytes": 6},
    ]
    question = "SELECT landing_key, rule FROM documents WHERE patient IS NULL"
    (row,) = asked(question, monkeypatch=monkeypatch, capsys=capsys)
    assert row["landing_key"] == "documents/note.txt"
    (session,) = asked("SELECT session, patient FROM sessions", monkeypatch=monkeypatch, capsys=capsys)
    assert session["patient"] == "Ana_7"


def test_a_question_reads_no_file(filed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    query = example("manifests/query.py")
    with pytest.raises(Exception, match="disabled"):
        query.answer(iter(()), "SELECT * FROM read_text('/etc/hostname')")


def test_the_query_for_athena_finds_the_same(
    filed: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parsed in its dialect, translated, and run on DuckDB over every line of every object, as the table reads them."""
    import duckdb
    import sqlglot

    text = (EXAMPLES / "manifests" / "athena.sql").read_text()
    table, query = (sqlglot.parse_one(part, read="athena") for part in text.split(";\n") if part.strip())
    assert (type(table), type(query)) == (sqlglot.exp.Create, sqlglot.exp.Select)
    (column,) = table.find_all(sqlglot.exp.ColumnDef)
    assert column.sql("hive") == "body STRING"
    with duckdb.connect() as database:
        database.execute('CREATE TABLE manifests (body VARCHAR, "$path" VARCHAR)')
        for page in filed.s3.get_paginator("list_objects_v2").paginate(Bucket=PROCESSED, Prefix="processed/"):
            for item in page["Contents"]:
                lines = filed.body(item["Key"]).decode().splitlines()
                path = f"s3://{PROCESSED}/{item['Key']}"
                database.executemany("INSERT INTO manifests VALUES (?, ?)", [(line, path) for line in lines])
        found = database.execute(query.sql("duckdb"))
        names = [named[0] for named in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert rows == asked(monkeypatch=monkeypatch, capsys=capsys)
