"""The settings of a stage: a frozen value, read from `cdk.json` and validated before anything is built.

This module holds the settings, their defaults and the rules between settings; `schemas/stage.v1.json` describes each
setting and its allowed values. No CDK, no AWS, no environment.
Every refusal is a `ConfigError` of one line: the key, what was found, what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from infrastructure.settings.protection import ProtectionConfig
from infrastructure.settings.retention import Retention, RetentionConfig, overlap

PROJECT_ROOT = Path(__file__).resolve().parents[2]

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


class ConfigError(ValueError):
    """The settings are invalid; the message is one line for their author."""


class Removal(StrEnum):
    """What happens to buckets, tables, keys and logs when the stack is deleted."""

    RETAIN = "retain"
    DESTROY = "destroy"


class FunctionPlatform(StrEnum):
    """The platform of the function package: a Lambda architecture, or the host that synthesises."""

    ARM64 = "arm64"
    X86_64 = "x86_64"
    HOST = "host"


class Lane(StrEnum):
    """What an upload starts: an execution of the object pipeline, or an Express one that promotes failures."""

    STANDARD = "standard"
    EXPRESS_FIRST = "express-first"


class Patients(StrEnum):
    """Who is a known patient: whom a convention names, or whom the patient directory lists."""

    OPEN = "open"
    LISTED = "listed"


class Corroborated(StrEnum):
    """What an id in free text means where the listed patient's name and birth date stand there too."""

    SUGGEST = "suggest"
    DECIDE = "decide"


class ExecutionLogLevel(StrEnum):
    """Which steps of an execution Step Functions logs (never their data)."""

    ALL = "ALL"
    ERROR = "ERROR"
    OFF = "OFF"


_PACKAGED_LANGUAGE = "eng"


class Ocr(StrEnum):
    """Whether pages that are pictures are read."""

    OFF = "off"
    ON = "on"


class LogLevel(StrEnum):
    """The functions' log level."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, kw_only=True)
class StageConfig(ProtectionConfig, RetentionConfig):
    """The settings of one stage; its name is part of the names of the stack, the buses and the state machines.

    Security options are in `protection.py`, retention in `retention.py`.
    """

    stage: str
    landing_bucket: str | None = None
    landing_bucket_key_arn: str | None = None
    source_buckets: Mapping[str, str | None] = field(default_factory=dict)
    inventory_buckets: Mapping[str, str | None] = field(default_factory=dict)
    backfill_concurrency: int = 5
    session_followers: int = 1
    processed_in_landing_bucket: bool = False
    session_prefix: str = "processed/"
    layout_writers: tuple[str, ...] | None = None
    removal_policy: Removal = Removal.RETAIN
    bootstrap_qualifier: str = "hnb659fds"
    alarm_email: str | None = None
    unfiled_alarm_minutes: int = 60
    silence_alarm_hours: int | None = None
    event_archive_days: int | None = 30
    runbook_url: str = "docs/runbook.md"
    rules_file: str = "rules/default.json"
    ocr: Ocr = Ocr.OFF
    ocr_languages: tuple[str, ...] = (_PACKAGED_LANGUAGE,)
    trained_data: str | None = None
    filed_expiry_days: int | None = 90
    lane: Lane = Lane.STANDARD
    patients: Patients = Patients.OPEN
    corroborated: Corroborated = Corroborated.SUGGEST
    function_platform: FunctionPlatform = FunctionPlatform.ARM64
    log_retention_days: int = 365
    log_level: LogLevel = LogLevel.INFO
    traced_percent: int = 1
    execution_log_level: ExecutionLogLevel = ExecutionLogLevel.ERROR

    @property
    def stack_name(self) -> str:
        return f"Carefile-{self.stage}"

    @property
    def reads_scans(self) -> bool:
        return self.ocr is Ocr.ON

    @property
    def trained_data_files(self) -> tuple[Path, ...]:
        """The files of languages that do not come with the package."""
        folder = Path(self.trained_data or ".")
        return tuple(folder / f"{it}.traineddata" for it in self.ocr_languages if it != _PACKAGED_LANGUAGE)

    @property
    def layout_reserved(self) -> bool:
        """Whether the processed bucket can refuse other writers.

        It must be the stack's own, and not on the embedded AWS, where a policy cannot distinguish roles.
        """
        not_ours = self.processed_in_landing_bucket and self.landing_bucket is not None
        return not (not_ours or self.embedded)

    @property
    def layout_shared(self) -> bool:
        """Whether others than the pipeline may write, or may have written, into the layout."""
        return not self.layout_reserved or self.layout_writers is not None

    @property
    def embedded(self) -> bool:
        """Whether the stage is for the embedded AWS.

        It has no event archives, schema registry, saved queries, alarms on expressions or GuardDuty.
        """
        return self.function_platform is FunctionPlatform.HOST

    @property
    def retains(self) -> bool:
        return self.removal_policy is Removal.RETAIN


def load_context(project_root: Path = PROJECT_ROOT) -> dict[str, Any]:
    """Load the `context` of cdk.json: the stages and the CDK's feature flags.

    The CDK CLI passes it to the app; synthesis without the CLI has to load it.
    """
    path = project_root / "cdk.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path.name}: not found in {project_root}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path.name}: not valid JSON (line {error.lineno}: {error.msg})") from None
    context = document.get("context")
    if not isinstance(context, dict):
        raise ConfigError(f"{path.name}: 'context' must be an object with 'stage' and 'stages'")
    return context


def stage_config(context: Mapping[str, Any], *, project_root: Path = PROJECT_ROOT) -> StageConfig:
    """Validate and return the settings of the selected stage (`-c stage=…`)."""
    stages = context.get("stages")
    if not isinstance(stages, Mapping) or not stages:
        raise ConfigError('stages: must be an object with one entry per stage, e.g. {"dev": {}}')
    stage = context.get("stage")
    if not isinstance(stage, str) or stage not in stages:
        raise ConfigError(f"stage: {stage!r} is not configured; allowed: {', '.join(sorted(stages))}")
    if not _STAGE_NAME.fullmatch(stage):
        raise ConfigError(
            f"stage: {stage!r} is not allowed; allowed: up to 20 of a-z, 0-9 and '-', a letter first"
        )
    settings = stages[stage]
    if not isinstance(settings, dict):
        raise ConfigError(f"stages.{stage}: must be an object of settings")
    if refusal := _refusal(settings, project_root):
        raise ConfigError(f"stages.{stage}.{refusal}")
    return StageConfig(
        stage=stage,
        **{key: _TYPED[key](value) if key in _TYPED else value for key, value in settings.items()},
    )


def _many(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


_TYPED: Mapping[str, Callable[[Any], Any]] = {
    "layout_writers": _many,
    "intake_publishers": _many,
    "write_once_prefixes": _many,
    "quarantine_readers": _many,
    "removal_policy": Removal,
    "runbook_url": lambda address: address or "",
    "lane": Lane,
    "patients": Patients,
    "corroborated": Corroborated,
    "ocr": Ocr,
    "ocr_languages": tuple,
    "function_platform": FunctionPlatform,
    "log_level": LogLevel,
    "execution_log_level": ExecutionLogLevel,
    "retention": lambda rules: tuple(Retention(**rule) for rule in rules),
}
# Settings that mean nothing without another, and the problem to report.
_TOGETHER = (
    ("landing_bucket_key_arn", "landing_bucket", "has no bucket"),
    ("replica_bucket_prefix", "replica_key_arn", "is one of two settings"),
    ("replica_key_arn", "replica_bucket_prefix", "is one of two settings"),
    ("quarantine_readers", "malware_scan", "has no quarantine"),
    ("locked_days", "object_lock", "has no lock"),
)


def _refusal(settings: dict[str, Any], project_root: Path) -> str | None:
    """Describe the first mistake in one line: the key, what was found, what is allowed."""
    for error in _validator().iter_errors(settings):
        return _line(settings, error)
    for key, other, problem in _TOGETHER:
        if settings.get(key) and not settings.get(other):
            return f"{key}: {problem}; allowed: only together with {other}"
    if settings.get("corroborated") == Corroborated.DECIDE and settings.get("patients") != Patients.LISTED:
        return "corroborated: decides for listed patients only; allowed: only together with patients: listed"
    if settings.get("malware_scan") and settings.get("source_buckets"):
        # Their verdicts would start intakes, but nothing in a source bucket may start one by itself.
        allowed = "not together with malware_scan; copy their objects to the landing bucket"
        return f"source_buckets: are not scanned; allowed: {allowed}"
    once, layout = (
        settings.get("write_once_prefixes", ()),
        settings.get("session_prefix", StageConfig.session_prefix),
    )
    if once and settings.get("landing_bucket"):
        return f"write_once_prefixes: the bucket is not this stack's own; {_allowed('write_once_prefixes')}"
    if any(layout.startswith(prefix) or prefix.startswith(layout) for prefix in once):
        return (
            f"write_once_prefixes: overlap the layout, which is rewritten; {_allowed('write_once_prefixes')}"
        )
    for language in settings.get("ocr_languages", ()):
        folder = settings.get("trained_data")
        if language != _PACKAGED_LANGUAGE and not (
            folder and Path(folder, f"{language}.traineddata").is_file()
        ):
            return f"ocr_languages: no trained data for {language!r}; allowed: names of files in trained_data"
    if overlap(retention := settings.get("retention", [])):
        return f"retention: {retention!r} is not allowed; {_allowed('retention')}"
    file = settings.get("rules_file", StageConfig.rules_file)
    path = (project_root / file).resolve()
    if not path.is_relative_to(project_root.resolve()) or not path.is_file():
        return f"rules_file: no such file {file!r}; {_allowed('rules_file')}"
    return None


def _line(settings: dict[str, Any], error: ValidationError) -> str:
    known = _schema()["properties"]
    if not error.absolute_path:
        unknown = next(key for key in settings if key not in known)
        return f"{unknown}: not a setting; allowed: one of {', '.join(known)}"
    key = str(error.absolute_path[0])
    found = repr(settings[key])
    names_a_bucket = "propertyNames" in error.absolute_schema_path
    within = [error.instance] if names_a_bucket else [*error.absolute_path][1:]
    if within and isinstance(settings[key], dict):
        found = f"{within[0]!r}: {settings[key][within[0]]!r}"
    return f"{key}: {found} is not allowed; {_allowed(key)}"


def _allowed(key: str) -> str:
    schema = _schema()["properties"][key]
    either = map(str, schema.get("enum", ("true or false",)))
    return str(schema.get("errorMessage") or f"allowed: {', '.join(either)}")


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PROJECT_ROOT / "schemas" / "stage.v1.json").read_bytes())
    return schema


@cache
def _validator() -> Any:
    """A validator stricter than the default: 1.0 is not an integer, and patterns must match the whole string."""

    def pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not re.fullmatch(pattern, instance):
            yield ValidationError("does not match")

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, it: type(it) is int)
    strict = validators.extend(Draft202012Validator, {"pattern": pattern}, type_checker=types)
    return strict(_schema())
