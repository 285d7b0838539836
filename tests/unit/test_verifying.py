"""The acceptance suite by itself: outcomes, time limits, what is put back whatever happens, and what a report says."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from carefile.cli.aws.rate import Quotas
from carefile.cli.problem import Problem
from carefile.cli.verifying import failures, suite
from carefile.cli.verifying.claim import Claim, Finding, Group
from carefile.cli.verifying.cleaning import Cleaner
from carefile.cli.verifying.clock import within
from carefile.cli.verifying.journal import MARK, Journal, Undo
from carefile.cli.verifying.outcome import Contradicted, Inconclusive, NotHere, Outcome, TimeIsUp
from carefile.cli.verifying.report import Report
from carefile.cli.verifying.site import Site
from carefile.cli.verifying.suite import (
    CLAIMS,
    Suite,
    forecast_seconds,
    forecast_usd,
    redacted,
)
from carefile.core.filing.layout import Layout
from carefile.core.model import Source
from tests.operator.claims_page import PAGE, page

ACCOUNT = "111122223333"
GONE = ClientError({"Error": {"Code": "NoSuchEntity"}}, "DeleteRolePolicy")


class Aws:
    """Every service: it notes the requests, and answers those to IAM."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refuses: dict[str, Exception] = {}

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        def request(**arguments: Any) -> dict[str, Any]:
            self.requests.append((name, arguments))
            if name in self.refuses:
                raise self.refuses[name]
            return {"executions": []}

        return request

    def get_paginator(self, _: str) -> Aws:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return []


class Stack(SimpleNamespace):
    """A connection to a stack that holds nothing."""

    def __init__(self, *, embedded: bool = False) -> None:
        self.aws = Aws()
        super().__init__(
            stack="Carefile-test",
            machine=f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:Carefile-test-Pipeline",
            endpoint="http://127.0.0.1:1" if embedded else None,
            processed="the-processed-bucket",
            landing="the-landing-bucket",
            accepted_buckets=("the-landing-bucket",),
            names={"Carefile-test", "the-reports-bucket", "the-processed-bucket", "catalog"},
            catalog_table="catalog",
            quotas=Quotas.none(),
            layout=Layout(),
        )

    def client(self, _: str) -> Aws:
        return self.aws

    def output(self, name: str) -> str:
        return name

    def setting(self, _: str) -> None:
        return None

    def has_output(self, _: str) -> bool:
        return False


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Stack()


@pytest.fixture
def journal(stack: Any) -> Iterator[Journal]:
    opened = Journal.of(stack)
    yield opened
    opened.close(finished=True)


def claim(look: Callable[[Site], str], **members: Any) -> Claim:
    return Claim("AWS does this", "look", look, **members)


def found(stack: Any, journal: Journal, one: Claim, *groups: Group) -> Finding:
    (finding,) = Suite(stack, journal, groups or (Group.ORDINARY,)).run([one])
    return finding


def raising(error: BaseException) -> Callable[[Site], str]:
    def look(_: Site) -> str:
        raise error

    return look


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")


@pytest.mark.parametrize(
    ("look", "outcome", "says"),
    [
        (lambda _: "it does", Outcome.SETTLED, "it does"),
        (raising(Contradicted("it answered 500")), Outcome.CONTRADICTED, "it answered 500"),
        (raising(NotHere("no lane")), Outcome.NOT_HERE, "no lane"),
        (raising(Problem("no function")), Outcome.OPEN, "no function"),
        (raising(TimeIsUp("late")), Outcome.OPEN, "late"),
        (raising(DENIED), Outcome.OPEN, "AWS denied PutObject: these credentials lack the permission"),
        (raising(Inconclusive("too late")), Outcome.OPEN, "too late"),
        (
            raising(KeyError("Juan")),
            Outcome.OPEN,
            "the check itself failed: KeyError in test_verifying.py, line LINE",
        ),
    ],
)
def test_a_check_ends_in_one_of_four_ways(
    stack: Any, journal: Journal, look: Callable[[Site], str], outcome: Outcome, says: str
) -> None:
    finding = found(stack, journal, claim(look))
    assert (finding.outcome, re.sub(r"line \d+$", "line LINE", finding.says)) == (outcome, says)


def test_a_defect_in_one_check_does_not_end_the_run_nor_does_cleaning_up_that_aws_denies(
    stack: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: object) -> None:
        raise DENIED

    monkeypatch.setattr(Cleaner, "clean_new", denied)
    checks = [claim(raising(NameError("x"))), claim(lambda _: "it does")]
    found = list(Suite(stack, journal, [Group.ORDINARY]).run(checks))
    assert [one.outcome for one in found] == [Outcome.OPEN, Outcome.SETTLED]


def test_on_the_embedded_aws_nothing_is_uploaded_to_a_stage_that_waits_for_verdicts(
    journal: Journal,
) -> None:
    here = Stack(embedded=True)
    here.setting = lambda name: "true" if name == "MALWARE_SCAN" else None  # type: ignore[method-assign]
    one = claim(raising(AssertionError("it ran")), uploads=1)
    assert found(here, journal, one).says.endswith("the embedded AWS has no GuardDuty")
    assert found(here, journal, claim(lambda _: "it does")).outcome is Outcome.SETTLED


def test_a_check_that_was_not_asked_for_or_cannot_run_here_says_so_and_does_nothing(
    stack: Any, journal: Journal
) -> None:
    one = claim(raising(AssertionError("it ran")), group=Group.INTRUSIVE)
    assert found(stack, journal, one).says == "it was not asked for: --intrusive"
    here = claim(raising(AssertionError("it ran")), embedded="has no GuardDuty")
    finding = found(Stack(embedded=True), journal, here)
    assert (finding.outcome, finding.says) == (Outcome.NOT_HERE, "the embedded AWS has no GuardDuty")


def test_a_check_that_hangs_ends_at_its_time_limit() -> None:
    began = time.monotonic()
    with pytest.raises(TimeIsUp), within(0.1):
        time.sleep(30)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt(), SystemExit(), RuntimeError("a defect"), Contradicted("so")]
)
def test_a_denied_role_is_put_back_whatever_ends_the_check(
    stack: Any, journal: Journal, end: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def look(site: Site) -> str:
        with site.denied("a-role", "kms:Decrypt"):
            raise end

    checks = Suite(stack, journal, [Group.ORDINARY]).run([claim(look)])
    if isinstance(end, Exception):
        next(checks)
    else:
        with pytest.raises(type(end)):
            next(checks)
    named = {"RoleName": "a-role", "PolicyName": journal.made.token}
    assert [name for name, _ in stack.aws.requests] == ["put_role_policy", "delete_role_policy"]
    assert stack.aws.requests[-1][1] == named
    assert not journal.made.undo


def test_after_a_crash_the_next_run_puts_back_what_the_journal_has(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = Journal.of(stack)
    for role in ("one", "two"):
        crashed.will_change(Undo("iam", "delete_role_policy", {"RoleName": role, "PolicyName": "x"}))
    crashed.took_back(1)
    # The process is killed while it writes a line: what that line says was not done yet.
    with crashed._path.open("a") as file:
        file.write('{"undo": 3, "by": ["iam", "delete_role", {"Role')

    later = Journal.of(stack)
    assert later.made.token == crashed.made.token
    stack.aws.refuses["delete_role_policy"] = GONE  # it was put back by hand
    Suite(stack, later, ()).finish()
    asked = [arguments for name, arguments in stack.aws.requests if name == "delete_role_policy"]
    assert asked == [{"RoleName": "two", "PolicyName": "x"}]
    later.close(finished=True)
    assert Journal.of(stack).made.token != crashed.made.token


def test_a_change_is_in_the_journal_before_it_is_made(
    stack: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    stack.aws.refuses["put_role_policy"] = KeyboardInterrupt()  # type: ignore[assignment]
    stack.aws.refuses["delete_role_policy"] = KeyboardInterrupt()  # type: ignore[assignment]

    def look(site: Site) -> str:
        with site.denied("a-role", "kms:Decrypt"):
            return "it does"

    with pytest.raises(KeyboardInterrupt):
        next(Suite(stack, journal, [Group.ORDINARY]).run([claim(look)]))
    assert [undo.arguments["RoleName"] for undo in Journal.of(stack).made.undo.values()] == ["a-role"]


def test_the_journal_takes_back_by_known_requests_only() -> None:
    with pytest.raises(ValueError, match="takes nothing back"):
        Undo("s3", "delete_bucket", {"Bucket": "x"})


def test_two_runs_do_not_get_in_each_others_way(stack: Any, journal: Journal) -> None:
    with journal.alone():
        other = Journal.of(stack)
        with pytest.raises(Problem), other.alone():
            pass


def test_an_object_is_in_the_journal_with_its_bucket(stack: Any, journal: Journal) -> None:
    journal.will_make(Source("b", "k"))
    journal.will_fill("b", "p/")
    journal.will_register("P")
    journal.will_send_to("intakes")
    journal.will_run("arn")
    journal.will_decide()
    made = Journal.of(stack).made
    assert (made.objects, made.folders, made.patients) == ({Source("b", "k")}, {("b", "p/")}, {"P"})
    assert (made.queues, made.machines, made.lasting) == ({"intakes"}, {"arn"}, True)


def test_a_report_names_no_account_bucket_or_object(stack: Any, tmp_path: Path) -> None:
    text = (
        f"arn:aws:s3:::the-landing-bucket/x is not {stack.machine}, {ACCOUNT} may not read "
        f"the-processed-bucket/{MARK}0a1b2c3d | twice; the stack Carefile-test has no the-reports-bucket"
    )
    one = claim(lambda _: "")
    findings = [
        Finding(one, outcome, redacted(stack, text), 1.0)
        for outcome in (Outcome.SETTLED, Outcome.CONTRADICTED)
    ]
    report = Report.of(stack, datetime.now(UTC), 60, findings, total=2, left_behind=0)
    markdown, data = (path.read_text() for path in report.write(tmp_path / "sub" / "verify"))
    for written in (markdown, data):
        assert not [word for word in (ACCOUNT, "bucket", MARK, "arn:", stack.stack) if word in written]
    assert json.loads(data)["counts"]["contradicted"] == 1
    assert "1 settled, 1 contradicted" in markdown
    assert "\\| twice" in markdown


@pytest.mark.parametrize(
    ("outcomes", "total", "left", "good"),
    [
        ([Outcome.SETTLED, Outcome.NOT_HERE], 2, 0, True),
        ([Outcome.SETTLED, Outcome.OPEN], 2, 0, False),
        ([Outcome.CONTRADICTED], 1, 0, False),
        ([Outcome.SETTLED], 2, 0, False),
        ([Outcome.SETTLED], 1, 3, False),
    ],
)
def test_a_run_is_good_if_nothing_is_wrong_open_missing_or_left(
    stack: Any, outcomes: list[Outcome], total: int, left: int, good: bool
) -> None:
    findings = [Finding(claim(lambda _: ""), outcome, "", 1.0) for outcome in outcomes]
    report = Report.of(stack, datetime.now(UTC), 1, findings, total=total, left_behind=left)
    assert report.is_good is good


def test_all_checks_together_cost_less_than_a_dollar_and_take_three_quarters_of_an_hour() -> None:
    assert 0 < forecast_usd(CLAIMS) < 1
    assert 10 * 60 < forecast_seconds(CLAIMS) < 45 * 60


def test_the_page_has_the_claims_of_the_checks() -> None:
    assert len({one.text for one in CLAIMS}) == len(CLAIMS)
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_theme_is_part_of_the_suite() -> None:
    folder = Path(suite.__file__).parent
    themes = {path.stem for path in folder.glob("*.py") if "\nCLAIMS = (" in path.read_text(encoding="utf-8")}
    assert themes == {theme.__name__.rpartition(".")[2] for theme in suite._THEMES}
    assert set(failures.CLAIMS) <= set(CLAIMS)
