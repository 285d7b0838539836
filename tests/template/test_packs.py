"""No rule pack finds anything, whatever the settings; what was accepted is reasoned, counted and bounded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest

from tests.template import audit
from tests.template.synthesis import Synthesised

# Between them every setting that makes a resource another one.
STAGES = ["stage", "protected", "express_first", "locked"]
# The linters that are programs of their own take seconds for each: between them the first two have nearly every
# resource, and `make test` lints the one with most.
MOST_OF_IT = pytest.param(["protected", "express_first"], marks=pytest.mark.submission)
ALL_OF_IT = pytest.param(STAGES, marks=pytest.mark.prove)


@pytest.fixture(params=STAGES)
def either(request: pytest.FixtureRequest) -> Synthesised:
    """The stage with its protective settings off and on, the other lane with others' buckets, one locked bucket."""
    found: Synthesised = request.getfixturevalue(request.param)
    return found


def test_the_cdk_s_packs_find_the_canary_and_nothing_else(either: Synthesised) -> None:
    found = audit.found(either.assembly)
    caught = {finding.pack for finding in found if finding.where.startswith(audit.CANARY)}
    assert caught >= set(audit.PACKS)
    assert not [finding for finding in found if not finding.where.startswith(audit.CANARY)]


@pytest.mark.parametrize("names", [["protected"], MOST_OF_IT, ALL_OF_IT], ids=len)
def test_cloudformation_s_own_linter_finds_nothing(request: pytest.FixtureRequest, names: list[str]) -> None:
    assert not audit.cfn_lint(*(request.getfixturevalue(name).path for name in names))


@pytest.mark.parametrize("names", [MOST_OF_IT, ALL_OF_IT], ids=len)
def test_checkov_finds_nothing(request: pytest.FixtureRequest, names: list[str]) -> None:
    stages = [request.getfixturevalue(name) for name in names]
    reports = audit.checkov(*(it.path for it in stages))
    passed = [check for report in reports for check in report["results"]["passed_checks"]]
    assert {check["file_abs_path"] for check in passed} == {str(it.path) for it in stages}
    looked_at = sum(report["summary"]["resource_count"] for report in reports)
    # A resource that is none of checkov's business is not counted.
    assert looked_at > 0.5 * sum(len(it.template["Resources"]) for it in stages)
    for report in reports:
        assert report["summary"]["parsing_errors"] == 0
        assert report["summary"]["passed"] > 100
        assert [(it["check_id"], it["resource"]) for it in report["results"]["failed_checks"]] == []


def test_what_is_accepted_has_a_reason_and_stands_on_one_resource(either: Synthesised) -> None:
    resources = either.template["Resources"]

    def told(tool: str) -> Counter[tuple[str, str]]:
        return Counter(
            (one.resource, rule)
            for one in audit.accepted(either.template)
            for rule in one.rules
            if audit.tool_of(rule) == tool
        )

    for one in audit.accepted(either.template):
        assert one.rules
        assert len(one.reason) > 60, one
    # Nothing but `accept` acknowledges, or the count would not be true.
    metadata = {name: resource.get("Metadata", {}) for name, resource in resources.items()}
    assert told("checkov") == Counter(
        (name, entry["id"])
        for name, it in metadata.items()
        for entry in it.get("checkov", {"skip": ()})["skip"]
    )
    assert told("cfn-lint") == Counter(
        (name, rule)
        for name, it in metadata.items()
        for rule in it.get("cfn-lint", {"config": {"ignore_checks": ()}})["config"]["ignore_checks"]
    )
    assert set(told("cdk-nag")) == audit.acknowledged(either.assembly)
    assert set(either.template.get("Metadata", {})) <= {"AWS::CDK::Metadata"}, "none is for the whole stack"


MOST_FINDINGS, MOST_RESOURCES, MOST_REASONS = 228, 62, 34


def test_little_is_accepted_less_the_more_protection_is_on_and_the_count_is_told(
    say: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    chosen = {}
    for name in STAGES:
        accepted = list(audit.accepted(request.getfixturevalue(name).template))
        findings = sum(len(one.rules) for one in accepted)
        resources, reasons = {one.resource for one in accepted}, {one.reason for one in accepted}
        say(
            f"rule packs, {name.replace('_', ' ')}: nothing is found; {findings} findings accepted on "
            f"{len(resources)} resources for {len(reasons)} reasons"
        )
        assert findings <= MOST_FINDINGS
        assert len(resources) <= MOST_RESOURCES
        assert len(reasons) <= MOST_REASONS
        by_setting = (re.search(r"^The stage has chosen so \(setting (\w+)\)", reason) for reason in reasons)
        chosen[name] = {found[1] for found in by_setting if found}
    assert chosen["stage"] == {"vpc", "reserved_concurrency", "replica_bucket_prefix", "backup"}
    assert not chosen["protected"]
