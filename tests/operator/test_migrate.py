"""`carefile migrate`: old sessions are planned, copied, verified byte for byte, retired only with a fresh report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carefile.cli.commands import migrate as command
from carefile.core.deciding.rules import RuleTable
from tests.embedded import EmbeddedAws, eventually
from tests.local.stubs import unique
from tests.operator.conftest import Carefile

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(240)


def test_old_sessions_move_step_by_step_and_stay_until_they_are_retired(
    carefile: Carefile, deployed_aws: EmbeddedAws, tmp_path: Path
) -> None:
    s3, landing = deployed_aws.client("s3"), deployed_aws.outputs["LandingBucketName"]
    processed, patient = deployed_aws.outputs["ProcessedBucketName"], unique("P").replace("-", "_")
    base = f"medical-notes/patients/{patient}/"
    place, report = f"s3://{landing}/{base}", ("--folder", tmp_path / "report")
    told = s3.get_bucket_notification_configuration(Bucket=landing)
    s3.put_bucket_notification_configuration(Bucket=landing, NotificationConfiguration={})
    old = {
        f"{base}20241027/session.json": b"{}",
        f"{base}20241027/agents/agent_a/messages/message_0.json": b"[0]",
        f"{base}session_20241027/session.json": b'{"another": 1}',  # meets the first one's folder
    }
    try:
        for key, body in old.items():
            s3.put_object(Bucket=landing, Key=key, Body=body)

        plan = carefile("migrate", "plan", place, "--json")
        assert plan.code == 0, plan.err
        assert sorted((row["objects"], row["to_copy"], row["collides"]) for row in plan.rows) == [
            (1, 1, True),
            (2, 2, False),
        ]
        assert not s3.list_objects_v2(Bucket=processed, Prefix=f"processed/{patient}").get("Contents")

        early = carefile("migrate", "verify", place, *report)
        assert early.code == 1
        assert "it is not filed" in early.out
        refused = carefile("migrate", "retire", *report, "--retire-originals")
        assert (refused.code, "incomplete" in refused.err) == (2, True)

        copied = carefile("migrate", "copy", place)
        assert copied.code == 0, copied.err
        assert "3 cataloged" in copied.err
        # The catalog follows by events.
        eventually(
            lambda: not any(row["to_copy"] for row in carefile("migrate", "plan", place, "--json").rows)
        )

        assert carefile("migrate", "verify", place, *report).code == 0
        unsigned = carefile("migrate", "retire", *report, "--retire-originals")
        assert (unsigned.code, "the report is not signed" in unsigned.err) == (2, True)
        assert carefile("migrate", "verify", place, *report, "--signed-by", "Dr. Example").code == 0
        page = (tmp_path / "report" / "report.html").read_text()
        assert "Dr. Example" in page
        facts = json.loads((tmp_path / "report" / "report.json").read_text())
        assert (facts["objects"], facts["verified"], facts["sessions"]) == (3, 3, 2)

        preview = carefile("migrate", "retire", *report)
        assert "Nothing was done" in preview.err
        assert s3.list_objects_v2(Bucket=landing, Prefix=base)["KeyCount"] == 3

        s3.put_object(Bucket=landing, Key=f"{base}20241027/session.json", Body=b'{"newer": 1}')
        changed = carefile("migrate", "retire", *report, "--retire-originals")
        assert (changed.code, "1 originals have changed since" in changed.err) == (2, True)
        assert s3.list_objects_v2(Bucket=landing, Prefix=base)["KeyCount"] == 3
        assert carefile("migrate", "copy", place).code == 0
        signed = ("migrate", "verify", place, *report, "--signed-by", "Dr. Example")
        eventually(lambda: carefile(*signed).code == 0)

        retired = carefile("migrate", "retire", *report, "--retire-originals")
        assert (retired.code, "3 originals retired" in retired.err) == (0, True), retired.err
        assert not s3.list_objects_v2(Bucket=landing, Prefix=base).get("Contents")
        versions = s3.list_object_versions(Bucket=landing, Prefix=base)
        assert len(versions["Versions"]) == 4  # and can be brought back
        filed = s3.list_objects_v2(Bucket=processed, Prefix=f"processed/{patient}_medical_notes/")["Contents"]
        bodies = {s3.get_object(Bucket=processed, Key=item["Key"])["Body"].read() for item in filed}
        assert {b"[0]", b'{"newer": 1}', b'{"another": 1}'} <= bodies
        records = [path.read_text() for path in (tmp_path / "report").glob("signed-*/retired.jsonl")]
        assert [json.loads(line)["retired"] for line in records] == [3]
    finally:
        configuration = {"EventBridgeConfiguration": told.get("EventBridgeConfiguration", {})}
        s3.put_bucket_notification_configuration(Bucket=landing, NotificationConfiguration=configuration)


def test_a_report_that_was_changed_retires_nothing(carefile: Carefile, tmp_path: Path) -> None:
    nothing = carefile("migrate", "retire", "--folder", tmp_path, "--retire-originals")
    assert (nothing.code, "there is no report" in nothing.err) == (2, True)
    (tmp_path / "report.json").write_text('{"complete": true, "seal": "forged"}')
    forged = carefile("migrate", "retire", "--folder", tmp_path, "--retire-originals")
    assert (forged.code, "the report has been modified" in forged.err) == (2, True)


def test_bytes_that_differ_are_found_and_an_interrupted_comparison_goes_on(
    carefile: Carefile, deployed_aws: EmbeddedAws, tmp_path: Path
) -> None:
    s3, landing = deployed_aws.client("s3"), deployed_aws.outputs["LandingBucketName"]
    patient = unique("P").replace("-", "_")
    base = f"medical-notes/patients/{patient}/"
    for number in range(2):
        s3.put_object(Bucket=landing, Key=f"{base}1/m{number}.json", Body=b"[1]")
    place, folder = f"s3://{landing}/{base}", tmp_path / "report"
    assert carefile("migrate", "copy", place).code == 0
    eventually(lambda: not any(row["to_copy"] for row in carefile("migrate", "plan", place, "--json").rows))
    processed = deployed_aws.outputs["ProcessedBucketName"]
    filed = f"processed/{patient}_medical_notes/session_1/m0.json"
    damage = s3.put_object(Bucket=processed, Key=filed, Body=b"[2]")["VersionId"]
    verified = carefile("migrate", "verify", place, "--folder", folder)
    assert verified.code == 1
    assert "its bytes differ from the original" in verified.out
    lines = (folder / "objects.jsonl").read_text().splitlines()
    assert [json.loads(line)["verified"] for line in lines] == [False, True]
    kept = lines[1]
    (folder / "objects.jsonl").write_text(kept + "\n" + lines[0][:20])  # torn in the middle of a line
    carefile("migrate", "verify", place, "--folder", folder)
    assert (folder / "objects.jsonl").read_text().splitlines()[1] == kept
    s3.delete_object(Bucket=processed, Key=filed, VersionId=damage)


def test_a_place_that_the_rules_read_otherwise_is_refused(
    carefile: Carefile, deployed_aws: EmbeddedAws, tmp_path: Path
) -> None:
    s3, landing = deployed_aws.client("s3"), deployed_aws.outputs["LandingBucketName"]
    tenant = unique("T").replace("-", "_")
    s3.put_object(
        Bucket=landing, Key=f"{tenant}/medical-notes/patients/Ana/session_1/session.json", Body=b"{}"
    )
    for step in ("plan", "copy", "verify"):
        ran = carefile(
            "migrate", step, f"s3://{landing}/{tenant}/medical-notes/", "--folder", tmp_path / "no"
        )
        assert ran.code == 2
        assert "would file the session under the unknown patient" in ran.err
    assert not (tmp_path / "no").exists()


def test_rules_that_are_not_the_deployments_copy_nothing(
    carefile: Carefile, deployed_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, landing = deployed_aws.client("s3"), deployed_aws.outputs["LandingBucketName"]
    tenant = unique("T").replace("-", "_")
    place = f"s3://{landing}/{tenant}/medical-notes/"
    s3.put_object(
        Bucket=landing, Key=f"{tenant}/medical-notes/patients/Ana/session_1/session.json", Body=b"{}"
    )
    table = json.loads((ROOT / "rules" / "default.json").read_text())
    own = {
        "name": "own",
        "patterns": [f"{tenant}/medical-notes/patients/{{patient}}/{{session}}/{{path...}}"],
    }
    table["rules"].insert(0, own | {"kind": "session", "patient": "from-key"})
    monkeypatch.setattr(command, "rules_of", lambda _: RuleTable.from_json(table))
    ran = carefile("migrate", "copy", place)
    assert ran.code == 2
    assert "the deployment does not classify" in ran.err


@pytest.mark.parametrize(
    "objects",
    [pytest.param(100, marks=pytest.mark.submission), pytest.param(300, marks=pytest.mark.prove)],
)
def test_a_copy_and_a_comparison_that_are_killed_go_on_where_they_were(
    carefile: Carefile, deployed_aws: EmbeddedAws, tmp_path: Path, objects: int
) -> None:
    s3, landing = deployed_aws.client("s3"), deployed_aws.outputs["LandingBucketName"]
    patient = unique("P").replace("-", "_")
    base = f"medical-notes/patients/{patient}/"
    for number in range(objects):
        s3.put_object(Bucket=landing, Key=f"{base}1/m{number:03}.json", Body=b"[1]")
    s3.put_object(Bucket=landing, Key=f"{base}1/empty.json", Body=b"")
    place, folder = f"s3://{landing}/{base}", tmp_path / "report"
    environment = os.environ | {"CAREFILE_HOME": str(deployed_aws.settings.home)}

    def killed(step: str, when: Callable[[], object]) -> None:
        words = [sys.executable, "-m", "carefile", "migrate", step, place, "--folder", str(folder)]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        try:
            eventually(when)
        finally:
            process.kill()
            process.wait(10)

    machine = deployed_aws.outputs["BackfillStateMachineArn"]

    def runs() -> int:
        listed = deployed_aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        return len(listed)

    before = runs()
    killed("copy", lambda: runs() > before)
    ran = carefile("migrate", "copy", place)
    assert ran.code == 1
    assert "backfill" not in ran.err
    assert runs() == before + 1
    s3.delete_object(Bucket=landing, Key=f"{base}1/empty.json")
    eventually(lambda: not any(row["to_copy"] for row in carefile("migrate", "plan", place, "--json").rows))

    compared = folder / "compared.jsonl"
    killed("verify", lambda: compared.exists() and compared.read_text().count("\n") > 25)
    assert not (folder / "report.json").exists()
    known = [json.loads(line)["key"] for line in compared.read_text().splitlines()[:-1] if line]
    assert carefile("migrate", "verify", place, "--folder", folder).code == 0
    facts = json.loads((folder / "report.json").read_text())
    assert (facts["objects"], facts["verified"]) == (objects, objects)
    assert len(known) >= 20
