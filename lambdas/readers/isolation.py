"""A reader in a process of its own: bounded in memory and time, no credentials, no network, and a crash harms nobody.

For every library in C, and for every document that is not small: what the function's own process reads takes little
of its memory, whatever it holds.

The document goes in through standard input, what is known of it through one environment variable. Back comes the
record as JSON, and then, for formats that have one, the picture: facts as JSON, and its bytes. Each but the bytes ends
with a NUL, which JSON cannot hold: a child that dies over the picture has given its record. Run as
`python -m lambdas.readers.isolation`, this module is the child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from carefile.core.deciding.patient_fields import PatientFields
from carefile.core.documents.extraction import Extraction, ReadingWarning, Reason
from carefile.core.documents.picture import Picture
from lambdas.readers import children, registry
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.confinement import close_this_process_to_its_children, confine_this_process
from lambdas.readers.draft import Draft
from lambdas.readers.limits import (
    CHILD_MEMORY,
    CHILD_SECONDS,
    MAX_NAME,
    MIB,
    PICTURE_SECONDS,
    READING_SECONDS,
)
from lambdas.readers.reading import OutOfTimeError, read_with
from lambdas.readers.source import Content, Source

_DOCUMENT = "CAREFILE_DOCUMENT"  # not an argument: others may see those
_NOTHING = b"null"  # in place of a record: not this format; in place of a picture: there is none to be made
_END = b"\0"
_OUT_OF_MEMORY = 12  # the child's exit code
# How libraries in C end themselves when memory is refused to them, and how the kernel ends a process that has too much.
_GAVE_UP = tuple(-getattr(signal, name, 0) for name in ("SIGABRT", "SIGTRAP", "SIGILL", "SIGKILL"))
_COMMAND = (sys.executable, "-m", __name__)
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_FUNCTION_MB = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"


def read_isolated(reader: Reader, source: Source) -> Extraction:
    """Read with one reader, in a child process. Raises nothing but `NotThisFormatError`."""
    document = {
        "format": reader.format,
        "name": source.name[:MAX_NAME],
        "declared_type": source.declared[:MAX_NAME],
        "size": source.size,
        "fields": source.fields.names,
    }
    environment = bare_environment() | {_DOCUMENT: json.dumps(document)}
    try:
        close_this_process_to_its_children()
        child = children.run(_COMMAND, source.data, environment, CHILD_SECONDS)
        answer, reason = child.stdout, Reason.DAMAGED
        message = "The document is damaged or too demanding. It cannot be read."
        if child.returncode == _OUT_OF_MEMORY:
            reason, message = Reason.TOO_COMPLEX, "The document needs more memory to be read than is allowed."
        elif child.returncode in _GAVE_UP:
            reason, message = (
                Reason.TOO_COMPLEX,
                "The document is too demanding or damaged. It cannot be read.",
            )
    except subprocess.TimeoutExpired as error:
        answer, reason = error.output or b"", Reason.TOO_SLOW
        message = "Reading the document took too long."
    except OSError:
        return _gave_up(reader, source, Reason.FAILED, "The document could not be read.")
    try:
        return _understood(answer, reader) or _gave_up(reader, source, reason, message)
    except (ValueError, KeyError, TypeError):
        return _gave_up(reader, source, Reason.FAILED, "The document could not be read.")


def bare_environment() -> dict[str, str]:
    """What Python needs to start, and not the function's credentials."""
    environment = {name: os.environ[name] for name in (*_KEPT_VARIABLES, _FUNCTION_MB) if name in os.environ}
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _understood(answer: bytes, reader: Reader) -> Extraction | None:
    """What the child said, None if it was stopped before it said anything."""
    record, end, rest = answer.partition(_END)
    if not end:
        return None
    if record == _NOTHING:
        raise NotThisFormatError
    extraction = Extraction.from_json(json.loads(record))
    facts, end, data = rest.partition(_END)
    if reader.picture is None or facts == _NOTHING:
        return extraction
    if not end:
        warning = ReadingWarning("no-picture", "A picture of the document could not be made.")
        return replace(extraction, warnings=(*extraction.warnings, warning))
    fields = json.loads(facts)
    fields["words"] = tuple((text, tuple(box)) for text, box in fields["words"])
    return replace(extraction, picture=Picture(data, **fields))


def _gave_up(reader: Reader, source: Source, reason: Reason, message: str) -> Extraction:
    draft = Draft(reader.format, reader.media_type, reason=reason, candidates_complete=False)
    draft.warn(reason.value, message)
    return draft.finish(source)


def child_memory() -> int:
    """Bytes of data that the child may take: half of the function's memory, if Lambda states it, and no more than is
    enough. The function that files sessions has less than the one for documents, and rarely reads one."""
    return min(CHILD_MEMORY, int(os.environ.get(_FUNCTION_MB, 2 * CHILD_MEMORY // MIB)) * MIB // 2)


def limit_this_process(memory: int, seconds: int) -> None:
    """Bound what this process may take, in bytes of data and seconds of a processor. It writes no file."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        # Should memory run out all the same, this process goes first, and the function lives.
        Path("/proc/self/oom_score_adj").write_text("1000")
    except (ImportError, OSError, ValueError):
        pass  # no such limits on this system; the parent's limit on time holds


def _stop_reading(*_: object) -> None:
    raise OutOfTimeError


def _alarm_after(seconds: int, then: Callable[..., None] | None = None) -> None:
    """Raise what `then` raises, or end the process, also in the middle of a library in C."""
    try:
        signal.signal(signal.SIGALRM, then or signal.SIG_DFL)
        signal.alarm(seconds)
    except AttributeError:
        pass  # no such clock on this system; the parent's limit on time holds


def _main() -> None:
    limit_this_process(child_memory(), CHILD_SECONDS)
    confine_this_process()
    document = json.loads(os.environ[_DOCUMENT])
    content = Content(sys.stdin.buffer.read(), document["size"])
    fields = PatientFields.of(document["fields"])
    source = Source(content, document["name"], document["declared_type"], fields)
    reader = next(reader for reader in registry.READERS if reader.format == document["format"])
    code = 0
    try:
        _alarm_after(READING_SECONDS, _stop_reading)
        extraction = read_with(reader, source)
        _alarm_after(PICTURE_SECONDS)
        _say(extraction.to_bytes())
        if reader.picture is not None:
            _alarm_after(PICTURE_SECONDS)
            _say_picture(reader.picture(source))
    except NotThisFormatError:
        _say(_NOTHING)
    except MemoryError:
        code = _OUT_OF_MEMORY
    finally:
        os._exit(code)  # nothing of the library's clean-up can fail or hang any more


def _say_picture(picture: Picture | None) -> None:
    if picture is None:
        _say(_NOTHING)
    else:
        facts = {name: value for name, value in asdict(picture).items() if name != "data"}
        _say(json.dumps(facts).encode(), picture.data)


def _say(words: bytes, data: bytes = b"") -> None:
    sys.stdout.buffer.write(words + _END + data)
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
