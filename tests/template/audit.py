"""What the rule packs find in a stage: cdk-nag's three, the CDK's own validation, cfn-lint and checkov.

A pack that finds nothing leaves no trace in the CDK's report, and neither does one that did not run. So beside the
stage stands a canary, a stack of one resource that breaks a rule of each pack: a pack that misses it has not looked.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrastructure.settings.config import PROJECT_ROOT

# The CDK takes seconds to load: only in the process that needs it, not in each that collects these tests.
if TYPE_CHECKING:
    from aws_cdk import App

PACKS = {
    "AwsSolutions": "AwsSolutionsChecks",
    "HIPAA.Security": "HIPAASecurityChecks",
    "NIST.800.53.R5": "NIST80053R5Checks",
}
CANARY = "Canary"
# Checkov pins what others need otherwise, so it lives apart; `make test` installs it.
CHECKOV = PROJECT_ROOT / ".venv-checkov" / "bin" / "checkov"


@dataclass(frozen=True)
class Finding:
    """What one pack says of one resource."""

    pack: str
    rule: str
    where: str


@dataclass(frozen=True)
class Accepted:
    """What the template says was accepted on one resource."""

    resource: str
    rules: tuple[str, ...]
    reason: str


def watch(app: App) -> None:
    """Have the packs look at the app as it is synthesised, and give them something to find."""
    import cdk_nag
    from aws_cdk import Stack, Validations
    from aws_cdk import aws_s3 as s3

    Validations.of(app).add_plugins(*(getattr(cdk_nag, pack)(app) for pack in PACKS.values()))
    s3.CfnBucket(Stack(app, CANARY), "Bucket")


def found(assembly: Path) -> list[Finding]:
    """What the packs found, as the CDK reports it."""
    report = json.loads((assembly / "validation-report.json").read_text())
    return [
        Finding(pack["pluginName"], violation["ruleName"], construct["constructPath"])
        for pack in report["pluginReports"]
        for violation in pack["violations"]
        for construct in violation["violatingConstructs"]
    ]


def accepted(template: dict[str, Any]) -> Iterable[Accepted]:
    from infrastructure.protection.accepted import METADATA

    for name, resource in template["Resources"].items():
        for entry in resource.get("Metadata", {}).get(METADATA, ()):
            yield Accepted(name, tuple(entry["rules"]), entry["reason"])


def tool_of(rule: str) -> str:
    """Whose rule it is."""
    from infrastructure.protection.accepted import LINTED

    return "checkov" if rule.startswith("CKV") else "cfn-lint" if LINTED.fullmatch(rule) else "cdk-nag"


def acknowledged(assembly: Path) -> set[tuple[str, str]]:
    """Resources with the rules that cdk-nag was told to leave there; what is no resource goes by its path."""
    from aws_cdk import Validations

    recorded = json.loads((assembly / "Carefile-test.metadata.json").read_text())
    pairs = set()
    for path, entries in recorded.items():
        ids = [entry["data"] for entry in entries if entry["type"] == "aws:cdk:logicalId"]
        for entry in entries:
            if entry["type"] == Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                rules = (re.sub("^annotation::", "", rule, flags=re.IGNORECASE) for rule in entry["data"])
                # The CDK acknowledges some of its own validation for itself.
                pairs |= {(ids[0] if ids else path, it) for it in rules if it.startswith(tuple(PACKS))}
    return pairs


def cfn_lint(*templates: Path) -> str:
    """Every line that cfn-lint says; nothing where it finds nothing."""
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run(
        [str(linter), "--regions", "eu-west-1", "--", *map(str, templates)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout + done.stderr


class Novelties:
    """What of many templates cfn-lint has not seen yet: linting each of a hundred stages whole takes an hour, although
    they share most of their resources.

    Of a further template what is new is kept as it stands. What that refers to is kept as a stub, of its type only, and
    what the linter says of a stub counts for nothing.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def of(self, template: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """The part of a template that is new, and the names of its stubs."""
        resources = template["Resources"]
        new = {}
        for name, resource in resources.items():
            text = json.dumps([name, resource], sort_keys=True)
            if text not in self._seen:
                self._seen.add(text)
                new[name] = resource
        outputs = template.get("Outputs", {})
        named = set(_named([*new.values(), outputs]))
        stubs = (named & resources.keys()) - new.keys()
        part = {
            **{name: it for name, it in template.items() if name not in ("Resources", "Parameters", "Rules")},
            "Parameters": {name: it for name, it in template.get("Parameters", {}).items() if name in named},
            "Resources": {**new, **{name: {"Type": resources[name]["Type"]} for name in stubs}},
        }
        return part, stubs


def _named(part: Any) -> Iterable[str]:
    """Every name that a part of a template refers to, and more that look like one."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("Ref", "DependsOn") and isinstance(value, str):
                yield value
            elif key == "DependsOn":
                yield from value
            elif key == "Fn::GetAtt":
                yield value[0] if isinstance(value, list) else value.partition(".")[0]
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{(\w+)", json.dumps(value))
            yield from _named(value)
    elif isinstance(part, list):
        for it in part:
            yield from _named(it)


def lint_novelties(novelties: Novelties, folder: Path, templates: Iterable[dict[str, Any]]) -> list[str]:
    """What cfn-lint says of the new parts of templates, written to this folder."""
    stubs, files = {}, []
    for number, template in enumerate(templates):
        part, stubs[str(number)] = novelties.of(template)
        files.append(folder / f"{number}.template.json")
        files[-1].write_text(json.dumps(part))
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run(
        [str(linter), "--regions", "eu-west-1", "--format", "json", "--", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert not done.stderr, done.stderr
    says = []
    for match in json.loads(done.stdout or "[]"):
        where = match["Location"]["Path"] or []
        number = Path(match["Filename"]).name.partition(".")[0]
        if not (len(where) > 1 and where[0] == "Resources" and where[1] in stubs[number]):
            says.append(
                f"{match['Rule']['Id']} {match['Message']} at {'/'.join(map(str, where))} of {number}"
            )
    return says


def checkov(*templates: Path) -> list[dict[str, Any]]:
    """Checkov's own report on each template."""
    assert CHECKOV.exists(), "checkov is not installed: make .venv-checkov/.ready"
    files = [argument for template in templates for argument in ("--file", str(template))]
    command = [
        str(CHECKOV),
        "--skip-download",
        "--framework",
        "cloudformation",
        "--compact",
        "--output",
        "json",
    ]
    done = subprocess.run(
        [*command, *files],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(templates[0].parent), "BC_SKIP_MAPPING": "TRUE"},
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return report if isinstance(report, list) else [report]
