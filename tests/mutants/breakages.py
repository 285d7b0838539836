"""Every small breakage of a source file: one place of its syntax tree written otherwise, all else as it stands.

What is said to people only (docstrings, sentences, annotations) and what the decorators say is left as it is: no test
should depend on it.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
_LEFT_ALONE = (ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Global)


@dataclass(frozen=True, slots=True)
class Breakage:
    """A file as it is, and as it is with something else at a line."""

    path: str
    line: int
    kind: str
    source: str
    broken: str
    lines: range = range(0)  # of its statement, or of the head of one that holds others: what executes it
    function: tuple[str, int] | None = (
        None  # its outermost function, and which of that name; None: runs at import
    )

    def means_another_thing(self) -> bool:
        """Whether it can be compiled, and is not the same but for how it is written."""
        try:
            return ast.dump(ast.parse(self.broken)) != ast.dump(ast.parse(self.source))
        except SyntaxError:
            return False

    def diff(self) -> str:
        lines = difflib.unified_diff(self.source.splitlines(), self.broken.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def breakages(path: str, source: str) -> list[Breakage]:
    """All breakages of a file, in the order of its lines."""
    found: dict[str, Breakage] = {}
    tree = ast.parse(source)
    functions = list(_functions(tree))
    names = [name for name, _ in functions]
    for node, kind, text, lines in _changes(tree, range(0)):
        broken = _replaced(source, node, text)
        at = next((at for at, (_, body) in enumerate(functions) if lines.start in body), None)
        function = None if at is None else (names[at], names[:at].count(names[at]))
        found.setdefault(broken, Breakage(path, node.lineno, kind, source, broken, lines, function))
    return sorted(found.values(), key=lambda it: (it.line, it.kind, it.broken))


def _functions(node: ast.AST, within: str = "") -> Iterator[tuple[str, range]]:
    """The qualified name of each outermost function, and the lines of its body."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield within + child.name, range(child.body[0].lineno, (child.end_lineno or 0) + 1)
        else:
            yield from _functions(
                child, f"{within}{child.name}." if isinstance(child, ast.ClassDef) else within
            )


def _lines(node: Any, around: range) -> range:
    if isinstance(node, ast.match_case):
        return range(node.pattern.lineno, node.body[0].lineno)
    if not isinstance(node, ast.stmt | ast.ExceptHandler):
        return around
    inner = getattr(node, "body", None) or getattr(node, "cases", None)
    if not inner:
        return range(node.lineno, (node.end_lineno or 0) + 1)
    first = getattr(inner[0], "pattern", inner[0]).lineno
    return range(node.lineno, max(first, node.lineno + 1))


def _replaced(source: str, node: Any, text: str) -> str:
    """The places in a tree are counted in bytes."""
    lines = source.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    before = b"".join(lines[:first]) + lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
    return (before + text.encode() + after).decode()


def _changes(node: ast.AST, around: range) -> Iterator[tuple[Any, str, str, range]]:
    """Each place that is changed, in what way, what is written there, and the lines that execute it."""
    lines = _lines(node, around)
    for change, text in _changes_of(node):
        yield node, change, text, lines
    for child in _children(node):
        yield from _changes(child, lines)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield child


def _is_left_alone(node: ast.AST) -> bool:
    said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return said or typing or isinstance(node, _LEFT_ALONE)


def _changes_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            yield "comparison flipped", _unparsed(node, ops=[_COMPARISONS[type(operator)]()])
        case ast.BoolOp(op=operator, values=values):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield "and/or", f"({_unparsed(node, op=other)})"
            yield "operand dropped", f"({_unparsed(node, values=values[:-1])})"
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
            yield "plus/minus", f"({_unparsed(node, op=_OPERATORS[type(operator)]())})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not dropped", f"({ast.unparse(operand)})"
        case ast.Constant(value=value):
            for other in _other_constants(value):
                yield "constant changed", repr(other)
        case ast.Name(id=name, ctx=ast.Load()) if name in _NAMES:
            yield "any/all, min/max", _NAMES[name]
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            yield (
                "choice turned",
                f"({ast.unparse(otherwise)} if {ast.unparse(test)} else {ast.unparse(body)})",
            )
        case ast.Call(keywords=keywords) if any(word.arg for word in keywords):
            for word in keywords:
                if word.arg:
                    left = [other for other in keywords if other is not word]
                    yield "argument dropped", _unparsed(node, keywords=left)
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield "return value changed", "return None"
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue():
            yield "statement dropped", "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "statement dropped", "pass"


def _other_constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str) and " " not in value:
        yield f"{value}~x"  # a codec's name with a sign at its end is still that codec's


def _unparsed(node: Any, **changes: Any) -> str:
    members = dict(ast.iter_fields(node)) | changes
    return ast.unparse(type(node)(**members))
