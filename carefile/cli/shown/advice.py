"""What an error means and what to do about it: one entry per error name that an execution can fail with.

`docs/runbook.md` has a section with details for each name; a test keeps the two in step.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from carefile.cli.problem import Problem

RUNBOOK = "docs/runbook.md"


class Then(StrEnum):
    """How to proceed once the cause is fixed."""

    REDRIVE = "redrive"
    RESUBMIT = "resubmit"  # a redrive would only enter the Fail state again, or read the same input
    UPLOAD_AGAIN = "upload again"
    NEITHER = "nothing"


@dataclass(frozen=True, slots=True)
class Advice:
    """`name` is an error name, or a prefix of one if it ends in `*`."""

    name: str
    means: str
    to_do: str
    then: Then

    @property
    def anchor(self) -> str:
        """The link to the runbook's section."""
        return f"{RUNBOOK}#{self.name.lower().replace('.', '').replace('*', '').replace(' ', '-')}"

    def fits(self, error: str) -> bool:
        return error.startswith(self.name[:-1]) if self.name.endswith("*") else error == self.name


ADVICE = (
    Advice(
        "RejectedEvent",
        "The execution's input has none of the accepted forms.",
        "Check the input, fix its sender, and send it again.",
        Then.NEITHER,
    ),
    Advice(
        "RejectedObject",
        "The object cannot be filed: it is empty, missing, a folder marker, or in a bucket that is not allowed.",
        "See the cause for which. Upload the file again, or use the right bucket and key.",
        Then.UPLOAD_AGAIN,
    ),
    Advice(
        "ThreatFound",
        "Malware protection found a threat in the upload; it was quarantined and not filed.",
        "Find out who sent it, and ask for a clean file. A false positive is filed after a new scan finds nothing.",
        Then.UPLOAD_AGAIN,
    ),
    Advice(
        "NotScanned",
        "Malware protection has not reported a verdict on the upload yet.",
        "Check that malware protection is active. Scan uploads from before it was turned on.",
        Then.REDRIVE,
    ),
    Advice(
        "Unscannable",
        "Malware protection could not scan the upload, so it is not known to be safe.",
        "See the cause: it is too large, password-protected, or the scan failed; after a failure, scan it again.",
        Then.UPLOAD_AGAIN,
    ),
    Advice(
        "StillChanging",
        "The object was overwritten repeatedly while it was being filed.",
        "Wait until its writer has finished.",
        Then.REDRIVE,
    ),
    Advice(
        "LedgerFull",
        "The key has been filed in a hundred places over time, the most that the ledger holds.",
        "List them with `carefile places KEY`, and remove the empty ones with --trim.",
        Then.REDRIVE,
    ),
    Advice(
        "FolderContended",
        "Every possible name of the destination folder belongs to another source.",
        "Check the owners in the folders' _manifest.json; another program may have written there.",
        Then.REDRIVE,
    ),
    Advice(
        "RejectedAssignment",
        "The assignment names no patient, or a subject that is missing, ambiguous or not filed.",
        "Name what is filed exactly: `carefile catalog --unknown` and `carefile catalog --patient ID` list it.",
        Then.NEITHER,
    ),
    Advice(
        "AssignmentConflict",
        "The session or document already belongs to another patient, whom the assignment does not name.",
        "Check its patient and evidence (carefile show KEY). If they are wrong, assign it again with --from.",
        Then.NEITHER,
    ),
    Advice(
        "LeftBehind",
        "Some objects of an assigned session or document, or of a merged patient, are still in their old place.",
        "Find out which, and whether their landing objects are missing or their intakes failed.",
        Then.REDRIVE,
    ),
    Advice(
        "RejectedMerge",
        "The merge means nothing here: it names one patient twice, takes back none, or the stage's patients are open.",
        "See the cause for which, and `carefile patients show ID` for what the directory holds.",
        Then.NEITHER,
    ),
    Advice(
        "MergeConflict",
        "The merge contradicts another one, would lead in a circle, or is older than a later decision.",
        "Find out which patients are one (carefile patients show ID). Take the wrong merge back, then merge again.",
        Then.NEITHER,
    ),
    Advice(
        "PatientNotListed",
        "The merge names a patient whom the directory does not list.",
        "Import or register the patient.",
        Then.REDRIVE,
    ),
    Advice(
        "RejectedPatient",
        "The event registers a patient whose id cannot be one: it is blank, or a spreadsheet has damaged it.",
        "Correct the id at its source, and send the patient again.",
        Then.NEITHER,
    ),
    Advice(
        "States.ExceedToleratedFailureThreshold",
        "More objects failed than the run tolerates.",
        "See which failed and why with carefile backfill --run NAME, or in the Map Run in the console.",
        Then.REDRIVE,
    ),
    Advice(
        "RejectedBackfill",
        "The backfill's input names no place to ingest from, or is otherwise invalid.",
        "See the cause. Start a new backfill with a valid input.",
        Then.NEITHER,
    ),
    Advice(
        "NothingToTakeIn",
        "The backfill found no objects under its prefix, in its inventory or on its list.",
        "Check the prefix; keys are case-sensitive. Start a new backfill with the right one.",
        Then.NEITHER,
    ),
    Advice(
        "States.ItemReaderFailed",
        "The run could not read its bucket, inventory or list.",
        "Check that it exists, and that the stage names its bucket (source_buckets, inventory_buckets).",
        Then.REDRIVE,
    ),
    Advice(
        "ContractViolation",
        "A defect in Carefile: it produced data that its own schema rejects. Nothing was announced.",
        "Report it with the cause. Redrive once the fixed functions are deployed.",
        Then.REDRIVE,
    ),
    Advice(
        "StorageThrottled",
        "S3, DynamoDB or another service was throttled or unreachable through all retries.",
        "Check that the service has recovered, and whether a quota is exhausted.",
        Then.REDRIVE,
    ),
    Advice(
        "StorageDenied",
        "A service denied access: a role, bucket policy or key policy lacks a permission.",
        "See the cause for the operation. Restore the permission, or enable the key.",
        Then.REDRIVE,
    ),
    Advice(
        "StorageFailed",
        "A service rejected a request for a reason that a retry cannot fix.",
        "See the cause for the operation and the service's error code.",
        Then.REDRIVE,
    ),
    Advice(
        "InternalError",
        "A defect in Carefile; the cause names the exception and the line.",
        "Report it with the cause. Redrive once the fixed functions are deployed.",
        Then.REDRIVE,
    ),
    Advice(
        "UnexpectedResult",
        "A step returned a result that its machine does not handle: a defect, or outdated functions.",
        "See the cause for the step. Deploy the stage again; report it if it recurs.",
        Then.RESUBMIT,
    ),
    Advice(
        "States.QueryEvaluationError",
        "A defect in Carefile: an expression of the machine could not be evaluated on a step's result.",
        "Report it with the cause. Resubmit once the fixed stage is deployed.",
        Then.RESUBMIT,
    ),
    Advice(
        "States.Timeout",
        "A step, or the whole execution, timed out.",
        "Check in which state: the object may be very large, or a service did not respond.",
        Then.REDRIVE,
    ),
    Advice(
        "Lambda.*",
        "Lambda could not run the function: it was throttled, ran out of memory, crashed or failed to start.",
        "Check the function's log and concurrency; the object itself is untouched.",
        Then.REDRIVE,
    ),
    Advice(
        "EventBridge.FailedEntry",
        "The object is filed, but the catalog bus rejected the event that announces it.",
        "Check the bus, its policy and its key.",
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
    "Step Functions or a service failed with an error that Carefile does not know.",
    "See the cause in the Step Functions console.",
    Then.REDRIVE,
)
_SAME_AS = {
    "Runtime.ExitError": "Lambda.*",
    "Sandbox.Timedout": "Lambda.*",
    "TIMED_OUT": "States.Timeout",
    "ABORTED": "Aborted",
}


def advice_for(error: str | None) -> Advice:
    """Look up the advice for an error by its name in Step Functions."""
    name = error or ""
    name = _SAME_AS.get(name, name)
    return next((item for item in ADVICE if item.fits(name)), OTHER)


def refuse_misspelt(error: str | None) -> None:
    """Refuse the name of an error that is none and nearly one. Names of services' own errors pass."""
    if error is None or error.startswith("States.") or advice_for(error) is not OTHER:
        return
    names = {item.name.casefold(): item.name for item in ADVICE if not item.name.endswith("*")}
    if near := get_close_matches(error.casefold(), names, n=1, cutoff=0.75):
        raise Problem(
            f"no error is called {error!r}", f"did you mean {names[near[0]]}? The runbook lists them all"
        )
