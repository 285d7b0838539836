"""What a bill needs beside prices: assumptions that nothing counts, and comparable pipelines."""

from __future__ import annotations

from infrastructure.watching.prices import EVENT, S3_READ, S3_WRITE

# The stage's default sampling rule (infrastructure/watching/tracing.py); a test holds the two together.
TRACED = 0.01
LOG_EVENT_OVERHEAD = 26  # what CloudWatch adds to each log event

# Estimated from the public code of comparable systems, at the same prices, for a million small objects.
COMPARABLE = {
    "aws-serverless-data-lake-framework": 226.0,
    "accelerated-intelligent-document-processing-on-aws": 215.0,
    "aws-serverless-data-lake-framework, batched": 97.0,
    "amazon-textract-idp-cdk-constructs": 93.0,
    "cirrus-geo": 73.0,
    "the hand-written Lambda chain this design comes from": 54.0,
}
# One S3 event, one COPY, one HEAD and one PutEvents: the least that files an object and announces it.
FLOOR = EVENT + S3_WRITE + S3_READ + EVENT

# Assumed latency of a call inside a region, in milliseconds. It is a small part of the bill.
LATENCY_MS = {
    "HeadObject": 15,
    "GetObject": 25,
    "GetObjectTagging": 15,
    "PutObject": 30,
    "PutObjectTagging": 25,
    "CopyObject": 60,
}
DYNAMODB_LATENCY_MS = 5
# Recognising a page at 200 dpi on one processor, with what is done to it before and after: `make bench-ocr`.
SECONDS_A_PAGE = 1.5
# Of the functions that see objects, as deployed; tests of the template hold both together.
MEMORY_MB = {
    "ClassifyObject": 256,
    "NormaliseDocument": 512,
    "NormaliseSession": 256,
    "TagObject": 256,
    "IndexCatalog": 256,
    "IndexSessions": 256,
    "ReadPages": 1769,
    "FileReading": 1769,
}
# Lambda gives a function of 1,769 MB one full processor, and other sizes a proportional share.
PROCESSOR_MB = 1769
