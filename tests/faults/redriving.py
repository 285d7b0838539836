"""What an operator does after a bad hour: redrive what failed, resubmit what no execution remembers."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.end_to_end.at_rest import Rest
from tests.end_to_end.crowd import Crowd, Uploaded, in_parallel

SECONDS = 300


def bring_home(crowd: Crowd) -> str:
    """Redrive every failed execution, then resubmit what is not shown or not in the catalog; what that came to."""
    failed = [end for upload in crowd.failed() for end in crowd.ends().get(upload.version_id, [])[-1:]]
    states = crowd.pipeline.aws.client("stepfunctions")
    in_parallel(lambda end: states.redrive_execution(executionArn=end["executionArn"]), failed)
    crowd.rest(SECONDS)
    forgotten = crowd.without_execution()
    resubmit(crowd, forgotten)
    crowd.settle(SECONDS)
    late = Rest.of(crowd, seconds=5).lost()
    resubmit(crowd, late)
    crowd.settle(SECONDS)
    return (
        f"{len(failed)} re-driven, {len(forgotten)} that no execution knew and {len(late)} that the catalog lacked "
        "resubmitted"
    )


def mend_marks(crowd: Crowd) -> str:
    """Resubmit what ended well and is marked as failed.

    The crash has set the ledger back, which AWS's never is: a late failure finds no note that its upload was filed, and
    marks it; the redrive goes on behind the state that would mark it again. The next intake does.
    """
    tags = Rest.of(crowd).tags
    wrong = [
        upload
        for upload in crowd.uploads
        if crowd.ends()[upload.version_id][-1]["status"] == "SUCCEEDED"
        and tags[upload.version_id]["pipeline-status"] == "failed"
    ]
    resubmit(crowd, wrong)
    crowd.settle(SECONDS)
    return f"{len(wrong)} with a mark of before resubmitted"


def resubmit(crowd: Crowd, uploads: Iterable[Uploaded]) -> None:
    """Start a fresh execution for each of these versions."""
    pipeline, states = crowd.pipeline, crowd.pipeline.aws.client("stepfunctions")

    def start(upload: Uploaded) -> None:
        asked = {"bucket": pipeline.landing, "key": upload.key, "version_id": upload.version_id}
        states.start_execution(stateMachineArn=pipeline.machine, input=json.dumps(asked))

    in_parallel(start, uploads)
