"""XML as a tree, by the parser of the standard library, in bounded memory, and deaf to all that XML can be made to do.

Nothing is fetched, no entity that a document declares is resolved (one that declares any is not parsed at all), and
depth and size are limited. A damaged or cut document gives the part of its tree that there is.

An element is what its name and namespace make it, whatever the prefix: one of its parent's namespace is called by its
local name, any other as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TypeAlias
from xml.parsers import expat

from lambdas.readers.limits import MAX_XML_DEPTH, MAX_XML_NODES

_WHITE_SPACE = {ord(one): f"&#{ord(one)};" for one in "\t\n\r"}


class XmlRefusedError(Exception):
    """The document is not parsed: it declares entities, or is too large or too deep."""


class Element:
    """Children are elements and texts, in the document's order."""

    __slots__ = ("attributes", "children", "name", "namespace")

    def __init__(self, name: str, namespace: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.namespace = namespace
        self.attributes = attributes
        self.children: list[Node] = []

    def get(self, attribute: str) -> str:
        return self.attributes.get(attribute, "")

    @property
    def local_name(self) -> str:
        return self.name.rpartition(":")[2]

    @property
    def elements(self) -> Iterator[Element]:
        return (child for child in self.children if isinstance(child, Element))

    def all(self, *path: str) -> Iterator[Element]:
        """The elements of this namespace at this path below."""
        if not path:
            yield self
            return
        for child in self.elements:
            if child.name == path[0] and child.namespace == self.namespace:
                yield from child.all(*path[1:])

    def one(self, *path: str) -> Element | None:
        return next(self.all(*path), None)

    @property
    def text(self) -> str:
        """All the text inside, white space as it stands."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


Node: TypeAlias = Element | str


def as_markup(element: Element) -> str:
    """The element as a text without prefixes and namespaces."""
    return "".join(_markup(element))


def _markup(element: Element) -> Iterator[str]:
    name = element.local_name
    attributes = (f" {key}={_quoted(value)}" for key, value in element.attributes.items() if ":" not in key)
    yield f"<{name}{''.join(attributes)}>"
    for child in element.children:
        if isinstance(child, str):
            yield escape(child, quote=False)
        else:
            yield from _markup(child)
    yield f"</{name}>"


def _quoted(value: str) -> str:
    """As `xml.sax.saxutils.quoteattr` does it, whose module loads all of HTTP into each process that reads."""
    escaped = escape(value, quote=False).translate(_WHITE_SPACE)
    if '"' not in escaped:
        return f'"{escaped}"'
    return f"'{escaped}'" if "'" not in escaped else '"{}"'.format(escaped.replace('"', "&quot;"))


@dataclass(frozen=True, slots=True)
class XmlDocument:
    root: Element
    is_whole: bool


def parse_xml(text: str) -> XmlDocument | None:
    """The document; None if there is no element. Raises XmlRefusedError."""
    if text.count("<") + text.count("=") > MAX_XML_NODES:
        raise XmlRefusedError
    builder = _Builder()
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.SkippedEntityHandler = builder.skipped
    parser.EntityDeclHandler = builder.declared
    try:
        # Blank lines before the declaration are no XML, and are common.
        parser.Parse(text.lstrip().encode("utf-8", "replace"), True)
    except expat.ExpatError:
        parser.buffer_text = False  # gives out the text it holds back
        return builder.document(is_whole=False)
    return builder.document(is_whole=True)


class _Prefixes:
    """What prefixes stand for within one element. One that nobody declared stands for itself, and for no namespace."""

    __slots__ = ("_around", "_known")

    def __init__(self, around: _Prefixes | None, declared: dict[str, str]) -> None:
        self._around = around
        self._known = declared

    def within(self, attributes: dict[str, str]) -> _Prefixes:
        declared = {
            name.removeprefix("xmlns").removeprefix(":"): uri
            for name, uri in attributes.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        return _Prefixes(self, declared) if declared else self

    def namespace(self, prefix: str) -> str:
        prefixes: _Prefixes | None = self
        while prefixes is not None:
            if prefix in prefixes._known:
                return prefixes._known[prefix]
            prefixes = prefixes._around
        return f"{prefix}:" if prefix else ""


class _Builder:
    def __init__(self) -> None:
        self._stack: list[Element] = []
        self._prefixes = [_Prefixes(None, {})]
        self._root: Element | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._stack) >= MAX_XML_DEPTH:
            raise XmlRefusedError
        prefixes = self._prefixes[-1].within(attributes)
        prefix, _, local_name = name.rpartition(":")
        namespace = prefixes.namespace(prefix)
        is_as_around = not self._stack or namespace == self._stack[-1].namespace
        element = Element(local_name if is_as_around else name, namespace, attributes)
        if self._stack:
            self._stack[-1].children.append(element)
        else:
            self._root = element
        self._stack.append(element)
        self._prefixes.append(prefixes)

    def end(self, _: str) -> None:
        self._stack.pop()
        self._prefixes.pop()

    def data(self, text: str) -> None:
        self._stack[-1].children.append(text)

    def skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter and self._stack:
            self._stack[-1].children.append(f"&{name};")

    def declared(self, *_: object) -> None:
        raise XmlRefusedError

    def document(self, *, is_whole: bool) -> XmlDocument | None:
        return None if self._root is None else XmlDocument(self._root, is_whole)
