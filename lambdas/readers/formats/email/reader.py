"""E-mail (.eml): who wrote to whom and when, the text, and the attachments by name. Attachments are not opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from itertools import islice
from typing import TYPE_CHECKING

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import Reader, Source
from lambdas.readers.draft import FACTS
from lambdas.readers.encoding import decode
from lambdas.readers.formats.html.reader import tell_html
from lambdas.readers.limits import MAX_EMAIL_BOUNDARIES, MAX_EMAIL_PARTS, MAX_TEXT_BYTES

if TYPE_CHECKING:
    from lambdas.readers.draft import Draft

_FIELD = re.compile(r"([!-9;-~]{1,60}):[ \t\r\n]")
_BOUNDARY = re.compile(rb"^--\S", re.MULTILINE)
_SURE = {"message-id", "mime-version", "received", "return-path", "delivered-to", "dkim-signature"}
_LIKELY = {"from", "to", "date", "subject", "cc", "reply-to"}
_SHOWN = ("From", "To", "Cc", "Date", "Subject")


def _recognises(source: Source) -> bool:
    """A block of fields, of which one is no other text's, or three that a letter rarely begins with together."""
    if source.decoded is None:
        return False
    names = {match[1].lower() for line in _head_lines(source.text_head) if (match := _FIELD.match(line))}
    likely = len(names & _LIKELY)
    return (bool(names & _SURE) and likely >= 1) or (
        likely >= 3 and source.is_called("eml", "message/rfc822")
    )


def _head_lines(text: str) -> Iterator[str]:
    """The lines of the block of fields, nothing if the text does not begin with such a block."""
    for line in text.split("\n", 200)[:200]:
        line = line.rstrip("\r")
        if not line:
            return
        if not _FIELD.match(line + " ") and line[0] not in " \t":
            return
        yield line + " "


def _read(source: Source, draft: Draft) -> None:
    import email
    import email.policy

    if source.text_is_cut:
        draft.cut("bytes", "The message is larger than is read.", MAX_TEXT_BYTES, source.size)
    try:
        data = _with_few_parts(source.data[:MAX_TEXT_BYTES].lstrip(), draft)
        message = email.message_from_bytes(data, EmailMessage, policy=email.policy.default)
    except MemoryError:
        raise
    except Exception:  # the parser raises what it likes for fields that nobody would write
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The message is damaged. It cannot be read.")
        return
    draft.table([(name, _field(message, name)) for name in _SHOWN if name in message], FACTS)
    try:
        _tell_parts(message, draft)
    except MemoryError:
        raise
    except Exception:
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The message is damaged. Not all of it could be read.")


def _with_few_parts(data: bytes, draft: Draft) -> bytes:
    """The message up to where it has more parts than are worth parsing: the parser takes its time for each."""
    lines = _BOUNDARY.finditer(data)
    last = next(islice(lines, MAX_EMAIL_BOUNDARIES, None), None)
    if last is None:
        return data
    draft.candidates_complete = False
    draft.cut("parts", "The message has more parts than are looked at.", MAX_EMAIL_PARTS)
    return data[: last.start()]


def _tell_parts(message: EmailMessage, draft: Draft) -> None:
    texts: list[EmailMessage] = []
    pages: list[EmailMessage] = []
    for count, part in enumerate(_leaves(message), 1):
        if count > MAX_EMAIL_PARTS:
            draft.cut("parts", "The message has more parts than are looked at.", MAX_EMAIL_PARTS)
            break
        kind = part.get_content_type()
        if kind not in ("text/plain", "text/html") or _is_attached(part):
            _tell_attachment(part, kind, draft)
        elif kind == "text/plain":
            texts.append(part)
        else:
            pages.append(part)
    for part in texts:
        draft.text(_text(part).strip("\r\n"))
    if not texts:
        for part in pages:
            tell_html(_text(part), draft, is_part=True)


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts that hold no others. A message that is attached is one part, and not looked into."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload() if part.get_content_maintype() == "multipart" else None
        if isinstance(inner, list):
            waiting += [it for it in reversed(inner) if isinstance(it, EmailMessage)]
        else:
            yield part


def _is_attached(part: EmailMessage) -> bool:
    return _safely(part.get_content_disposition) == "attachment" or _safely(part.get_filename) != ""


def _tell_attachment(part: EmailMessage, kind: str, draft: Draft) -> None:
    name = _safely(part.get_filename) or "without a name"
    payload = part.get_payload()
    size = len(_bytes(part)) if isinstance(payload, str) else 0
    draft.warn("attachments", "The message has attachments. They are listed here and not opened.")
    facts = [("media type", kind), *([("bytes", str(size))] if size else [])]
    draft.entity("Attachment", name, facts)


def _field(message: EmailMessage, name: str) -> str:
    try:
        return str(message[name])
    except Exception:
        return ""


def _text(part: EmailMessage) -> str:
    decoded = decode(_bytes(part), is_cut=False, declared=_safely(part.get_content_charset))
    return decoded.text if decoded else ""


def _bytes(part: EmailMessage) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except Exception:
        return b""
    return content if isinstance(content, bytes) else b""


def _safely(ask: Callable[[], str | None]) -> str:
    try:
        return ask() or ""
    except Exception:
        return ""


READER = Reader("eml", "message/rfc822", _recognises, _read, isolated=True)
