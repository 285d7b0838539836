"""The names of AWS's errors and operations, as far as the functions meet them: what each means here, and all that a
log line may say of them. A name that is not here is masked in the log; the execution's cause has it."""

from __future__ import annotations

# The service was busy or failing: a retry may help.
TRANSIENT = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "InternalServerError",
        "RequestTimeout",
        "RequestTimeoutException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "RequestTimeTooSkewed",
        "TransactionInProgressException",
        "ConditionalRequestConflict",
        "OperationAborted",
        "KMS.ThrottlingException",
        "500",
        "502",
        "503",
        "504",
    }
)
# A role, a bucket policy or a key policy stood in the way.
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "403",
        "Forbidden",
        "KMS.DisabledException",
        "KMS.NotFoundException",
        "KMS.KMSInvalidStateException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
    }
)
# The object is in an archive, as GetObject and CopyObject say. The status is 403, though nobody lacks a permission.
ARCHIVED = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})
# The request cannot be granted as it is.
REFUSED = frozenset(
    {
        "400",
        "404",
        "405",
        "409",
        "412",
        "BadDigest",
        "ConditionalCheckFailedException",
        "DecryptionFailure",
        "EntityTooLarge",
        "EntityTooSmall",
        "ExecutionDoesNotExist",
        "ExpiredToken",
        "InternalException",
        "InternalServiceError",
        "InvalidArgument",
        "InvalidArn",
        "InvalidParameterException",
        "InvalidPart",
        "InvalidRange",
        "InvalidRequest",
        "InvalidRequestException",
        "InvalidTag",
        "InvalidToken",
        "ItemCollectionSizeLimitExceededException",
        "KeyTooLongError",
        "KmsAccessDeniedException",
        "KmsInvalidStateException",
        "KmsThrottlingException",
        "MalformedXML",
        "MetadataTooLarge",
        "MethodNotAllowed",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchUpload",
        "NoSuchVersion",
        "NotFound",
        "PreconditionFailed",
        "QuotaExceeded",
        "ReplicatedWriteConflictException",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "TransactionConflictException",
        "ValidationException",
    }
)
OPERATIONS = frozenset(
    {
        "AbortMultipartUpload",
        "BatchGetItem",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "DeleteItem",
        "DeleteObject",
        "DescribeExecution",
        "GetItem",
        "GetObject",
        "GetObjectTagging",
        "GetSecretValue",
        "HeadObject",
        "ListExecutions",
        "ListObjectVersions",
        "ListObjectsV2",
        "PutEvents",
        "PutItem",
        "Query",
        "PutObject",
        "PutObjectTagging",
        "UpdateItem",
        "UploadPart",
        "UploadPartCopy",
    }
)
# What Step Functions itself, or Lambda through it, ends an execution of ours with.
OF_EXECUTIONS = frozenset(
    {
        "Aborted",
        "EventBridge.FailedEntry",
        "EventBridge.InternalException",
        "Lambda.AWSLambdaException",
        "Lambda.KMSAccessDeniedException",
        "Lambda.KMSDisabledException",
        "Lambda.ResourceNotFoundException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Runtime.HandlerNotFound",
        "Runtime.ImportModuleError",
        "Sandbox.Timedout",
        "States.BranchFailed",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.Permissions",
        "States.QueryEvaluationError",
        "States.ResultWriterFailed",
        "States.Runtime",
        "States.TaskFailed",
        "States.Timeout",
        "Unknown",
    }
)
