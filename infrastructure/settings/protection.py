"""The settings that make a stage safer and cost money or need something outside of it.

All are off unless a stage turns them on; `docs/security-options.md` says what each of them costs.

May live here: the settings and their defaults. Like `config.py`, no CDK and no AWS.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProtectionConfig:
    """The protective settings of one stage; `schemas/stage.v1.json` describes each."""

    vpc: bool = False
    backup: bool = False
    replica_bucket_prefix: str | None = None
    replica_key_arn: str | None = None
    reserved_concurrency: int | None = None
    organization_id: str | None = None
    intake_publishers: tuple[str, ...] = ()
    write_once_prefixes: tuple[str, ...] = ()
    malware_scan: bool = False
    quarantine_readers: tuple[str, ...] = ()
