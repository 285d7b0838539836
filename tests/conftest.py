"""What all tests share: an environment in which the functions can be imported, and no credentials of anybody's."""

from __future__ import annotations

import os

FUNCTION_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "carefile-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Carefile",
    "LANDING_BUCKETS": "landing",
    "PROCESSED_BUCKET": "processed-bucket",
    "SESSION_PREFIX": "processed/",
    "LEDGER_TABLE": "ledger",
    "CATALOG_TABLE": "catalog",
    "CATALOG_BUS": "catalog-bus",
    "PSEUDONYM_SECRET_ARN": "pseudonym-key",
    "LOG_LEVEL": "INFO",
}

os.environ.update(FUNCTION_ENVIRONMENT)
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)
