"""The errors an execution can end with, one class per `ErrorEquals` name.

Their texts become the cause that operators read, so none may hold a patient id, a name, a key or document text.
`docs/runbook.md` has a section for each class.
"""

from __future__ import annotations


class CarefileError(Exception):
    """Base of all; never raised itself."""


class RejectedEvent(CarefileError):
    """The machine's input has none of the accepted shapes, or a member of it is malformed."""


class RejectedObject(CarefileError):
    """The input names an object that can't be filed as it is: not there, empty, a folder marker, not allowed."""


class ThreatFound(CarefileError):
    """Malware protection found a threat in the upload: it is quarantined, and never filed."""


class NotScanned(CarefileError):
    """Malware protection has no verdict on the upload yet. Retried; a verdict starts an intake anyway."""


class Unscannable(CarefileError):
    """Malware protection could not scan the upload, so nobody knows whether it may be filed."""


class StillChanging(CarefileError):
    """The object changed in every round of an intake. Retried; a redrive goes on later."""


class FolderContended(CarefileError):
    """All names of a destination folder belong to others, or a claim stayed undecided. Retried."""


class LedgerFull(CarefileError):
    """The ledger has no room for one more place of this key. An operator makes room: `carefile places`."""


class RejectedAssignment(CarefileError):
    """An assignment that names no patient, or nothing that could be assigned: not there, ambiguous, not filed."""


class AssignmentConflict(CarefileError):
    """A session or document is another patient's already, and the assignment does not name that patient."""


class LeftBehind(CarefileError):
    """Objects that were assigned or merged are still where they were. A later look may find them moved."""


class RejectedMerge(CarefileError):
    """A merge that means nothing here: of one patient, of a stage whose patients are open, or taking back none."""


class MergeConflict(CarefileError):
    """A merge that contradicts another one, leads in a circle, or is older than what was decided since."""


class PatientNotListed(CarefileError):
    """A merge names a patient whom the directory does not list; their registration may be on its way."""


class RejectedPatient(CarefileError):
    """A registration whose id cannot be a patient's."""


class ContractViolation(CarefileError):
    """The program produced data that its own published schema refuses. A defect: nothing was announced."""


class StorageThrottled(CarefileError):
    """An AWS service asked to slow down, failed, or did not answer. Retried."""


class StorageDenied(CarefileError):
    """An AWS service refused access: a role, a bucket policy or a key policy lacks a permission."""


class StorageFailed(CarefileError):
    """An AWS service refused a request for a reason that a retry does not fix."""


class InternalError(CarefileError):
    """A defect in the program, named by the exception's type and the line it came from."""
