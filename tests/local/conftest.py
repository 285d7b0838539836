"""The embedded AWSs these tests run against."""

from __future__ import annotations

from tests.embedded import bare_aws, unmended_aws

__all__ = ["bare_aws", "unmended_aws"]
