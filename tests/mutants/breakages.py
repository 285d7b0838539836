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
    for node, kind, text in _changes(ast.parse(source)):
        broken = _replaced(source, node, text)
        found.setdefault(broken, Breakage(path, node.lineno, kind, source, broken))
    return sorted(found.values(), key=lambda it: (it.line, it.kind, it.broken))


def _replaced(source: str, node: Any, text: str) -> str:
    """The places in a tree are counted in bytes."""
    lines = source.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    before = b"".join(lines[:first]) + lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
    return (before + text.encode() + after).decode()


def _changes(node: ast.AST) -> Iterator[tuple[Any, str, str]]:
    """Each place that is changed, in what way, and what is written there."""
    for change, text in _changes_of(node):
        yield node, change, text
    for child in _children(node):
        yield from _changes(child)


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
