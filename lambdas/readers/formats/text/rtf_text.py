"""The text of an RTF document, in one pass over its markup: body, headers, footers, notes, comments and text boxes.

Each group of braces inherits what holds around it. Bytes are text in the character set of their font, two of them a
letter in those of East Asia. What is only data (pictures, styles, the code of fields) is passed over, and so is every
group marked as ignorable that holds no text known here.
"""

from __future__ import annotations

import codecs
import re
from copy import copy
from dataclasses import dataclass, field

from lambdas.readers.formats.office.symbols import CHECKED, UNCHECKED, UNKNOWN, is_symbol_font, symbol
from lambdas.readers.limits import MAX_TEXT
from lambdas.readers.marks import Mark, Runs

_MAX_DEPTH = 2_000
_MOST_TEXT = 2 * MAX_TEXT  # beyond it nothing would be kept
_TOKEN = re.compile(
    r"\\'([0-9a-fA-F]{2})|\\([a-zA-Z]{1,32})(-?\d{1,10})?\d*[ ]?|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
BODY, SKIPPED = "", "-"
_PARTS = {
    **dict.fromkeys(("header", "headerl", "headerr", "headerf"), "Header"),
    **dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "Footer"),
    **{"footnote": "Footnotes", "annotation": "Comments", "shptxt": "Text boxes", "dptxbxtext": "Text boxes"},
}
_SKIPPED = frozenset(
    (
        *(
            "stylesheet",
            "colortbl",
            "listtable",
            "listoverridetable",
            "rsidtbl",
            "generator",
            "themedata",
            "filetbl",
        ),
        *(
            "colorschememapping",
            "latentstyles",
            "datastore",
            "pict",
            "objdata",
            "objclass",
            "objname",
            "revtbl",
        ),
        *(
            "bkmkstart",
            "bkmkend",
            "nonshppict",
            "shprslt",
            "sp",
            "xmlnstbl",
            "pgptbl",
            "nesttableprops",
            "fonttbl",
        ),
        *(
            "nonesttables",
            "info",
            "ftnsep",
            "ftnsepc",
            "aftnsep",
            "atnid",
            "atnauthor",
            "atntime",
            "listname",
            "upr",
        ),
        *(
            "shpinst",
            "do",
            "fldinst",
            "formfield",
            "template",
            "passwordhash",
            "protusertbl",
            "userprops",
            "mmathPr",
        ),
    )
)
_FACTS = {"title": "title", "subject": "subject", "author": "author", "keywords": "keywords"}
_CHARACTERS = {
    **{"par": "\n", "sect": "\n", "page": "\n", "column": "\n", "line": "\n", "row": "\n", "nestrow": "\n"},
    **{
        "tab": "\t",
        "cell": "   ",
        "nestcell": "   ",
        "emdash": "—",
        "endash": "–",
        "bullet": "•",
        "emspace": " ",
    },
    **{"enspace": " ", "qmspace": " ", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”"},
}
_SIGNS = {"~": "\xa0", "_": "\u2011", "\r": "\n", "\n": "\n", "\t": "\t", "\\": "\\", "{": "{", "}": "}"}
_CHARSETS = {
    **{
        77: "mac-roman",
        78: "cp932",
        128: "cp932",
        129: "cp949",
        130: "johab",
        134: "gb18030",
        136: "big5hkscs",
    },
    **{
        161: "cp1253",
        162: "cp1254",
        163: "cp1258",
        177: "cp1255",
        178: "cp1256",
        186: "cp1257",
        204: "cp1251",
    },
    **{222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp437"},
}
_PAGES = {65001: "utf-8", 10000: "mac-roman", 936: "gb18030", 950: "big5hkscs", 1361: "johab"}
_SYMBOL_CHARSET = 2
_OF_TWO_BYTES = frozenset(("cp932", "cp949", "gb18030", "big5hkscs", "johab", "utf-8"))
_SYMBOL_FIELD = re.compile(r"SYMBOL\s+(\d{1,5})\b.{0,200}?\\f\s*\"?([\w ]{1,40})", re.DOTALL | re.IGNORECASE)
_NOT_SET = 25  # of a check box that nobody has touched


@dataclass(slots=True)
class _State:
    """What holds in a group. `part` is where its text goes, `outer` where it went before a part was passed over."""

    part: str = BODY
    outer: str = BODY
    font: int | None = None
    far_font: int | None = None
    is_far: bool = False
    fallback: int = 1
    deleted: bool = False
    struck: bool = False
    fact: str = ""
    in_fonts: bool = False
    is_instruction: bool = False


@dataclass(slots=True)
class _Font:
    name: str = ""
    codec: str | None = None
    is_symbol: bool = False


@dataclass(slots=True)
class RtfText:
    """What was found. `parts` are the texts by the name of the part, the body's name is empty."""

    parts: dict[str, Runs] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    pictures: int = 0
    embedded: int = 0
    is_damaged: bool = False
    is_too_deep: bool = False


class RtfReader:
    """Reads markup into `found`, which holds what was read until then, whatever happens."""

    def __init__(self, markup: str, *, is_unicode: bool) -> None:
        self._markup = markup
        self._is_unicode = is_unicode
        self.found = RtfText({BODY: Runs()})
        self._state = _State()
        self._stack: list[_State] = []
        self._fonts: dict[int, _Font] = {}
        self._open_font = _Font()
        self._page = "cp1252"
        self._bytes = bytearray()
        self._skip = 0
        self._ignorable = False
        self._length = 0
        self._notes = 0
        self._instruction: list[str] = []
        self._box: dict[str, int] = {}

    def read(self) -> None:
        position = 0
        while position < len(self._markup) and self._length <= _MOST_TEXT:
            match = _TOKEN.match(self._markup, position)
            if match is None:
                position += 1
                continue
            position = match.end()
            kind = match.lastindex
            if kind == 1:
                self._byte(int(match[1], 16))
            elif kind in (2, 3):
                if match[2] == "bin":
                    position += max(int(match[3] or 0), 0)
                else:
                    self._word(match[2], None if match[3] is None else int(match[3]))
            elif kind == 4:
                self._sign(match[4])
            elif kind == 5:
                if not self._brace(match[5]):
                    break
            elif kind == 6:
                self._plain(match[6])
        self._flush()
        is_at_end = not self.found.is_too_deep and self._length <= _MOST_TEXT
        self.found.is_damaged = is_at_end and bool(self._stack)

    def _brace(self, brace: str) -> bool:
        """Whether reading goes on."""
        self._flush()
        self._skip = 0
        self._ignorable = False
        if brace == "{":
            if len(self._stack) >= _MAX_DEPTH:
                self.found.is_too_deep = True
                return False
            self._stack.append(self._state)  # copied when it changes: most groups change nothing
            return True
        if not self._stack:
            return False
        if self._state.is_instruction and not self._stack[-1].is_instruction:
            self._end_instruction()
        self._state = self._stack.pop()
        return bool(self._stack)

    def _own(self) -> _State:
        """What holds in this group, to be changed for it alone."""
        if self._stack and self._state is self._stack[-1]:
            self._state = copy(self._state)
        return self._state

    def _end_instruction(self) -> None:
        """What the code of a field shows: a symbol, or a box that is ticked or not."""
        code = "".join(self._instruction)
        self._instruction.clear()
        around = self._stack[-1]
        if shown := _SYMBOL_FIELD.search(code):
            self._emit(symbol(int(shown[1]), shown[2]), around)
        elif "FORMCHECKBOX" in code.upper():
            result = self._box.get("ffres", _NOT_SET)
            ticked = self._box.get("ffdefres", 0) if result == _NOT_SET else result
            self._emit(CHECKED if ticked else UNCHECKED, around)
        self._box.clear()

    def _sign(self, sign: str) -> None:
        if sign == "*":
            self._ignorable = True
            return
        if (text := _SIGNS.get(sign)) is not None and not self._skipped():
            self._text(text)

    def _skipped(self) -> bool:
        """Whether this is a letter for readers that do not know the one before it."""
        if self._skip:
            self._skip -= 1
            return True
        return False

    def _byte(self, byte: int) -> None:
        if not self._skipped():
            self._bytes.append(byte)

    def _plain(self, text: str) -> None:
        if self._skip:
            dropped = min(self._skip, len(text))
            self._skip -= dropped
            text = text[dropped:]
        if text.isascii() or self._is_unicode:
            if self._bytes and not self._is_unicode and self._awaits_a_byte():
                self._bytes += text[:1].encode("latin-1")  # the second byte of a letter may be one of ASCII
                text = text[1:]
            self._text(text)
        else:
            self._bytes += text.encode("latin-1", "replace")

    def _awaits_a_byte(self) -> bool:
        if self._codec() not in _OF_TWO_BYTES:
            return False
        decoder = codecs.getincrementaldecoder(self._codec())("replace")
        decoder.decode(bytes(self._bytes))
        return bool(decoder.getstate()[0])

    def _codec(self) -> str:
        font = self._font()
        return (font.codec if font else None) or self._page

    def _font(self) -> _Font | None:
        state = self._state
        number = state.far_font if state.is_far and state.far_font is not None else state.font
        return None if number is None else self._fonts.get(number)

    def _flush(self) -> None:
        if not self._bytes:
            return
        data = bytes(self._bytes)
        self._bytes.clear()
        font = self._font()
        if font and font.is_symbol and self._state.part != SKIPPED:
            self._emit("".join(symbol(byte, font.name) for byte in data), self._state)
            return
        self._add(data.decode(self._codec(), "replace"))

    def _text(self, text: str) -> None:
        self._flush()
        font = self._font()
        if font and font.is_symbol and self._state.part != SKIPPED:
            text = "".join(symbol(ord(it), font.name) if it not in "\n\t" else it for it in text)
        self._add(text)

    def _add(self, text: str) -> None:
        state = self._state
        if state.in_fonts:
            name, end, _ = text.partition(";")
            self._open_font.name += name
            if end:
                self._end_font()
        elif state.is_instruction:
            if len(self._instruction) < 1_000:
                self._instruction.append(text)
        elif state.fact:
            self.found.facts[state.fact] = (self.found.facts.get(state.fact, "") + text)[:MAX_TEXT]
        else:
            self._emit(text, state)

    def _end_font(self) -> None:
        self._open_font.is_symbol = is_symbol_font(self._open_font.name)

    def _emit(self, text: str, state: _State) -> None:
        if state.part == SKIPPED:
            return
        self._length += len(text)
        mark = Mark.DELETED if state.deleted else Mark.STRUCK if state.struck else None
        self.found.parts.setdefault(state.part, Runs()).add(text, mark)

    def _word(self, word: str, number: int | None) -> None:
        if word == "u" and number is not None:
            self._unicode(number)
            return
        if self._skipped():
            return
        self._flush()
        is_ignorable, self._ignorable = self._ignorable, False
        state = self._state
        if word in _PARTS or word in _SKIPPED or is_ignorable or word in _FACTS or word in ("ud", "result"):
            self._begin_part(word, self._own(), is_ignorable)
        elif (text := _CHARACTERS.get(word)) is not None:
            self._add(text)
        elif word == "chftn":
            self._notes += state.part == BODY
            self._add(f"[{max(self._notes, 1)}]")
        else:
            self._property(word, number, self._own())

    def _begin_part(self, word: str, state: _State, is_ignorable: bool) -> None:
        if word in _PARTS:
            state.part, state.deleted, state.struck = _PARTS[word], False, False
            if state.part in self.found.parts:
                self.found.parts[state.part].add("\n")
        elif word in _FACTS and not is_ignorable and state.part == SKIPPED:
            state.fact = _FACTS[word]
        elif word == "ud":
            state.part = state.outer
        elif word == "result":
            pass  # what an embedded document looks like
        else:
            if state.part != SKIPPED:
                state.outer = state.part
            state.part, state.fact = SKIPPED, ""
            self.found.pictures += word == "pict"
            self.found.embedded += word == "objdata"
            state.in_fonts = word == "fonttbl"
            state.is_instruction = state.is_instruction or word in ("fldinst", "formfield")

    def _property(self, word: str, number: int | None, state: _State) -> None:
        is_on = number != 0
        match word:
            case "deleted":
                state.deleted = is_on
            case "strike" | "striked":
                state.struck = is_on
            case "plain":
                state.deleted = state.struck = state.is_far = False
                state.font = self._default_font
            case "f" if state.in_fonts and number is not None:
                self._open_font = (
                    self._fonts.setdefault(number, _Font()) if len(self._fonts) < 5_000 else _Font()
                )
            case "f":
                state.font, state.is_far = number, False
            case "loch" | "hich" | "dbch":
                state.is_far = word == "dbch"
            case "af" if state.is_far:
                state.far_font = number
            case "fcharset" if number == _SYMBOL_CHARSET:
                self._open_font.is_symbol = True
            case "fcharset":
                self._open_font.codec = _CHARSETS.get(number or 0)
            case "cpg":
                self._open_font.codec = _codec_of_page(number) or self._open_font.codec
            case "ansicpg":
                self._page = _codec_of_page(number) or self._page
            case "mac":
                self._page = "mac-roman"
            case "pc":
                self._page = "cp437"
            case "pca":
                self._page = "cp850"
            case "deff":
                self._default_font = state.font = number
            case "uc":
                state.fallback = min(max(number if number is not None else 1, 0), 10)
            case "ffres" | "ffdefres":
                self._box[word] = number or 0

    _default_font: int | None = None

    def _unicode(self, number: int) -> None:
        self._flush()
        code = number + 0x10000 if number < 0 else number
        font = self._font()
        text = UNKNOWN
        if 0xF000 <= code <= 0xF0FF and font:
            text = symbol(code, font.name)
        elif 0 <= code < 0x110000:
            text = chr(code)
        self._add(text)
        self._skip = self._state.fallback
        self._ignorable = False


def _codec_of_page(page: int | None) -> str | None:
    name = _PAGES.get(page or 0, f"cp{page}")
    try:
        return codecs.lookup(name).name if page else None
    except LookupError:
        return None
