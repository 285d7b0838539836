"""AWS list prices in us-east-1, in US dollars: the one place with prices. Change them here for another region.

The dashboard and `make cost` both read them. Source: the public price page of each service, on demand, beyond the free
tier, first volume tier.
"""

from __future__ import annotations

AS_OF = "2026-11"
REGION = "us-east-1"
SOURCE = "aws.amazon.com/{s3,step-functions,lambda,dynamodb,eventbridge,cloudwatch,kms,xray,secrets-manager}/pricing"

MILLION = 1_000_000
GB = 1024**3

# A million requests.
S3_WRITE = 5.00  # PUT, COPY, POST, LIST; tagging requests are priced as any PUT or GET
S3_READ = 0.40  # GET, HEAD
DYNAMODB_WRITE_UNIT = 0.625  # a kilobyte, on demand
DYNAMODB_READ_UNIT = 0.125  # 4 kB, strongly consistent
EVENT = 1.00  # S3's events on EventBridge, and PutEvents, for 64 kB each; delivery in the account is free
STATE_TRANSITION = 25.00  # Standard
EXPRESS_REQUEST = 1.00
INVOCATION = 0.20
KMS_REQUEST = 3.00
TRACE = 5.00
SECRET_READ = 5.00

# Time and size.
EXPRESS_GB_SECOND = 0.00001667  # in steps of 100 ms and 64 MB
LAMBDA_GB_SECOND = 0.0000133334  # arm64
ARCHIVE_GB = 0.10  # events that EventBridge archives
ARCHIVE_GB_MONTH = 0.023
LOG_GB = 0.50  # ingested, the functions' and what Step Functions delivers
LOG_GB_MONTH = 0.03
LOG_COMPRESSION = 0.15  # CloudWatch bills what it stores compressed
STORAGE_GB_MONTH = 0.023
TAG_MONTH = 0.0065 / 10_000

# A month, whatever is uploaded.
KEY_MONTH = 1.00
SECRET_MONTH = 0.40
ALARM_MONTH = 0.10  # for each metric that an alarm watches
DASHBOARD_MONTH = 3.00
METRIC_MONTH = 0.30
