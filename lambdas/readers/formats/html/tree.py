"""A tree of HTML walked without recursion, since documents nest deeper than a stack, and the text in a part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lambdas.readers.marks import Mark, Runs

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# Not text for people: code, styles, what is never shown, and fallbacks that hold markup as text.
NEVER = frozenset(("script", "style", "template", "iframe", "noembed", "noframes", "object", "embed", "head"))
# fmt: off
BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "ul",
))
# fmt: on
_SPACE = re.compile(r"[ \t\n\r\f]+")
_MARKS = {"del": Mark.DELETED, "s": Mark.STRUCK, "strike": Mark.STRUCK}
_LINE_THROUGH = re.compile(r"text-decoration(?:-line)?\s*:[^;]*line-through", re.IGNORECASE)
_FIELDS = frozenset({"select", "textarea"})
_TYPED = frozenset(
    ("", "text", "date", "number", "email", "tel", "search", "time", "month", "datetime-local")
)


class Walk:
    """Every node below and including one, each element when it begins and when it ends."""

    def __init__(self, root: LexborNode) -> None:
        self._root = root
        self._skips = False

    def skip(self) -> None:
        """Do not go into the element that has just begun."""
        self._skips = True

    def __iter__(self) -> Iterator[tuple[LexborNode, bool]]:
        end = self._root.mem_id
        node = self._root
        while True:
            self._skips = False
            yield node, True
            child = None if self._skips else node.child
            if child is not None:
                node = child
                continue
            while True:
                yield node, False
                parent, following = node.parent, node.next
                if node.mem_id == end or parent is None:
                    return
                if following is not None:
                    node = following
                    break
                node = parent


def own_text(node: LexborNode, *, keep_space: bool = False) -> str:
    """What a node itself contributes to the text: a text its words, a field what was typed into it."""
    if node.is_text_node:
        text = node.text_content or ""
        return text if keep_space else _SPACE.sub(" ", text)
    match node.tag:
        case "br":
            return "\n"
        case "img" | "area":
            return f" {attribute(node, 'alt')} "
        case "input":
            return _typed_in(node)
        case "option":
            return " [x] " if "selected" in node.attributes else " [ ] "
    return ""


def text_in(root: LexborNode, *, keep_space: bool = False) -> str:
    """All text in an element, its blocks on lines of their own."""
    words = Words()
    walk = Walk(root)
    for node, begins in walk:
        words.follow(node, begins)
        if node.tag in NEVER:
            walk.skip()
        elif node.tag in BLOCKS and node.mem_id != root.mem_id:
            words.add("\n")
        elif begins:
            words.add(own_text(node, keep_space=keep_space))
    return words.take()


class Words:
    """The words of a walk, those that are deleted or have a line through them marked as such."""

    def __init__(self) -> None:
        self._runs = Runs()
        self._around: list[tuple[int, Mark]] = []

    def follow(self, node: LexborNode, begins: bool) -> None:
        """Take note of a node of the walk."""
        if node.tag in _FIELDS:
            self.add(" ")
        if begins:
            if mark := mark_of(node):
                self._around.append((node.mem_id, mark))
        elif self._around and self._around[-1][0] == node.mem_id:
            self._around.pop()

    def add(self, text: str) -> None:
        self._runs.add(text, self.mark)

    @property
    def mark(self) -> Mark | None:
        """What is done to what stands here."""
        return self._around[-1][1] if self._around else None

    def mark_around(self, node: LexborNode) -> Mark | None:
        """What is done to what stands around an element that has just begun."""
        around = [mark for id_, mark in self._around if id_ != node.mem_id]
        return around[-1] if around else None

    def take(self) -> str:
        """What was added since the last time."""
        text = str(self._runs)
        self._runs.clear()
        return text


def mark_of(node: LexborNode) -> Mark | None:
    """Whether an element takes back what stands in it."""
    tag = node.tag or ""
    if tag.startswith("-"):  # a text, a comment
        return None
    if mark := _MARKS.get(tag):
        return mark
    style = node.attributes.get("style")
    return Mark.STRUCK if style and _LINE_THROUGH.search(style[:1_000]) else None


def tidy(text: str) -> str:
    """The text with single spaces, and no line that is blank."""
    lines = (_SPACE.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(filter(None, lines))


def attribute(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _typed_in(field: LexborNode) -> str:
    kind = attribute(field, "type").lower()
    if kind in ("checkbox", "radio"):
        return "[x]" if "checked" in field.attributes else "[ ]"
    return f" {attribute(field, 'value')} " if kind in _TYPED else ""
