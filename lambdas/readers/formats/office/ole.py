"""Old Office files and encrypted new ones, which share one container: distinguished, and not read."""

from __future__ import annotations

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.source import Source

_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the name of a stream in the container's directory


def _recognises(source: Source) -> bool:
    return source.head.startswith(_SIGNATURE)


def _read(source: Source, draft: Draft) -> None:
    if _ENCRYPTED not in source.data:
        raise NotThisFormatError
    draft.reason = Reason.ENCRYPTED
    draft.warn("encrypted", "The document is protected by a password. Its content is not read.")


READER = Reader("ole", "application/x-ole-storage", _recognises, _read)
