"""A synthesised stage as the tests read it: plain dictionaries, with the few questions that all of them ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Properties = dict[str, Any]


@dataclass(frozen=True)
class Synthesised:
    """One template, and the folder it was synthesised to."""

    template: dict[str, Any]
    assembly: Path = Path()

    @property
    def path(self) -> Path:
        (template,) = self.assembly.glob("Carefile-*.template.json")
        return template

    def resources(self, type_name: str) -> dict[str, dict[str, Any]]:
        found = self.template["Resources"]
        return {name: resource for name, resource in found.items() if resource["Type"] == type_name}

    def properties(self, type_name: str) -> dict[str, Properties]:
        return {name: resource["Properties"] for name, resource in self.resources(type_name).items()}

    def only(self, type_name: str, *, named: str = "") -> tuple[str, Properties]:
        """The one resource of a type, or the one whose logical id contains a word."""
        found = {name: it for name, it in self.properties(type_name).items() if named in name}
        assert len(found) == 1, f"{type_name} {named!r}: {sorted(found)}"
        return next(iter(found.items()))

    def outputs(self) -> dict[str, Any]:
        return {name: output["Value"] for name, output in self.template["Outputs"].items()}

    def function(self, name: str) -> Properties:
        return self.only("AWS::Lambda::Function", named=name)[1]

    def role_statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role, with the logical id of the policy it stands in."""
        for type_name in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
            for name, policy in self.properties(type_name).items():
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement

    def statements_of(self, role: str) -> list[dict[str, Any]]:
        """Every statement of the one role whose logical id contains a word: of its own policy and of shared ones."""
        name, properties = self.only("AWS::IAM::Role", named=role)
        shared = [arn["Ref"] for arn in properties.get("ManagedPolicyArns", ()) if "Ref" in arn]
        own = [
            policy
            for policy, it in self.properties("AWS::IAM::ManagedPolicy").items()
            if {"Ref": name} in it.get("Roles", ())
        ]
        return [it for policy, it in self.role_statements() if policy in (*shared, *own)]

    def resource_statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every policy that a resource carries."""
        for name, resource in self.template["Resources"].items():
            properties = resource.get("Properties", {})
            document = properties.get("KeyPolicy") or (
                properties.get("PolicyDocument") if not resource["Type"].startswith("AWS::IAM::") else None
            )
            if resource["Type"] == "AWS::Events::EventBus":
                document = properties.get("Policy")
            for statement in (document or {}).get("Statement", ()):
                yield name, statement


def listed(value: Any) -> list[Any]:
    """A policy's member that may be one value or a list of them."""
    return value if isinstance(value, list) else [value]
