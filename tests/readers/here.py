"""Readers that have a process of their own, run in this one: for tests that read hundreds of files in a few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from carefile.core.documents.extraction import Extraction
from lambdas.readers import choosing
from lambdas.readers.base import Reader
from lambdas.readers.reading import read_with
from lambdas.readers.source import Source


@contextmanager
def read_here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "read_isolated", _read)
        yield


def _read(reader: Reader, source: Source) -> Extraction:
    extraction = read_with(reader, source)
    try:
        picture = reader.picture and reader.picture(source)
    except Exception:
        picture = None
    return replace(extraction, picture=picture or None)
