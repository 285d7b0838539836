"""What AWS asks for, in us-east-1, in US dollars. The one place with prices: change them here for another region.

Source: the public price pages of each service, on-demand, beyond the free tier, first volume tier.
"""

from __future__ import annotations

AS_OF = "2026-11"
REGION = "us-east-1"
SOURCE = "aws.amazon.com/{s3,step-functions,lambda,dynamodb,eventbridge,cloudwatch,kms,xray,secrets-manager}/pricing"

MILLION = 1_000_000
GB = 1024**3

# By request, of a million.
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

# By time and size.
EXPRESS_GB_SECOND = 0.00001667  # in steps of 100 ms and 64 MB
LAMBDA_GB_SECOND = 0.0000133334  # arm64
ARCHIVE_GB = 0.10  # events that EventBridge archives
ARCHIVE_GB_MONTH = 0.023
LOG_GB = 0.50  # ingested, the functions' and what Step Functions delivers
LOG_GB_MONTH = 0.03
LOG_COMPRESSION = 0.15  # CloudWatch bills what it stores compressed
STORAGE_GB_MONTH = 0.023
TAG_MONTH = 0.0065 / 10_000

# By month, whatever is uploaded.
KEY_MONTH = 1.00
SECRET_MONTH = 0.40
ALARM_MONTH = 0.10  # for each metric that an alarm looks at
DASHBOARD_MONTH = 3.00
METRIC_MONTH = 0.30

# The stage's sampling rule, by default (infrastructure/watching/tracing.py; a test holds the two together).
TRACED = 0.01
LOG_EVENT_OVERHEAD = 26  # what CloudWatch adds to each log event

# Traced from the public code of systems that do something comparable, at the same prices, for a million small objects.
COMPARABLE = {
    "aws-serverless-data-lake-framework": 226.0,
    "accelerated-intelligent-document-processing-on-aws": 215.0,
    "aws-serverless-data-lake-framework, batched": 97.0,
    "amazon-textract-idp-cdk-constructs": 93.0,
    "cirrus-geo": 73.0,
    "the hand-written Lambda chain this design comes from": 54.0,
}
# One S3 event, one COPY, one HEAD and one PutEvents: nothing that files an object and says so does with less.
FLOOR = EVENT + S3_WRITE + S3_READ + EVENT

# What a call takes inside a region, in milliseconds, beside the function's own work: an assumption, and a small one.
LATENCY_MS = {
    "HeadObject": 15,
    "GetObject": 25,
    "GetObjectTagging": 15,
    "PutObject": 30,
    "PutObjectTagging": 25,
    "CopyObject": 60,
}
DYNAMODB_LATENCY_MS = 5
# Lambda gives a function of 1,769 MB one whole processor, and others their share.
PROCESSOR_MB = 1769
