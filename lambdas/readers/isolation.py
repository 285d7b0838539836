"""A reader in a process of its own: bounded in memory and time, no credentials, and a crash harms nobody.

The document goes in through standard input, what is known of it through one environment variable; the record
comes back as JSON. Run as `python -m lambdas.readers.isolation`, this module is the child.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from lambdas.core.extraction import Extraction, Reason
from lambdas.readers.base import Content, NotThisFormatError, Reader, Source
from lambdas.readers.draft import Draft
from lambdas.readers.limits import CHILD_MEMORY, CHILD_SECONDS, MAX_NAME

_DOCUMENT = "CAREFILE_DOCUMENT"  # not an argument: others may see those
_NOT_THIS_FORMAT = b"null"
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def read_isolated(reader: Reader, source: Source) -> Extraction:
    """Read with one reader, in a child process. Raises nothing but `NotThisFormatError`."""
    document = {
        "format": reader.format,
        "name": source.name[:MAX_NAME],
        "declared_type": source.declared_type[:MAX_NAME],
        "size": source.size,
    }
    try:
        # Environment: what Python needs to start, and not the function's credentials.
        child = subprocess.run(
            [sys.executable, "-m", __name__],
            input=source.data,
            capture_output=True,
            timeout=CHILD_SECONDS,
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
            | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), _DOCUMENT: json.dumps(document)},
            check=False,
        )
        if child.returncode == 0 and child.stdout.strip() == _NOT_THIS_FORMAT:
            raise NotThisFormatError
        if child.returncode == 0:
            return Extraction.from_json(json.loads(child.stdout))
    except subprocess.TimeoutExpired:
        return _gave_up(reader, source, Reason.TOO_SLOW, "Reading the document took too long.")
    except (OSError, ValueError, KeyError, TypeError):
        return _gave_up(reader, source, Reason.FAILED, "The document could not be read.")
    return _gave_up(
        reader, source, Reason.DAMAGED, "The document is damaged or too demanding. It cannot be read."
    )


def _gave_up(reader: Reader, source: Source, reason: Reason, message: str) -> Extraction:
    draft = Draft(reader.format, reader.media_type, reason=reason, candidates_complete=False)
    draft.warn(reason.value, message)
    return draft.finish(source)


def _limit_this_process() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (CHILD_MEMORY, CHILD_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CHILD_SECONDS, CHILD_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        pass  # no such limits on this system; the parent's limit on time holds


def _main() -> None:
    from lambdas.readers.registry import READERS, read_with

    _limit_this_process()
    document = json.loads(os.environ[_DOCUMENT])
    content = Content(sys.stdin.buffer.read(), document["size"])
    source = Source(content, document["name"], document["declared_type"])
    reader = next(reader for reader in READERS if reader.format == document["format"])
    try:
        answer = read_with(reader, source).to_bytes()
    except NotThisFormatError:
        answer = _NOT_THIS_FORMAT
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    os._exit(0)  # nothing of the library's clean-up can fail or hang any more


if __name__ == "__main__":
    _main()
