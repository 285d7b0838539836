"""Parse keys of the old layout: the patient and the session that they name.

    …medical-notes/patients/{patient}/{session}/…
    …medical-notes/no-patient/{session}/…

Under another prefix (`prod/medical-notes/…`) a rule table may read such a key differently, for example as a session of
an unknown patient. So a migration touches a key only if this reading and the deployment's rules agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from carefile.cli.problem import Problem
from carefile.core.deciding.identity import identity
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Kind

_KEY = re.compile(
    r"(?:.*?/)??medical-notes/(?:patients/(?P<patient>[^/]+)|no-patient)/(?P<session>[^/]+)/.+", re.DOTALL
)


def patient_named(key: str, rules: RuleTable) -> str | None:
    """Return the patient that a key of the old layout names; None if it names none."""
    found = _KEY.fullmatch(key)
    named = found["patient"] if found else None
    return None if named is None or rules.is_placeholder(named) else identity(named)


def why_not(key: str, rules: RuleTable) -> str | None:
    """Explain why a key is not of the old layout, or not read as such by the rules; None if it is."""
    found = _KEY.fullmatch(key)
    if found is None:
        return "it is not part of a session of the old layout"
    match = rules.match(key)
    if match.rule.kind is not Kind.SESSION or match.session_end != found.end("session"):
        return f"the rule {match.rule.name} does not read it as part of that session"
    read = match.patient if match.names_patient else None
    if read != found["patient"]:
        return f"the rule {match.rule.name} would file the session under {read or 'the unknown patient'}"
    return None


def must_be_of_old_layout(keys: Iterable[str], rules: RuleTable) -> None:
    """Raise a Problem if any of the keys is not of the old layout, folder markers excepted."""
    count, first = 0, ""
    for key in keys:
        if not key.endswith("/") and (why := why_not(key, rules)):
            count, first = count + 1, first or f"{key}: {why}"
    if count:
        raise Problem(
            f"{count} keys under that prefix are not of the old layout; the first is {first}",
            "name a prefix that holds nothing else; one before medical-notes/ needs its own rule "
            "(docs/rules.md). Nothing was moved",
        )
