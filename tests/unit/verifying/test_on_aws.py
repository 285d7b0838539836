"""Each check of `carefile verify` against AWS as its service models describe it: with an answer that settles its claim,
and with one that contradicts it. What only AWS has must not meet its first answer at a user's."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from PIL import Image

from benchmarks.bill import Lane, total
from benchmarks.counting import count
from carefile.cli.commands.checks.verify import verify
from carefile.cli.exits import Exit
from carefile.cli.shown.view import View
from carefile.cli.verifying.journal import path_of
from carefile.cli.verifying.outcome import Outcome
from carefile.cli.verifying.scans import page
from carefile.cli.verifying.suite import CLAIMS, USD_AN_UPLOAD
from infrastructure.settings.config import PROJECT_ROOT
from infrastructure.watching import prices
from tests.unit.verifying.answers import denied, landed_versions, undelivered, with_history
from tests.unit.verifying.cases import CASES
from tests.unit.verifying.checking import claim, found
from tests.unit.verifying.modelled import Aws, Clock, refused

_PAGE = (PROJECT_ROOT / "docs/operating.md").read_text(encoding="utf-8")
DOCUMENTED = {
    name.rpartition(":")[2] for name in re.findall(r"`([\w:]+)`", _PAGE.partition("## Permissions")[2])
}


@pytest.mark.parametrize("text", CASES)
def test_a_check_settles_its_claim_where_aws_answers_so(text: str) -> None:
    stage, set_, _ = CASES[text]
    aws = Aws(**stage)
    set_(aws)
    finding = found(aws, claim(text))
    assert finding.outcome is Outcome.SETTLED, finding.says
    # IAM names requests to S3 otherwise.
    needed = {name.rpartition(":")[2] for name in aws.actions if not name.startswith("s3:")}
    assert needed <= DOCUMENTED


@pytest.mark.parametrize(
    ("text", "says"), [(text, says) for text, (_, _, bad) in CASES.items() for says in bad]
)
def test_a_check_contradicts_its_claim_where_aws_answers_otherwise(text: str, says: str) -> None:
    stage, _, contradicting = CASES[text]
    aws = Aws(**stage)
    contradicting[says](aws)
    finding = found(aws, claim(text))
    assert (finding.outcome, says in finding.says) == (Outcome.CONTRADICTED, True), finding.says


LATE = {
    "does not enter ClassifyObject again": with_history("-ExecutionRedriven"),
    "the log delivery may use their keys": undelivered(arrives=True),
}


@pytest.mark.parametrize("text", LATE)
def test_a_denial_that_takes_effect_too_late_contradicts_nothing(text: str) -> None:
    aws = Aws()
    LATE[text](aws)
    aws.intake = lambda *_: None
    finding = found(aws, claim(text))
    assert (finding.outcome, "came too late" in finding.says) == (Outcome.OPEN, True), finding.says


@pytest.mark.parametrize("is_retained", [True, False])
def test_a_version_that_the_stage_retains_is_deleted_all_the_same_as_it_is_the_run_s_own(
    is_retained: bool,
) -> None:
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}}
    none = refused("ObjectLockConfigurationNotFoundError", 404)
    aws = Aws()
    aws.answers |= {
        "ListObjectVersions": landed_versions(aws),
        "GetObjectLockConfiguration": {"ObjectLockConfiguration": lock} if is_retained else none,
    }
    assert found(aws, claim("may use tables under the customer-managed key")).outcome is Outcome.SETTLED
    deleted = aws.requests("DeleteObjects")
    assert deleted
    assert {one.get("BypassGovernanceRetention", False) for one in deleted} == {is_retained}


def test_every_claim_that_only_aws_can_settle_has_its_answers() -> None:
    tried = {claim(text).text for text in CASES}
    assert not [it.text for it in CLAIMS if it.look and it.embedded and it.text not in tried]


def test_what_aws_cannot_be_asked_and_cannot_answer_is_refused_here_too() -> None:
    aws = Aws()
    aws.answers["TestState"] = {"state": "SUCCEEDED"}
    assert "AssertionError" in found(aws, claim("a failing `$assert`")).says
    with pytest.raises(ParamValidationError):
        aws.connection.client("stepfunctions").test_state(contexts="{}")


def ran(aws: Aws, report: Path, *only: str) -> Exit:
    """Run the command without asking."""
    return verify(
        aws.connection, View(as_json=False), yes=True, only=list(only), report=report, intrusive=True
    )


def test_what_aws_refuses_to_clean_up_is_reported_with_its_reason_and_left_to_the_next_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = Aws()
    aws.answers["ListObjectVersions"] = refused("AccessDenied", 403)
    assert ran(aws, tmp_path / "report", "PutEvents to a deleted bus", "may use tables") is Exit.FOUND
    said = json.loads((tmp_path / "report.json").read_text())
    assert (said["left_behind"], said["not_checked"]) == (1, 0)
    assert "AWS denied ListObjectVersions" in " ".join(capsys.readouterr().err.split())
    assert path_of(aws.connection).exists()

    del aws.answers["ListObjectVersions"]
    assert verify(aws.connection, View(as_json=False), clean_up=True) is Exit.DONE
    assert not path_of(aws.connection).exists()


def test_ctrl_c_in_the_middle_of_an_intrusive_check_puts_the_role_back_cleans_up_and_writes_the_report(
    tmp_path: Path,
) -> None:
    aws = Aws()
    with_history("-ExecutionRedriven", "NormaliseSession")(aws)
    aws.answers |= {"ListObjectVersions": landed_versions(aws), "RedriveExecution": interrupted}
    with pytest.raises(KeyboardInterrupt):
        ran(aws, tmp_path / "report", "may use tables", "does not enter ClassifyObject again")
    assert_put_back(aws, tmp_path / "report.json", checked=1)

    aws = Aws()
    aws.intake = lambda *_: interrupted(_) if denied(aws) else None
    aws.answers["ListObjectVersions"] = landed_versions(aws)
    with pytest.raises(KeyboardInterrupt):
        ran(aws, tmp_path / "report", "does not enter ClassifyObject again")
    assert_put_back(aws, tmp_path / "report.json", checked=0)


def interrupted(_: object) -> Any:
    raise KeyboardInterrupt


def assert_put_back(aws: Aws, report: Path, *, checked: int) -> None:
    changes = [name for name, _ in aws.asked if name.endswith("RolePolicy")]
    assert changes == ["PutRolePolicy", "DeleteRolePolicy"]
    assert aws.requests("PutRolePolicy")[0]["RoleName"] == aws.requests("DeleteRolePolicy")[0]["RoleName"]
    said = json.loads(report.read_text())
    assert (said["left_behind"], len(said["findings"])) == (0, checked)
    deleted = {one["Key"] for asked in aws.requests("DeleteObjects") for one in asked["Delete"]["Objects"]}
    assert deleted == {key for key, _ in aws.tags}
    assert not path_of(aws.connection).exists()


def test_the_page_of_the_scan_is_one_that_anybody_can_read() -> None:
    with Image.open(io.BytesIO(page())) as picture:
        assert (picture.format, picture.mode) == ("PNG", "1")
        black, white = (picture.histogram()[shade] for shade in (0, 255))
    assert 0.05 < black / white < 0.3


def test_the_price_of_an_upload_is_that_of_a_document_with_what_the_run_itself_asks_for() -> None:
    aws = Aws()
    aws.answers["ListObjectVersions"] = landed_versions(aws)
    found(aws, claim("may use tables"))
    asked = [name for name, _ in aws.asked]
    listed = sum((name.startswith("List") and "Object" in name) or "Multipart" in name for name in asked)
    deleted = asked.count("DeleteItem")
    own = (listed + asked.count("PutObject")) * prices.S3_WRITE + deleted * prices.DYNAMODB_WRITE_UNIT
    counted = total(count("document", 2_000, Lane.STANDARD), Lane.STANDARD)
    assert 0.7 < (counted + own) / 1e6 / USD_AN_UPLOAD <= 1


@pytest.mark.parametrize("text", ["may use tables", "Copying 1 GiB"])
def test_where_the_stage_accepts_only_what_overwrites_nothing_an_upload_says_so(text: str) -> None:
    aws = Aws()

    def guarded(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda asked: (operation if "IfNoneMatch" in asked else refused("AccessDenied", 403))(asked)

    aws.answers["PutObject"] = guarded(aws._put_object)
    aws.answers["CompleteMultipartUpload"] = guarded(aws._complete_multipart_upload)
    finding = found(aws, claim(text))
    assert finding.outcome is Outcome.SETTLED, finding.says
    aws.answers["PutObject"] = refused("AccessDenied", 403)
    assert "lack the permission" in found(aws, claim(text)).says


@pytest.mark.parametrize(
    ("stage", "outcome"), [({}, Outcome.CONTRADICTED), ({"MALWARE_SCAN": "true"}, Outcome.SETTLED)]
)
def test_a_verdict_that_takes_minutes_contradicts_nothing(
    clock: Clock, stage: dict[str, str], outcome: Outcome
) -> None:
    aws, began = Aws(**stage), clock.now

    def tags(asked: Any) -> Any:
        return aws._get_object_tagging(asked) if clock.now > began + 200 else {"TagSet": []}

    aws.answers["GetObjectTagging"] = tags
    assert found(aws, claim("gives 404, not 403")).outcome is outcome
