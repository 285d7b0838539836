"""Words that the readers write and the page recognises: headers of tables, states of records, names of months."""

from __future__ import annotations

FACTS = ("Field", "Value")  # the header of a table of names and their values
RAW = ("Segment", "Field", "Content")  # of a table that repeats everything as it was sent; the page folds it

# States that say a record does not hold, or no longer does.
WITHDRAWN = frozenset(
    (
        *(
            "aborted",
            "cancelled",
            "disproven",
            "entered-in-error",
            "inactive",
            "not-done",
            "not-taken",
            "on-hold",
        ),
        *("refuted", "rejected", "resolved", "revoked", "stopped", "superseded", "suspended", "unconfirmed"),
    )
)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
