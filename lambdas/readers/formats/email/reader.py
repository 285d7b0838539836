"""E-mail (.eml, .mbox): who wrote to whom and when, the text, and the attachments by name, which are not opened.

Of a text that is there both plain and as HTML the plain one is shown, and the other too where it says anything more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from carefile.core.documents.extraction import Heading, Reason, Table, TextBlock
from carefile.core.documents.vocabulary import FACTS
from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.encoding import decode
from lambdas.readers.formats.html.reader import describe_html
from lambdas.readers.formats.text.plain_text import note_encoding
from lambdas.readers.limits import MAX_EMAIL_BOUNDARIES, MAX_EMAIL_PARTS, MAX_TEXT_BYTES
from lambdas.readers.source import Source

if TYPE_CHECKING:  # the library takes its time to load, in each process that reads anything
    from email.message import EmailMessage

_FIELD = re.compile(r"([!-9;-~]{1,60}):[ \t\r\n]")
# The line by which a mailbox parts its messages.
_ENVELOPE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))>?From \S[^\r\n]*\r?\n(?=[!-9;-~]{1,60}:)")
_ENVELOPE_LINE = re.compile(r">?From \S[^\r\n]*\r?\n(?=[!-9;-~]{1,60}:)")
_WORD = re.compile(r"\w+")
_BOUNDARY = re.compile(rb"^--\S", re.MULTILINE)
_SURE = {"message-id", "mime-version", "received", "return-path", "delivered-to", "dkim-signature"}
_LIKELY = {"from", "to", "date", "subject", "cc", "reply-to"}
_SHOWN = ("From", "To", "Cc", "Date", "Subject")


def _recognises(source: Source) -> bool:
    """A block of fields, of which one is no other text's, or three that a letter rarely begins with together."""
    if source.decoded is None:
        return False
    names = {
        match[1].lower()
        for line in _head_lines(_ENVELOPE_LINE.sub("", source.text_head, 1))
        if (match := _FIELD.match(line))
    }
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
    if source.text_is_cut:
        draft.cut("bytes", "The message is larger than is read.", MAX_TEXT_BYTES, source.size)
    data = _with_few_parts(source.data[:MAX_TEXT_BYTES].lstrip(), draft)
    messages = list(islice(_messages(data), MAX_EMAIL_PARTS + 1))
    if len(messages) > 1:
        draft.format, draft.media_type = "mbox", "application/mbox"
    if len(messages) > MAX_EMAIL_PARTS:
        draft.cut("messages", "The mailbox has more messages than are read.", MAX_EMAIL_PARTS)
    for number, one in enumerate(messages[:MAX_EMAIL_PARTS], 1):
        if len(messages) > 1:
            draft.heading(f"Message {number}")
        _describe_message(one, draft)


def _messages(data: bytes) -> Iterator[bytes]:
    """The messages of a mailbox; of anything else the one that it is."""
    start = None if (first := _ENVELOPE.match(data)) is None else first.end()
    if start is None:
        yield data
        return
    for envelope in _ENVELOPE.finditer(data, start):
        yield data[start : envelope.start()]
        start = envelope.end()
    yield data[start:]


def _describe_message(data: bytes, draft: Draft) -> None:
    import email.policy
    from email.message import EmailMessage

    try:
        message = email.message_from_bytes(data, EmailMessage, policy=email.policy.default)
    except MemoryError:
        raise
    except Exception:  # the parser raises what it likes for fields that nobody would write
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The message is damaged. It cannot be read.")
        return
    draft.table([(name, _field(message, name)) for name in _SHOWN if name in message], FACTS)
    try:
        _describe_parts(message, draft)
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


def _describe_parts(message: EmailMessage, draft: Draft) -> None:
    shown: list[tuple[str, str]] = []
    for count, part in enumerate(_leaves(message), 1):
        if count > MAX_EMAIL_PARTS:
            draft.cut("parts", "The message has more parts than are looked at.", MAX_EMAIL_PARTS)
            break
        kind = part.get_content_type()
        if kind not in ("text/plain", "text/html") or _is_attached(part):
            _describe_attachment(part, kind, draft)
        else:
            shown.append((kind, _text(part, draft)))
    words = Counter(word for kind, text in shown if kind == "text/plain" for word in _words(text))
    for kind, text in shown:
        if kind == "text/plain":
            draft.text(text.strip("\r\n"))
        elif _words_of_page(text) - words:
            describe_html(text, draft, is_part=True)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _words_of_page(html: str) -> Counter[str]:
    """How often each word stands in what an HTML text shows."""
    page = Draft("html", "text/html")
    describe_html(html, page, is_part=True)
    words: Counter[str] = Counter()
    for block in page.blocks:
        match block:
            case Heading() | TextBlock():
                words.update(_words(block.text))
            case Table():
                words.update(
                    word
                    for row in ((block.header or ()), *block.rows)
                    for cell in row
                    for word in _words(cell)
                )
    return words


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts that hold no others. A message that is attached is one part, and not looked into."""
    from email.message import EmailMessage

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


def _describe_attachment(part: EmailMessage, kind: str, draft: Draft) -> None:
    name = _safely(part.get_filename) or "without a name"
    payload = part.get_payload()
    size = len(_bytes(part)) if isinstance(payload, str) else 0
    draft.warn("attachments", "The message has attachments. They are listed here and not opened.")
    facts = [("media type", kind), *([("bytes", str(size))] if size else [])]
    draft.entity("Attachment", name, facts)


def _field(message: EmailMessage, name: str) -> str:
    """A field in the words of its writer, also where its character set is not named, or goes by another name."""
    from email.header import decode_header

    try:
        text = str(message[name])
    except Exception:
        text = "\ufffd"
    if "\ufffd" not in text and "=?" not in text and "\x1b" not in text:
        return text
    raw = next((value for field, value in message.raw_items() if field.lower() == name.lower()), "")
    parts = []
    try:
        for piece, charset in decode_header(" ".join(str(raw).split("\r\n")).replace("\n", " ")):
            data = piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogateescape")
            decoded = decode(data, is_cut=False, declared=charset or "")
            parts.append(decoded.text if decoded else "")
    except Exception:
        return text
    return " ".join("".join(parts).split())


def _text(part: EmailMessage, draft: Draft) -> str:
    data = _bytes(part)
    decoded = decode(data, is_cut=False, declared=_safely(part.get_content_charset))
    if decoded is None:
        if data:
            draft.warn(
                "encoding-damaged", "A part of the message is called text and is none. It is not shown."
            )
        return ""
    note_encoding(decoded, draft)
    return decoded.text


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
