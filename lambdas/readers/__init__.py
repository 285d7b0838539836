"""Text, tables and patient ids out of documents, whatever their format, and a page for people made of them.

`read` is chosen by content, raises for no input whatsoever, and works in bounded memory and time. Importing
this package imports no third-party library: a reader imports its own when it is used.
"""

from __future__ import annotations

from lambdas.readers.choosing import read
from lambdas.readers.limits import MAX_READ
from lambdas.readers.source import Content

__all__ = ["MAX_READ", "Content", "read"]
