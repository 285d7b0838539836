"""Reading with one reader, in this process, whatever happens to it."""

from __future__ import annotations

from carefile.core.documents.extraction import Extraction, Reason
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.source import Source


class OutOfTimeError(BaseException):
    """The time for reading is over. No `except Exception` of a reader or its library takes it for damage."""


def read_with(reader: Reader, source: Source) -> Extraction:
    """Read with one reader, in this process. Raises nothing but `NotThisFormatError`."""
    draft = Draft(reader.format, reader.media_type, source.fields)
    try:
        reader.read(source, draft)
        return draft.finish(source)
    except NotThisFormatError:
        raise
    # Nothing of the exception is shown: its text may quote the document.
    except OutOfTimeError:
        draft.give_up(Reason.TOO_SLOW, "Reading the document took too long. It is not read to its end.")
    except MemoryError:
        draft.give_up(Reason.TOO_COMPLEX, "The document needs more memory to be read than is allowed.")
    except Exception:
        draft.give_up(
            Reason.FAILED, "The document could not be read to its end. It may be damaged.", "reader-failed"
        )
    return draft.finish(source)  # now that the exception is gone, and what it held with it
