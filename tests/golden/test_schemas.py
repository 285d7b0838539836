"""The published schemas: sound, named, and understood alike by two independent validators."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from carefile.core.deciding.rules import RuleTable
from lambdas.adapters import contracts
from lambdas.adapters.settings import ROOT
from tests.golden.instances import SCHEMAS, good, schema, spoilt


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_against_its_metaschema(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    jsonschema_rs.meta.validate(schema(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_says_its_dialect_its_name_and_what_it_is_for(name: str) -> None:
    found = schema(name)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["$id"] == f"urn:carefile:schema:{name}:v{max(contracts.versions(name))}"
    assert found["title"]
    assert found["description"]


def test_every_file_among_the_schemas_is_a_versioned_schema() -> None:
    files = {path.name for path in (ROOT / "schemas").iterdir()}
    assert files == {path.name for name in SCHEMAS for path in contracts.versions(name).values()}
    for name in SCHEMAS:
        assert list(contracts.versions(name)) == [*range(1, len(contracts.versions(name)) + 1)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_both_validators_accept_what_is_made(name: str) -> None:
    slow, fast = Draft202012Validator(schema(name)), jsonschema_rs.Draft202012Validator(schema(name))
    instances = good(name)
    assert instances
    for instance in instances:
        slow.validate(instance)
        fast.validate(instance)


@pytest.mark.parametrize("name", SCHEMAS)
def test_both_validators_agree_on_what_is_spoilt(name: str) -> None:
    slow, fast = Draft202012Validator(schema(name)), jsonschema_rs.Draft202012Validator(schema(name))
    seen, refused = 0, 0
    for instance in (min(good(name), key=lambda data: len(json.dumps(data))), good(name)[-1]):
        for broken in spoilt(instance):
            verdict = fast.is_valid(broken)
            assert slow.is_valid(broken) == verdict, broken
            seen += 1
            refused += not verdict
            if seen >= 700:
                break
    assert refused > seen / 3


@pytest.mark.parametrize(
    "name",
    ["classification", "manifest", "object_cataloged", "object_failed", "object_retired", "object_withdrawn"],
)
def test_what_is_announced_may_miss_no_member_and_hold_no_other(name: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(schema(name))
    optional = {"suggestions", "decision", "warnings", "reading"} if name != "object_retired" else set()
    optional |= {"source", "source_id"} if name == "object_failed" else set()
    for instance in good(name):
        for member in set(instance) - optional:
            left = {key: value for key, value in instance.items() if key != member}
            assert not validator.is_valid(left), member
        assert not validator.is_valid(instance | {"unheard_of": 1})


def test_the_rule_table_names_its_schema_for_editors_and_is_read_the_same_without() -> None:
    file = ROOT / "rules" / "default.json"
    table = json.loads(file.read_bytes())
    assert (file.parent / table["$schema"]).resolve() == ROOT / "schemas" / "rule_table.v1.json"
    bare = {name: value for name, value in table.items() if name != "$schema"}
    assert RuleTable.from_json(bare) == RuleTable.from_json(table)
