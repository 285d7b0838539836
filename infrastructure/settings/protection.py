"""Security options, which cost money or need something outside the stage.

All are off by default; `docs/security-options.md` states what each costs. Like `config.py`: no CDK, no AWS.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProtectionConfig:
    """The security options of one stage; `schemas/stage.v1.json` describes each."""

    permissions_boundary: str | None = None
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
