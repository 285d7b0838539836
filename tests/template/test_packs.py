"""No rule pack finds anything, with the protective settings off and on; what was accepted is reasoned, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.template import audit
from tests.template.synthesis import Synthesised

STAGES = ["stage", "protected"]


@pytest.fixture(params=STAGES)
def either(request: pytest.FixtureRequest) -> Synthesised:
    """The stage with its protective settings off, and on."""
    found: Synthesised = request.getfixturevalue(request.param)
    return found


def test_the_cdk_s_packs_find_the_canary_and_nothing_else(either: Synthesised) -> None:
    found = audit.found(either.assembly)
    caught = {finding.pack for finding in found if finding.where.startswith(audit.CANARY)}
    assert caught >= set(audit.PACKS)
    assert not [finding for finding in found if not finding.where.startswith(audit.CANARY)]


def test_cloudformation_s_own_linter_finds_nothing(stage: Synthesised, protected: Synthesised) -> None:
    assert not audit.cfn_lint(stage.path, protected.path)


def test_checkov_finds_nothing(stage: Synthesised, protected: Synthesised) -> None:
    reports = audit.checkov(stage.path, protected.path)
    looked_at = sum(report["summary"]["resource_count"] for report in reports)
    # A resource that is none of checkov's business is not counted.
    assert looked_at > 0.5 * sum(len(it.template["Resources"]) for it in (stage, protected))
    for report in reports:
        assert report["summary"]["parsing_errors"] == 0
        assert report["summary"]["passed"] > 100
        assert [(it["check_id"], it["resource"]) for it in report["results"]["failed_checks"]] == []


def test_what_is_accepted_has_a_reason_and_stands_on_one_resource(either: Synthesised) -> None:
    resources = either.template["Resources"]
    for one in audit.accepted(either.template):
        assert one.rules
        assert len(one.reason) > 60, one
    # Nothing but `accept` acknowledges, or the count would not be true.
    skipped = Counter(
        (name, entry["id"], entry["comment"])
        for name, resource in resources.items()
        for entry in resource.get("Metadata", {}).get("checkov", {"skip": ()})["skip"]
    )
    told = Counter(
        (one.resource, rule, one.reason)
        for one in audit.accepted(either.template)
        for rule in one.rules
        if rule.startswith("CKV")
    )
    assert skipped == told
    assert audit.acknowledged(either.assembly) == {
        (one.resource, rule)
        for one in audit.accepted(either.template)
        for rule in one.rules
        if not rule.startswith("CKV")
    }


def test_less_is_accepted_the_more_protection_is_on_and_the_count_is_told(
    say: Callable[[str], None], stage: Synthesised, protected: Synthesised
) -> None:
    reasons = {}
    for name, it in (("default settings", stage), ("every protective setting on", protected)):
        accepted = list(audit.accepted(it.template))
        reasons[name] = {one.reason for one in accepted}
        findings = sum(len(one.rules) for one in accepted)
        say(
            f"rule packs, {name}: nothing is found; {findings} findings accepted on "
            f"{len({one.resource for one in accepted})} resources for {len(reasons[name])} reasons"
        )
    optional = reasons["default settings"] - reasons["every protective setting on"]
    assert len(optional) == 4  # no network, no concurrency reserved, no replica, no backup
    assert all("The stage has chosen so" in reason for reason in optional)
    assert not any("The stage has chosen so" in reason for reason in reasons["every protective setting on"])
    assert len(reasons["default settings"]) <= 20
