"""A stage's settings: one frozen value, read from `cdk.json`, checked before anything is built.

May live here: the settings, their defaults and what is allowed. No CDK, no AWS, no environment.
Every refusal is a `ConfigError` whose text is one line: the key, what was found, what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from infrastructure.settings.protection import (
    BUCKET_PREFIX,
    ORGANISATION,
    PERSON,
    PRINCIPAL,
    ProtectionConfig,
)
from infrastructure.settings.retention import ALLOWED, RetentionConfig, read_retention

PROJECT_ROOT = Path(__file__).resolve().parents[2]

# What CloudWatch Logs accepts as RetentionInDays.
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
_PLACE = re.compile(r"[^\s#]{1,300}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# The prefix becomes part of an event pattern's wildcard, where `*` and `\` have a meaning.
_SESSION_PREFIX = re.compile(r"(?:[A-Za-z0-9._-]+/)+")


_Choice = TypeVar("_Choice", bound=StrEnum)


class ConfigError(ValueError):
    """The settings cannot be used; the text is one line for the person who wrote them."""


class Removal(StrEnum):
    """What becomes of buckets, tables, keys and logs when the stack is deleted."""

    RETAIN = "retain"
    DESTROY = "destroy"


class FunctionPlatform(StrEnum):
    """What the function package is built for: Lambda's processors, or the machine that synthesises."""

    ARM64 = "arm64"
    X86_64 = "x86_64"
    HOST = "host"


class Lane(StrEnum):
    """What an upload starts: an execution of the object pipeline, or an Express one that promotes what fails."""

    STANDARD = "standard"
    EXPRESS_FIRST = "express-first"


class ExecutionLogLevel(StrEnum):
    """Which steps of an execution Step Functions writes to its log group (never their data)."""

    ALL = "ALL"
    ERROR = "ERROR"
    OFF = "OFF"


class LogLevel(StrEnum):
    """The functions' log level."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, kw_only=True)
class StageConfig(ProtectionConfig, RetentionConfig):
    """The settings of one stage; the protective ones are in `protection.py`, those about keeping in `retention.py`.

    - `stage`: names the stack (`Carefile-<stage>`), the buses and the state machine.
    - `landing_bucket`: an existing bucket to take uploads from, instead of a new one. It must be versioned
      (an unversioned one works, with weaker history) and **its EventBridge notifications must be on**: the
      stack changes nothing on a bucket it does not own, so its policy and lifecycle rules stay its owner's.
      The upload rule and the functions' permissions refer to it.
    - `landing_bucket_key_arn`: the KMS key of that existing bucket, if it is encrypted with one.
    - `source_buckets`: further existing buckets whose objects a backfill may take in, each with the ARN of its
      KMS key, or null: `{"old-records": null}`. Nothing there starts an intake by itself.
    - `inventory_buckets`: existing buckets that S3 writes inventories into, from which a backfill may read what
      there is; with their KMS keys' ARNs or null, as above.
    - `backfill_concurrency`: how many objects a backfill takes in at once; each runs one function at a time.
    - `processed_in_landing_bucket`: file under `session_prefix` of the landing bucket instead of a bucket of
      its own. The upload rule never matches that prefix, so nothing is taken in twice.
    - `session_prefix`: where the layout begins in the processed bucket.
    - `layout_writers`: ARNs of those who write into the layout beside the pipeline, as an assistant that keeps its
      sessions there. With `null` nobody ever did, the bucket refuses everybody else, and a folder is claimed without a
      look at what others may have left in it. With a list these may, and every claim looks first. **A list stays a list
      when its last name goes**: run `carefile adopt` while it is empty, and only then remove the setting.
    - `removal_policy`: `retain` also protects the tables from deletion. `destroy` deletes what it can: a
      bucket that still holds objects has to be emptied first.
    - `alarm_email`: who is told when an alarm goes off; nobody by default (the topic is there anyway).
    - `unfiled_alarm_minutes`: how long an upload may wait, or a failed one stay unfiled, before an alarm goes off.
    - `silence_alarm_hours`: where uploads are expected round the clock, so many hours without one are an alarm.
    - `event_archive_days`: how long the events of both buses are kept to be replayed; `null` keeps none. They name
      patients.
    - `runbook_url`: where your people read `docs/runbook.md`; every alarm's text and the dashboard lead there.
    - `rules_file`: the classification rule table, relative to the project.
    - `filed_expiry_days`: a landing object expires this long after it was uploaded, if it was filed. Objects
      that were not filed never expire. `null` keeps everything.
    - `lane`: `standard` shows every upload as an execution in the Step Functions console. `express-first` costs a
      sixth, and shows there only what did not go well at the first try (docs/decisions/0009-two-lanes.md).
    - `function_platform`: `arm64` or `x86_64` on AWS (Python 3.14); `host` is this machine and its Python,
      for the embedded AWS.
    - `log_retention_days`, `log_level`: of the functions' logs. At `DEBUG` Lambda's own lines about each call are there
      too.
    - `traced_percent`: of the executions, how many X-Ray follows.
    - `execution_log_level`: of the state machines' logs, which never hold inputs or outputs. `ERROR` logs what failed;
      the console shows every step of every execution anyway, for 90 days. `ALL` keeps a second copy of that, as
      long as logs are kept, at the price of 4.5 USD a million objects.
    """

    stage: str
    landing_bucket: str | None = None
    landing_bucket_key_arn: str | None = None
    source_buckets: Mapping[str, str | None] = field(default_factory=dict)
    inventory_buckets: Mapping[str, str | None] = field(default_factory=dict)
    backfill_concurrency: int = 40
    processed_in_landing_bucket: bool = False
    session_prefix: str = "processed/"
    layout_writers: tuple[str, ...] | None = None
    removal_policy: Removal = Removal.RETAIN
    alarm_email: str | None = None
    unfiled_alarm_minutes: int = 60
    silence_alarm_hours: int | None = None
    event_archive_days: int | None = 30
    runbook_url: str = "docs/runbook.md"
    rules_file: str = "rules/default.json"
    filed_expiry_days: int | None = 90
    lane: Lane = Lane.STANDARD
    function_platform: FunctionPlatform = FunctionPlatform.ARM64
    log_retention_days: int = 365
    log_level: LogLevel = LogLevel.INFO
    traced_percent: int = 1
    execution_log_level: ExecutionLogLevel = ExecutionLogLevel.ERROR

    @property
    def stack_name(self) -> str:
        return f"Carefile-{self.stage}"

    @property
    def layout_reserved(self) -> bool:
        """Whether the processed bucket can refuse other writers: it is the stack's own, and not on the embedded AWS,
        where a policy cannot tell one role from another."""
        not_ours = self.processed_in_landing_bucket and self.landing_bucket is not None
        return not (not_ours or self.embedded)

    @property
    def layout_shared(self) -> bool:
        """Whether others than the pipeline may write into the layout, or once might."""
        return not self.layout_reserved or self.layout_writers is not None

    @property
    def embedded(self) -> bool:
        """For the embedded AWS, which knows no archives or schemas of events, saved queries, alarms on expressions, and
        no GuardDuty."""
        return self.function_platform is FunctionPlatform.HOST

    @property
    def retains(self) -> bool:
        return self.removal_policy is Removal.RETAIN


def load_context(project_root: Path = PROJECT_ROOT) -> dict[str, Any]:
    """The `context` of cdk.json: the stages and the CDK's feature flags.

    The CDK CLI hands it to the app; whoever synthesises without the CLI has to read it.
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
    """The checked settings of the stage that the context selects (`-c stage=…`)."""
    stages = context.get("stages")
    if not isinstance(stages, Mapping) or not stages:
        raise ConfigError('stages: must be an object with one entry a stage, e.g. {"dev": {}}')
    stage = context.get("stage")
    if not isinstance(stage, str) or stage not in stages:
        raise ConfigError(f"stage: {stage!r} is not configured; allowed: {', '.join(sorted(stages))}")
    if not _STAGE_NAME.fullmatch(stage):
        raise ConfigError(
            f"stage: {stage!r} is not allowed; allowed: up to 20 of a-z, 0-9 and '-', a letter first"
        )
    settings = stages[stage]
    if not isinstance(settings, Mapping):
        raise ConfigError(f"stages.{stage}: must be an object of settings")
    return _Reader(f"stages.{stage}", settings).read(stage, project_root)


class _Reader:
    """Takes the settings of one stage apart, remembering where they stand for the error text."""

    def __init__(self, where: str, settings: Mapping[str, Any]) -> None:
        self._where = where
        self._settings = settings

    def read(self, stage: str, project_root: Path) -> StageConfig:
        known = [setting.name for setting in fields(StageConfig) if setting.name != "stage"]
        for key in self._settings:
            if key not in known:
                raise self._error(key, "is no setting", f"one of {', '.join(known)}")
        config = StageConfig(
            stage=stage,
            landing_bucket=self._text("landing_bucket", _BUCKET_NAME, "an S3 bucket's name or null"),
            landing_bucket_key_arn=self._text("landing_bucket_key_arn", _KEY_ARN, "a KMS key's ARN or null"),
            source_buckets=self._buckets("source_buckets"),
            inventory_buckets=self._buckets("inventory_buckets"),
            backfill_concurrency=self._bounded("backfill_concurrency", 1, 10_000),
            processed_in_landing_bucket=self._boolean("processed_in_landing_bucket"),
            session_prefix=self._prefix(),
            layout_writers=self._layout_writers(),
            removal_policy=self._choice("removal_policy", Removal),
            alarm_email=self._text("alarm_email", _EMAIL, "an e-mail address or null"),
            unfiled_alarm_minutes=self._bounded("unfiled_alarm_minutes", 1, 14 * 24 * 60),
            silence_alarm_hours=self._number("silence_alarm_hours", 24, "hours, or null"),
            event_archive_days=self._number("event_archive_days", 3650, "days, or null"),
            runbook_url=self._text("runbook_url", _PLACE, "an address or a path without spaces") or "",
            rules_file=self._rules_file(project_root),
            filed_expiry_days=self._number("filed_expiry_days", 36_500, "days, or null"),
            lane=self._choice("lane", Lane),
            function_platform=self._choice("function_platform", FunctionPlatform),
            log_retention_days=self._log_retention(),
            log_level=self._choice("log_level", LogLevel),
            traced_percent=self._bounded("traced_percent", 1, 100),
            execution_log_level=self._choice("execution_log_level", ExecutionLogLevel),
            **self._protection(),
            **self._retention(),
        )
        if config.landing_bucket_key_arn and not config.landing_bucket:
            raise self._error("landing_bucket_key_arn", "has no bucket", "only together with landing_bucket")
        return config

    def _protection(self) -> dict[str, Any]:
        settings = {
            "vpc": self._boolean("vpc"),
            "backup": self._boolean("backup"),
            "replica_bucket_prefix": self._text(
                "replica_bucket_prefix", BUCKET_PREFIX, "what the names of three buckets begin with, or null"
            ),
            "replica_key_arn": self._text("replica_key_arn", _KEY_ARN, "a KMS key's ARN or null"),
            "reserved_concurrency": self._number("reserved_concurrency", 10_000, "or null"),
            "organization_id": self._text(
                "organization_id", ORGANISATION, "an id like o-a1b2c3d4e5, or null"
            ),
            "intake_publishers": self._principals(
                "intake_publishers", PRINCIPAL, "a list of ARNs of roles, users or account roots"
            ),
            "malware_scan": self._boolean("malware_scan"),
            "quarantine_readers": self._principals(
                "quarantine_readers", PERSON, "a list of ARNs of roles or users"
            ),
        }
        if bool(settings["replica_bucket_prefix"]) != bool(settings["replica_key_arn"]):
            raise self._error(
                "replica_bucket_prefix", "is one of two settings", "only together with replica_key_arn"
            )
        if settings["quarantine_readers"] and not settings["malware_scan"]:
            raise self._error("quarantine_readers", "has no quarantine", "only together with malware_scan")
        if settings["malware_scan"] and self._buckets("source_buckets"):
            # Their verdicts would start intakes, which nothing there may do by itself.
            raise self._error(
                "source_buckets",
                "are not scanned",
                "not together with malware_scan; copy their objects to the landing bucket",
            )
        return settings

    def _retention(self) -> dict[str, Any]:
        rules = read_retention(self._value("retention"))
        if rules is None:
            value = self._value("retention")
            raise self._error("retention", f"{value!r} is not allowed", f"a list of {ALLOWED}, each once")
        locked, days = self._boolean("object_lock"), self._number("locked_days", 36_500, "days, or null")
        if days and not locked:
            raise self._error("locked_days", "has no lock", "only together with object_lock")
        return {"retention": rules, "object_lock": locked, "locked_days": days}

    def _layout_writers(self) -> tuple[str, ...] | None:
        if self._value("layout_writers") is None:
            return None
        allowed = "a list of ARNs of roles, users or account roots, or null"
        return self._principals("layout_writers", PRINCIPAL, allowed)

    def _principals(self, key: str, pattern: re.Pattern[str], allowed: str) -> tuple[str, ...]:
        value = self._value(key)
        if not isinstance(value, list | tuple) or not all(
            isinstance(it, str) and pattern.fullmatch(it) for it in value
        ):
            raise self._error(key, f"{value!r} is not allowed", allowed)
        return tuple(value)

    def _error(self, key: str, problem: str, allowed: str) -> ConfigError:
        return ConfigError(f"{self._where}.{key}: {problem}; allowed: {allowed}")

    def _value(self, key: str) -> Any:
        return self._settings.get(key, getattr(StageConfig, key))

    def _text(self, key: str, pattern: re.Pattern[str], allowed: str) -> str | None:
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self._error(key, f"{value!r} is not allowed", allowed)
        return value

    def _buckets(self, key: str) -> Mapping[str, str | None]:
        buckets = self._settings.get(key, {})
        allowed = 'an object of bucket names with their KMS keys\' ARNs or null, e.g. {"old-records": null}'
        if not isinstance(buckets, Mapping):
            raise self._error(key, f"{buckets!r} is not allowed", allowed)
        for name, arn in buckets.items():
            known = arn is None or (isinstance(arn, str) and _KEY_ARN.fullmatch(arn))
            if not known or not _BUCKET_NAME.fullmatch(name):
                raise self._error(key, f"{name!r}: {arn!r} is not allowed", allowed)
        return dict(buckets)

    def _bounded(self, key: str, least: int, most: int) -> int:
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._error(key, f"{value!r} is not allowed", f"a number from {least} to {most}")
        return value

    def _prefix(self) -> str:
        allowed = "folder names of letters, digits, '.', '_' and '-', each with its '/', e.g. processed/"
        value = self._text("session_prefix", _SESSION_PREFIX, allowed)
        if value is None:
            raise self._error("session_prefix", "None is not allowed", allowed)
        return value

    def _boolean(self, key: str) -> bool:
        value = self._value(key)
        if not isinstance(value, bool):
            raise self._error(key, f"{value!r} is not allowed", "true or false")
        return value

    def _choice(self, key: str, kind: type[_Choice]) -> _Choice:
        value = self._value(key)
        if value not in list(kind):
            raise self._error(key, f"{value!r} is not allowed", ", ".join(kind))
        return kind(value)

    def _number(self, key: str, most: int, words: str) -> int | None:
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self._error(key, f"{value!r} is not allowed", f"1 to {most} {words}")
        return value

    def _log_retention(self) -> int:
        value = self._value("log_retention_days")
        if isinstance(value, bool) or value not in LOG_RETENTION_DAYS:
            raise self._error(
                "log_retention_days", f"{value!r} is not allowed", ", ".join(map(str, LOG_RETENTION_DAYS))
            )
        return int(value)

    def _rules_file(self, project_root: Path) -> str:
        value = self._value("rules_file")
        allowed = "the path of a JSON file inside the project"
        if not isinstance(value, str) or not value:
            raise self._error("rules_file", f"{value!r} is not allowed", allowed)
        path = (project_root / value).resolve()
        if not path.is_relative_to(project_root.resolve()) or not path.is_file():
            raise self._error("rules_file", f"there is no file {value!r}", allowed)
        return value
