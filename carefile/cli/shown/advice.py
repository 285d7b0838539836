"""What an error means and what to do, in plain words: one entry a name that an execution can fail with.

`docs/runbook.md` has a section for each name, with more to it; a test keeps the two in step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RUNBOOK = "docs/runbook.md"


class Then(StrEnum):
    """How an execution goes on once the cause is mended."""

    REDRIVE = "redrive"
    RESUBMIT = "resubmit"  # a redrive only enters the Fail state again, or reads the same input
    UPLOAD_AGAIN = "upload again"
    NEITHER = "nothing"


@dataclass(frozen=True, slots=True)
class Advice:
    """`name` is the error's name, or, with a `*`, how it begins."""

    name: str
    means: str
    to_do: str
    then: Then

    @property
    def anchor(self) -> str:
        """The runbook's section, as a link."""
        return f"{RUNBOOK}#{self.name.lower().replace('.', '').replace('*', '').replace(' ', '-')}"

    def fits(self, error: str) -> bool:
        return error.startswith(self.name[:-1]) if self.name.endswith("*") else error == self.name


ADVICE = (
    Advice(
        "RejectedEvent",
        "The input of the execution is not in one of the accepted shapes.",
        "Look at the input; correct whoever sent it, and send it again.",
        Then.NEITHER,
    ),
    Advice(
        "RejectedObject",
        "The object cannot be filed as it is: empty, not there, a folder marker, or in a bucket that is not allowed.",
        "The cause says which. Upload the file again, or name the right bucket and key.",
        Then.UPLOAD_AGAIN,
    ),
    Advice(
        "ThreatFound",
        "Malware protection found a threat in the upload; it is quarantined and was not filed.",
        "Look who sent it, and have it sent again clean. A false positive is filed once a new scan finds nothing.",
        Then.UPLOAD_AGAIN,
    ),
    Advice(
        "NotScanned",
        "Malware protection has not told its verdict about the upload yet.",
        "See whether malware protection is active. Have an upload from before it was turned on scanned.",
        Then.REDRIVE,
    ),
    Advice(
        "Unscannable",
        "Malware protection could not scan the upload, so nobody knows whether it may be filed.",
        "The cause says why: too large or behind a password, or a failure; then have it scanned again.",
        Then.UPLOAD_AGAIN,
    ),
    Advice(
        "StillChanging",
        "The object was overwritten over and over while it was being filed.",
        "Wait until whoever writes it has finished.",
        Then.REDRIVE,
    ),
    Advice(
        "LedgerFull",
        "The key was filed in a hundred places, one after the other; the ledger holds no more of them.",
        "`carefile places KEY` shows them, and makes room by taking out those that hold nothing any more.",
        Then.REDRIVE,
    ),
    Advice(
        "FolderContended",
        "Every name that the destination folder may have belongs to another source.",
        "Look at the _manifest.json of the folders for their owners; something else may have written there.",
        Then.REDRIVE,
    ),
    Advice(
        "RejectedAssignment",
        "An assignment names no patient, or nothing that could be assigned: not there, ambiguous, not filed.",
        "The cause says which. Name the patient and the session or document exactly.",
        Then.NEITHER,
    ),
    Advice(
        "AssignmentConflict",
        "The session or document is another patient's already, and the assignment does not take it from him.",
        "Look whose it is and why (carefile show KEY). If it is wrongly his, assign it again with --from.",
        Then.NEITHER,
    ),
    Advice(
        "LeftBehind",
        "Objects of an assigned session or document are still where they were.",
        "See which, and whether their landing objects are still there or their intakes failed.",
        Then.REDRIVE,
    ),
    Advice(
        "States.ExceedToleratedFailureThreshold",
        "More objects failed than a run over many of them tolerates.",
        "See which failed, and with which errors: carefile backfill --run NAME, or the Map Run in the console.",
        Then.REDRIVE,
    ),
    Advice(
        "RejectedBackfill",
        "The input of a backfill names no place that it could take objects in from, or says something that can't be.",
        "The cause says what. Start another with the right input.",
        Then.NEITHER,
    ),
    Advice(
        "NothingToTakeIn",
        "A backfill found no object: nothing is under its prefix, in its inventory or on its list.",
        "Keys are exact, also in case, and a prefix is how keys begin. Start another with the right one.",
        Then.NEITHER,
    ),
    Advice(
        "States.ItemReaderFailed",
        "A run over many objects could not read what there is: the bucket, the inventory or the list.",
        "See whether it is there, and whether the stage names its bucket (source_buckets, inventory_buckets).",
        Then.REDRIVE,
    ),
    Advice(
        "ContractViolation",
        "Carefile made data that its own schema refuses; nothing was announced. A defect.",
        "Report it with the cause. Once the mended functions are deployed the execution can go on.",
        Then.REDRIVE,
    ),
    Advice(
        "StorageThrottled",
        "S3, DynamoDB or another service was busy or not reachable, and stayed so through all retries.",
        "See whether the service is well again and whether a quota is reached.",
        Then.REDRIVE,
    ),
    Advice(
        "StorageDenied",
        "A service refused access: a role, a bucket policy or a key policy lacks a permission.",
        "The cause names the operation. Give the permission back, or enable the key.",
        Then.REDRIVE,
    ),
    Advice(
        "StorageFailed",
        "A service refused a request for a reason that a retry does not mend.",
        "The cause names the operation and the service's own code.",
        Then.REDRIVE,
    ),
    Advice(
        "InternalError",
        "A defect in Carefile; the cause names the exception and the line.",
        "Report it with the cause. Once the mended functions are deployed the execution can go on.",
        Then.REDRIVE,
    ),
    Advice(
        "UnexpectedResult",
        "A step handed on what its machine has no way for. A defect, or functions older than the machine.",
        "The cause names the step. Deploy the stage again; report it if it comes back.",
        Then.RESUBMIT,
    ),
    Advice(
        "States.QueryEvaluationError",
        "An expression of the machine could not be evaluated on what a step handed on. A defect.",
        "Report it with the cause. Deploy the mended stage.",
        Then.RESUBMIT,
    ),
    Advice(
        "States.Timeout",
        "A step, or the whole execution, took longer than it may.",
        "See which state it was: a very large object, or a service that did not answer.",
        Then.REDRIVE,
    ),
    Advice(
        "Lambda.*",
        "Lambda could not run the function: throttled, out of memory, crashed or failing to start.",
        "See the function's log and its concurrency; the object itself is untouched.",
        Then.REDRIVE,
    ),
    Advice(
        "EventBridge.FailedEntry",
        "The object is filed, but the catalog bus did not take the event that says so.",
        "See the bus, its policy and its key.",
        Then.REDRIVE,
    ),
    Advice(
        "Aborted",
        "Somebody stopped the execution.",
        "Find out who and why (CloudTrail, StopExecution).",
        Then.REDRIVE,
    ),
)
OTHER = Advice(
    "Any other name",
    "Step Functions or a service failed in a way that Carefile has no words for.",
    "Look at the cause in the Step Functions console.",
    Then.REDRIVE,
)
_SAME_AS = {
    "Runtime.ExitError": "Lambda.*",
    "Sandbox.Timedout": "Lambda.*",
    "TIMED_OUT": "States.Timeout",
    "ABORTED": "Aborted",
}


def advice_for(error: str | None) -> Advice:
    """What is known of an error, by the name that Step Functions gives it."""
    name = error or ""
    name = _SAME_AS.get(name, name)
    return next((item for item in ADVICE if item.fits(name)), OTHER)
