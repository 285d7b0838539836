"""Whatever the settings, the template deploys: it stays within the limits that AWS documents for each resource."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allpairspy import AllPairs

from infrastructure import preflight
from infrastructure.settings.config import ConfigError, load_context, stage_config
from tests.template import audit
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

LONGEST_NAME = "a" * 20
LONGEST_BUCKET = "b" * 60
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef"
SEVERAL = {f"{LONGEST_BUCKET}{number}": KEY_ARN for number in range(10)}
ACCOUNT, ROLE = "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/clinic"
REPLICA = {"replica_bucket_prefix": "r" * 50, "replica_key_arn": KEY_ARN}
# The values that a setting is tried with; those of an enumeration and a switch follow from the schema.
TRIED: dict[str, list[Any]] = {
    "landing_bucket": [None, LONGEST_BUCKET],
    "landing_bucket_key_arn": [None, KEY_ARN],
    "source_buckets": [{}, SEVERAL],
    "inventory_buckets": [{}, SEVERAL],
    "backfill_concurrency": [1, 10_000],
    "session_followers": [1, 10],
    "session_prefix": ["processed/", f"{'filed/' * 20}processed/"],
    "layout_writers": [None, [], [ACCOUNT], [ROLE, ACCOUNT]],
    "bootstrap_qualifier": ["hnb659fds", "q" * 10],
    "permissions_boundary": [None, "arn:aws:iam::111122223333:policy/Boundary"],
    "alarm_email": [None, "oncall@clinic.example"],
    "unfiled_alarm_minutes": [1, 20160],
    "silence_alarm_hours": [None, 24],
    "event_archive_days": [None, 3650],
    "runbook_url": [None, "https://clinic.example/" + "r" * 270],
    "rules_file": ["rules/default.json"],
    "ocr_languages": [["eng"]],
    "trained_data": [None],
    "filed_expiry_days": [None, 1, 36500],
    "log_retention_days": [1, 3653],
    "traced_percent": [1, 100],
    "reserved_concurrency": [None, 10_000],
    "organization_id": [None, "o-a1b2c3d4e5"],
    "intake_publishers": [[], [ROLE, ACCOUNT]],
    "write_once_prefixes": [[], ["uploads/portal-a/", "uploads/portal-b/"]],
    "quarantine_readers": [[], [ROLE]],
    "retention": [[], [{"kind": "document", "expire_days": 3650, "older_versions_days": 30}]],
    "locked_days": [None, 36500],
}
EXPLICIT_NAMES = {
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::DynamoDB::Table": ("TableName", 255),
    "AWS::Events::Archive": ("ArchiveName", 48),
    "AWS::Events::EventBus": ("Name", 256),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::EventSchemas::Registry": ("RegistryName", 64),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", 128),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::KMS::Alias": ("AliasName", 256),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", 80),
    "AWS::XRay::SamplingRule": ("SamplingRule.RuleName", 32),
}
# In bytes without white space, as AWS counts them.
POLICIES = {
    "AWS::IAM::ManagedPolicy": ("PolicyDocument", 6_144),
    "AWS::S3::BucketPolicy": ("PolicyDocument", 20 * 1024),
    "AWS::KMS::Key": ("KeyPolicy", 32 * 1024),
    "AWS::IAM::Role": ("AssumeRolePolicyDocument", 2_048),
    "AWS::Events::EventBus": ("Policy", 10 * 1024),
    "AWS::Events::Rule": ("EventPattern", 4 * 1024),
}
POLICIES_OF_A_ROLE = 10
PARTS = 9  # of the combinations
PSEUDO = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "1" * 12,
    "AWS::URLSuffix": "amazonaws.com.cn",
    "AWS::NoValue": "",
}


def axes() -> dict[str, list[dict[str, Any]]]:
    """What is varied: each setting by itself, and those that come only as a pair as one."""
    schema = json.loads((audit.PROJECT_ROOT / "schemas/stage.v1.json").read_text())["properties"]
    found = {}
    del schema["replica_key_arn"]
    for name, setting in schema.items():
        switch = [False, True] if setting.get("type") == "boolean" else None
        found[name] = [{name: value} for value in setting.get("enum") or switch or TRIED.get(name, ())]
    found["replica_bucket_prefix"] = [{}, REPLICA]
    assert all(found.values()), "a setting has no values to try"
    return found


def combinations() -> list[dict[str, Any]]:
    """Every two values of every two settings together, where the settings allow it."""

    def allowed(chosen: list[dict[str, Any]]) -> bool:
        return refusal(merged(chosen)) is None

    return [merged(row) for row in AllPairs(list(axes().values()), filter_func=allowed)]


def merged(chosen: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for one in chosen for name, value in one.items()}


def refusal(settings: dict[str, Any]) -> str | None:
    try:
        stage_config(load_context() | {"stage": "test", "stages": {"test": settings}})
    except ConfigError as error:
        return str(error)
    return None


def excesses(stage: Synthesised) -> Iterator[str]:
    """What of a template AWS would refuse, by the limits that its documents state."""
    resources = stage.template["Resources"]
    if len(resources) > 500:
        yield f"{len(resources)} resources"
    if stage.path.stat().st_size > 1_000_000:
        yield f"a template of {stage.path.stat().st_size} bytes"
    attached: Counter[str] = Counter()
    for name, resource in resources.items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::IAM::Role":
            attached[name] += len(properties.get("ManagedPolicyArns", ()))
        if kind == "AWS::IAM::ManagedPolicy":
            attached.update(role["Ref"] for role in properties.get("Roles", ()))
        if kind in EXPLICIT_NAMES:
            path, most = EXPLICIT_NAMES[kind]
            given = properties
            for member in path.split("."):
                given = (given or {}).get(member)
            if given is not None and len(filled_in(given)) > most:
                yield f"{name}: a name of {len(filled_in(given))} characters"
        if kind in POLICIES:
            member, most = POLICIES[kind]
            document = filled_in(properties.get(member, {}))
            if len(document) > most:
                yield f"{name}: {len(document)} bytes of {member}"
        if kind == "AWS::Lambda::Function":
            variables = filled_in(properties.get("Environment", {}).get("Variables", {}))
            if len(variables) > 4 * 1024:
                yield f"{name}: an environment of {len(variables)} bytes"
    for role, count in attached.items():
        if count > POLICIES_OF_A_ROLE:
            yield f"{role}: {count} managed policies"


def filled_in(value: Any) -> str:
    """A value as AWS sees it, with something of its greatest length for what is known at deployment only."""
    if isinstance(value, dict):
        if value.keys() == {"Ref"}:
            return str(PSEUDO.get(value["Ref"], "x" * 80))
        if value.keys() == {"Fn::GetAtt"}:
            return "x" * 120  # an ARN
        if value.keys() == {"Fn::Join"}:
            return "".join(filled_in(part) for part in value["Fn::Join"][1])
        return "{" + ",".join(f'"{name}":{filled_in(it)}' for name, it in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(filled_in(it) for it in value) + "]"
    return str(value)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_pair_of_settings_makes_a_template_within_the_limits_that_nobody_objects_to(
    synthesise: Synthesise, novelties: audit.Novelties, tmp_path: Path, part: int
) -> None:
    templates = []
    for settings in combinations()[part::PARTS]:
        stage = synthesise(watched=True, **settings)
        assert not list(excesses(stage)), settings
        found = [it for it in audit.found(stage.assembly) if not it.where.startswith(audit.CANARY)]
        assert not found, (found, settings)
        templates.append(stage.template)
    assert templates
    assert not audit.lint_novelties(novelties, tmp_path, templates)


@pytest.fixture(scope="module")
def novelties() -> audit.Novelties:
    """What the linter has seen of the settings before."""
    return audit.Novelties()


@pytest.mark.prove
def test_what_is_wrong_in_a_new_part_of_a_template_is_seen_and_a_stub_is_not_held_against_it(
    stage: Synthesised, tmp_path: Path
) -> None:
    known = audit.Novelties()
    whole, stubs = known.of(stage.template)
    assert (whole["Resources"], stubs) == (stage.template["Resources"], set())
    function, properties = stage.only("AWS::Lambda::Function", named="ClassifyObject")
    wrong = {
        **stage.resources("AWS::Lambda::Function")[function],
        "Properties": {**properties, "MemorySize": 64},
    }
    changed = {**stage.template, "Resources": {**stage.template["Resources"], function: wrong}}
    (said,) = audit.lint_novelties(known, tmp_path, [changed])
    assert f"Resources/{function}/Properties/MemorySize" in said
    part = json.loads((tmp_path / "0.template.json").read_text())["Resources"]
    assert [name for name, it in part.items() if "Properties" in it] == [function]
    assert len(part) > 1, "what the function refers to is there as a stub"


@pytest.fixture(scope="module")
def greatest(synthesise: Synthesise) -> Synthesised:
    """The settings that need the longest policies, in the stage with the longest name."""
    settings = {
        "landing_bucket": LONGEST_BUCKET,
        "landing_bucket_key_arn": KEY_ARN,
        "source_buckets": SEVERAL,
        "inventory_buckets": SEVERAL,
        "vpc": True,
        "ocr": "on",
        "patients": "listed",
        "lane": "express-first",
        "intake_publishers": [ROLE, ACCOUNT],
        **REPLICA,
    }
    return synthesise(stage=LONGEST_NAME, **settings)


def test_ten_sources_in_a_network_stay_within_every_limit(greatest: Synthesised) -> None:
    assert not list(excesses(greatest))
    roles = greatest.resources("AWS::IAM::Role")
    assert any("NormaliseDocument" in name for name in roles)


def test_the_preflight_knows_how_many_functions_reserve_concurrency(greatest: Synthesised) -> None:
    assert len(greatest.resources("AWS::Lambda::Function")) == preflight._FUNCTIONS


def test_an_excess_is_seen(greatest: Synthesised) -> None:
    role = next(it for it in greatest.resources("AWS::IAM::Role") if "NormaliseDocument" in it)
    resources = json.loads(json.dumps(greatest.template["Resources"]))
    resources[role]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/x"] * 10
    bus = next(iter(greatest.resources("AWS::Events::EventBus")))
    resources[bus]["Properties"]["Name"] = "b" * 257
    found = list(excesses(Synthesised({"Resources": resources}, greatest.assembly)))
    assert any(it.startswith(f"{role}: ") and it.endswith("managed policies") for it in found)
    assert any(it.startswith(f"{bus}: a name of") for it in found)
