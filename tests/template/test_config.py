"""The settings: what cdk.json holds is usable, and a mistake is told in one line that names the key."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from infrastructure.settings.config import (
    PROJECT_ROOT,
    ConfigError,
    Corroborated,
    ExecutionLogLevel,
    FunctionPlatform,
    Lane,
    LogLevel,
    Ocr,
    Patients,
    Removal,
    StageConfig,
    load_context,
    stage_config,
)

SCHEMA = json.loads((PROJECT_ROOT / "schemas" / "stage.v1.json").read_bytes())
SETTINGS: dict[str, Any] = SCHEMA["properties"]


def configured(**settings: Any) -> StageConfig:
    return stage_config({"stage": "dev", "stages": {"dev": settings}})


@pytest.mark.parametrize(
    "stage", ["dev", "prod", "local", "local-express", "local-listed", "local-ocr", "local-scanned"]
)
def test_every_stage_of_the_project_is_usable(stage: str) -> None:
    assert stage_config(load_context() | {"stage": stage}).stack_name == f"Carefile-{stage}"


def test_production_keeps_its_data() -> None:
    assert stage_config(load_context() | {"stage": "prod"}).removal_policy is Removal.RETAIN


def test_only_the_local_stages_are_built_for_this_machine() -> None:
    platforms = {
        stage: stage_config(load_context() | {"stage": stage}).function_platform
        for stage in load_context()["stages"]
    }
    assert platforms == {
        "dev": FunctionPlatform.ARM64,
        "prod": FunctionPlatform.ARM64,
        "local": FunctionPlatform.HOST,
        "local-express": FunctionPlatform.HOST,
        "local-ocr": FunctionPlatform.HOST,
        "local-scanned": FunctionPlatform.HOST,
        "local-listed": FunctionPlatform.HOST,
    }


def test_uploads_take_the_standard_lane_unless_the_stage_says_otherwise() -> None:
    assert configured().lane is Lane.STANDARD
    assert configured(lane="express-first").lane is Lane.EXPRESS_FIRST
    with pytest.raises(
        ConfigError, match=r"stages.dev.lane: 'fast' is not allowed; allowed: standard, express-first"
    ):
        configured(lane="fast")


def test_a_stage_without_settings_keeps_its_data_and_files_in_a_bucket_of_its_own() -> None:
    config = configured()
    assert config.retains
    assert config.landing_bucket is None
    assert not config.processed_in_landing_bucket
    assert config.session_prefix == "processed/"


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        configured().stage = "prod"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"removal_policy": "keep"},
            "stages.dev.removal_policy: 'keep' is not allowed; allowed: retain, destroy",
        ),
        ({"landing_bucket": "Not A Bucket"}, "stages.dev.landing_bucket: 'Not A Bucket' is not allowed"),
        (
            {"landing_bucket_key_arn": "alias/x"},
            "stages.dev.landing_bucket_key_arn: 'alias/x' is not allowed",
        ),
        (
            {"landing_bucket_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/k"},
            "stages.dev.landing_bucket_key_arn: has no bucket; allowed: only together with landing_bucket",
        ),
        (
            {"processed_in_landing_bucket": "yes"},
            "stages.dev.processed_in_landing_bucket: 'yes' is not allowed",
        ),
        ({"session_prefix": "processed"}, "stages.dev.session_prefix: 'processed' is not allowed"),
        ({"session_prefix": "*/"}, "stages.dev.session_prefix: '*/' is not allowed"),
        ({"session_prefix": ""}, "stages.dev.session_prefix: '' is not allowed"),
        ({"session_prefix": None}, "stages.dev.session_prefix: None is not allowed"),
        (
            {"session_prefix": "processed/\n"},
            "stages.dev.session_prefix: 'processed/\\n' is not allowed; allowed: folder names",
        ),
        (
            {"source_buckets": {"old-records": None, "old": "alias/x"}},
            "stages.dev.source_buckets: 'old': 'alias/x' is not allowed; allowed: an object of up to ten bucket names",
        ),
        (
            {"inventory_buckets": {"Old Records": None}},
            "stages.dev.inventory_buckets: 'Old Records': None is not allowed; allowed: an object of",
        ),
        ({"inventory_buckets": ["inventories"]}, "stages.dev.inventory_buckets: ['inventories'] is not"),
        ({"landing_bucket": {"name": "x"}}, "stages.dev.landing_bucket: {'name': 'x'} is not allowed"),
        ({"log_retention_days": 30.0}, "stages.dev.log_retention_days: 30.0 is not allowed; allowed: 1, 3"),
        ({"traced_percent": 5.0}, "stages.dev.traced_percent: 5.0 is not allowed"),
        ({"rules_file": "rules/\0.json"}, "stages.dev.rules_file: 'rules/\\x00.json' is not allowed"),
        (
            {"replica_key_arn": "arn:aws:kms:eu-central-1:111122223333:key/k"},
            "stages.dev.replica_key_arn: is one of two settings; allowed: only together with replica_bucket",
        ),
        ({"alarm_email": "somebody"}, "stages.dev.alarm_email: 'somebody' is not allowed"),
        ({"rules_file": "rules/absent.json"}, "stages.dev.rules_file: no such file 'rules/absent.json'"),
        ({"rules_file": "../elsewhere.json"}, "stages.dev.rules_file: no such file '../elsewhere.json'"),
        ({"rules_file": 1}, "stages.dev.rules_file: 1 is not allowed"),
        (
            {"filed_expiry_days": 0},
            "stages.dev.filed_expiry_days: 0 is not allowed; allowed: 1 to 36500 days",
        ),
        ({"filed_expiry_days": True}, "stages.dev.filed_expiry_days: True is not allowed"),
        ({"function_platform": "riscv"}, "allowed: arm64, x86_64, host"),
        ({"log_retention_days": 31}, "stages.dev.log_retention_days: 31 is not allowed; allowed: 1, 3, 5, 7"),
        ({"log_level": "loud"}, "stages.dev.log_level: 'loud' is not allowed; allowed: DEBUG, INFO"),
        ({"execution_log_level": "some"}, "allowed: ALL, ERROR, OFF"),
        (
            {"traced_percent": 0},
            "stages.dev.traced_percent: 0 is not allowed; allowed: a number from 1 to 100",
        ),
        (
            {"layout_writers": ["*"]},
            "stages.dev.layout_writers: ['*'] is not allowed; allowed: a list of ARNs",
        ),
        ({"alarm_emial": "a@b.c"}, "stages.dev.alarm_emial: not a setting; allowed: one of "),
        (
            {"retention": [{"kind": "session"}]},
            "stages.dev.retention: [{'kind': 'session'}] is not allowed; allowed: a list of {\"kind\"",
        ),
        ({"retention": [{"kind": "manifest", "expire_days": 1}]}, "stages.dev.retention: "),
        ({"retention": [{"kind": "session", "expire_days": 0}]}, "stages.dev.retention: "),
        ({"retention": [{"kind": "session", "days": 5}]}, "stages.dev.retention: "),
        (
            {
                "retention": [
                    {"kind": "session", "expire_days": 5},
                    {"kind": "session", "patient_status": "known", "expire_days": 9},
                ]
            },
            "each once",
        ),
        ({"locked_days": 5}, "stages.dev.locked_days: has no lock; allowed: only together with object_lock"),
        ({"vpc": "yes"}, "stages.dev.vpc: 'yes' is not allowed; allowed: true or false"),
        ({"replica_bucket_prefix": "B"}, "stages.dev.replica_bucket_prefix: 'B' is not allowed"),
        (
            {"replica_bucket_prefix": "b-c"},
            "is one of two settings; allowed: only together with replica_key_arn",
        ),
        (
            {"reserved_concurrency": 0},
            "stages.dev.reserved_concurrency: 0 is not allowed; allowed: 1 to 10000 or null",
        ),
        ({"organization_id": "clinic"}, "stages.dev.organization_id: 'clinic' is not allowed"),
        ({"write_once_prefixes": "uploads/"}, "allowed: a list of prefixes"),
        ({"write_once_prefixes": ["uploads"]}, "allowed: a list of prefixes"),
        ({"write_once_prefixes": ["processed/"]}, "overlap the layout"),
        ({"write_once_prefixes": ["a/"], "landing_bucket": "others"}, "not this stack's own"),
        ({"intake_publishers": ["*"]}, "stages.dev.intake_publishers: ['*'] is not allowed"),
        ({"intake_publishers": "arn:aws:iam::111122223333:root"}, "allowed: a list of ARNs"),
        ({"malware_scan": "on"}, "stages.dev.malware_scan: 'on' is not allowed; allowed: true or false"),
        (
            {"malware_scan": True, "quarantine_readers": ["arn:aws:iam::111122223333:root"]},
            "is not allowed; allowed: a list of ARNs of roles or users",
        ),
        (
            {"corroborated": "decide"},
            "stages.dev.corroborated: decides for listed patients only; allowed: only together with patients: listed",
        ),
        (
            {"quarantine_readers": ["arn:aws:iam::111122223333:role/forensics"]},
            "stages.dev.quarantine_readers: has no quarantine; allowed: only together with malware_scan",
        ),
        (
            {"malware_scan": True, "source_buckets": {"old-records": None}},
            "stages.dev.source_buckets: are not scanned; allowed: not together with malware_scan",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_that_names_the_key(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        configured(**settings)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({}, "stages: must be an object"),
        ({"stages": []}, "stages: must be an object"),
        ({"stages": {"dev": {}}}, "stage: None is not configured; allowed: dev"),
        (
            {"stage": "prd", "stages": {"dev": {}, "prod": {}}},
            "stage: 'prd' is not configured; allowed: dev, prod",
        ),
        ({"stage": "Dev", "stages": {"Dev": {}}}, "stage: 'Dev' is not allowed"),
        ({"stage": "dev", "stages": {"dev": []}}, "stages.dev: must be an object of settings"),
        ({"stage": ["dev"], "stages": {"dev": {}}}, "stage: ['dev'] is not configured; allowed: dev"),
    ],
)
def test_a_stage_that_is_not_there_is_told_with_those_that_are(context: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        stage_config(context)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cdk.json: not found"),
        ("{", "cdk.json: not valid JSON (line 1"),
        ("{}", "cdk.json: 'context' must"),
    ],
)
def test_a_cdk_json_that_cannot_be_read_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "cdk.json").write_text(text)
    with pytest.raises(ConfigError, match=r"^cdk\.json") as refused:
        load_context(tmp_path)
    assert told in str(refused.value)


def test_the_context_holds_the_feature_flags_of_the_cdk() -> None:
    context = load_context(PROJECT_ROOT)
    assert context["@aws-cdk/aws-iam:minimizePolicies"] is True
    assert context["@aws-cdk/aws-lambda:createNewPoliciesWithAddToRolePolicy"] is False


def test_the_schema_knows_every_setting_with_its_default() -> None:
    own = {it.name: it for it in dataclasses.fields(StageConfig) if it.name != "stage"}
    assert SETTINGS.keys() == own.keys()
    told = {name: schema["default"] for name, schema in SETTINGS.items()}
    assert dataclasses.asdict(configured()) == dataclasses.asdict(configured(**told))
    assert all(len(schema["description"]) > 20 for schema in SETTINGS.values())


def test_the_schema_and_the_code_know_the_same_choices() -> None:
    choices = {
        "removal_policy": Removal,
        "lane": Lane,
        "patients": Patients,
        "corroborated": Corroborated,
        "ocr": Ocr,
        "function_platform": FunctionPlatform,
        "log_level": LogLevel,
        "execution_log_level": ExecutionLogLevel,
    }
    for name, kind in choices.items():
        assert SETTINGS[name]["enum"] == list(kind)
    assert choices.keys() == {
        name for name, schema in SETTINGS.items() if isinstance(schema.get("enum", [0])[0], str)
    }


ODD = (None, True, False, 0, -1, 1.5, 10**9, "", "x\ny", " ", "*", "é", [], [None], ["*"], {}, {"a": 1})


def refusal(**settings: Any) -> str | None:
    try:
        configured(**settings)
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", SETTINGS)
def test_whatever_is_refused_is_told_in_one_line_of_one_form(name: str) -> None:
    refused = [told for value in ODD if (told := refusal(**{name: value}))]
    assert len(refused) > len(ODD) / 2
    for told in refused:
        assert re.fullmatch(rf"stages\.dev\.{name}: [^\n]+; allowed: [^\n]+", told)


def mistakes_in(document: Any) -> Iterator[str]:
    """What an editor marks in cdk.json, by the schema that the file names."""
    path = PROJECT_ROOT / json.loads((PROJECT_ROOT / "cdk.json").read_bytes())["$schema"]
    stage = Resource.from_contents(SCHEMA)
    registry = Registry().with_resources([("../schemas/stage.v1.json", stage)])
    for error in Draft202012Validator(json.loads(path.read_bytes()), registry=registry).iter_errors(document):
        yield "/".join(map(str, error.absolute_path))


def test_editors_find_the_settings_by_the_schema_that_cdk_json_names() -> None:
    document = json.loads((PROJECT_ROOT / "cdk.json").read_bytes())
    assert (PROJECT_ROOT / "infrastructure" / "../schemas/stage.v1.json").is_file()
    assert list(mistakes_in(document)) == []
    document["context"]["stages"]["dev"] |= {"lane": "fast", "alarm_emial": "a@b.c"}
    document["context"]["stages"]["Prod"] = {}
    assert list(mistakes_in(document)) == [
        "context/stages",
        "context/stages/dev",
        "context/stages/dev/lane",
    ]
