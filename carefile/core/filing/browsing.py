"""Which uploads a browser would execute if someone opened them where they are filed."""

from __future__ import annotations

import re

ATTACHMENT = "attachment"
# HTML, SVG, XML and their kin, what has parts, and types so vague that a browser looks for itself. Anywhere in the
# header: of several types in one, browsers do not all take the same.
_RUNS = re.compile(r"html|xml|xsl|svg|multipart|unknown|\*|^[^/]*$", re.IGNORECASE)
_IS_ATTACHMENT = re.compile(r"attachment\s*(;|$)", re.IGNORECASE)


def safe_disposition(content_type: str, disposition: str | None) -> str | None:
    """The Content-Disposition of a filed upload: what a browser would execute is downloaded, not opened."""
    if not _RUNS.search(content_type):
        return disposition
    return disposition if disposition and _IS_ATTACHMENT.match(disposition) else ATTACHMENT
