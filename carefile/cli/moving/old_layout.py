"""Keys of the old layout, by what they say themselves: whose session it is, and which.

    …medical-notes/patients/{patient}/{session}/…
    …medical-notes/no-patient/{session}/…

Below a prefix of its own (`prod/medical-notes/…`) a rule table may read something else in such a key: that the session
is nobody's. So a migration touches a key only where this reading and the deployment's rules agree.
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
    """The patient whom a key of the old layout names; None where it names nobody."""
    found = _KEY.fullmatch(key)
    named = found["patient"] if found else None
    return None if named is None or rules.is_placeholder(named) else identity(named)


def why_not(key: str, rules: RuleTable) -> str | None:
    """Why a key is none of the old layout, or none that the rules read as such; None where it is one."""
    found = _KEY.fullmatch(key)
    if found is None:
        return "it is no part of a session of the old layout"
    match = rules.match(key)
    if match.rule.kind is not Kind.SESSION or match.session_end != found.end("session"):
        return f"the rule {match.rule.name} does not read it as a part of that session"
    read = match.patient if match.names_patient else None
    if read != found["patient"]:
        return f"by the rule {match.rule.name} the session would be {read or 'nobody'}'s"
    return None


def must_be_of_old_layout(keys: Iterable[str], rules: RuleTable) -> None:
    """Stop where any of the keys is none, but for folder markers."""
    count, first = 0, ""
    for key in keys:
        if not key.endswith("/") and (why := why_not(key, rules)):
            count, first = count + 1, first or f"{key}: {why}"
    if count:
        raise Problem(
            f"{count} keys of that place are not of the old layout; the first is {first}",
            "name a place that holds nothing else; a prefix before medical-notes/ needs a rule of its own "
            "(docs/rules.md). Nothing was moved",
        )
