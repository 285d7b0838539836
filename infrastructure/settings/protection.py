"""The settings that make a stage safer and cost money or need something outside of it: what they are, and what is
allowed. All are off unless a stage turns them on; `docs/security-options.md` says what each of them costs.

May live here: the settings and their defaults. Like `config.py`, no CDK and no AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BUCKET_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
ORGANISATION = re.compile(r"o-[a-z0-9]{10,32}")
PERSON = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:(?:role|user)/[\w+=,.@/-]+", re.ASCII)
PRINCIPAL = re.compile(rf"{PERSON.pattern}|arn:[a-z-]+:iam::[0-9]{{12}}:root", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ProtectionConfig:
    """The protective settings of one stage.

    - `vpc`: the functions run in a network of their own that has no way to the internet, only endpoints of the
      services they use.
    - `backup`: AWS Backup keeps copies of the tables, beside their own point-in-time recovery.
    - `replica_bucket_prefix`: S3 copies every object to buckets in another region, which exist already and are
      versioned: `<prefix>-landing`, `<prefix>-processed` and `<prefix>-access-logs`.
    - `replica_key_arn`: the KMS key in that region under which the copies of records lie.
    - `reserved_concurrency`: how many of each function may run at once; so many are kept free for it, too. The
      account has to have them: AWS keeps 100 unreserved.
    - `organization_id`: the buckets answer to principals of this AWS organisation only.
    - `intake_publishers`: ARNs of those who may publish on the intake bus; by default the account's own, as far as
      their own policies let them.
    - `malware_scan`: GuardDuty Malware Protection scans what arrives, and nothing is filed that it did not find clean.
      Of a landing bucket that is not the stack's own, its owner turns the protection on.
    - `quarantine_readers`: ARNs of roles or users who may read what holds a threat, beside the stack's own roles.
    """

    vpc: bool = False
    backup: bool = False
    replica_bucket_prefix: str | None = None
    replica_key_arn: str | None = None
    reserved_concurrency: int | None = None
    organization_id: str | None = None
    intake_publishers: tuple[str, ...] = ()
    malware_scan: bool = False
    quarantine_readers: tuple[str, ...] = ()
