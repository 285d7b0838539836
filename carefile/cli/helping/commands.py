"""Commands of one or two words (`catalog`, `catalog rebuild`): their help, their completion, and a suggestion for a
word that is none."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from carefile.cli.helping.examples import EXAMPLES

# What people type first, coming from other tools. A command that deletes is never suggested for another word.
_GUESSED = {
    "get": "open", "cat": "open", "view": "open", "download": "open", "page": "open",
    "ls": "catalog", "list": "catalog", "find": "catalog", "search": "catalog",
    "upload": "put", "cp": "put", "add": "put", "send": "put", "submit": "put",
    "log": "runs", "logs": "runs", "executions": "runs", "status": "runs", "failed": "runs", "ps": "runs",
    "watch": "runs --watch", "tail": "runs --watch", "top": "runs --watch", "version": "--version",
    "describe": "show", "info": "show", "why": "show", "explain": "show",
    "move": "assign", "mv": "assign", "reassign": "assign", "retry": "redrive", "resubmit": "redrive",
    "rerun": "redrive", "import": "backfill", "ingest": "backfill", "check": "doctor", "health": "doctor",
    "repair": "reconcile", "sync": "reconcile", "rebuild": "catalog rebuild", "merge": "patients merge",
}  # fmt: skip
_FEW = 24  # characters of choices that stand beside their option
_DESTRUCTIVE = frozenset({"forget"})
# What a value is, where the option's name does not say it.
_VALUES = {
    "patient": "ID", "since": "WHEN", "timeout": "DURATION", "idle": "DURATION", "grace": "DURATION", "by": "NAME",
    "into": "ID", "from": "ID", "session": "ID", "key": "KEY", "limit": "N", "rate": "N", "port": "N",
    "interval": "DURATION", "text": "WORD", "names": "NAME", "paths": "PATH", "files": "FILE",
}  # fmt: skip
# What commands are for. One that is in no group is listed under "More".
GROUPS = {
    "Every day": ("put", "runs", "show", "open", "catalog", "where"),
    "Deciding whose it is": (
        "inbox", "assign", "unfile", "decisions", "decisions verify", "patients import", "patients list",
        "patients show", "patients search", "patients merge", "patients unmerge", "patients refile",
    ),
    "When something failed": ("doctor", "redrive", "dlq", "reconcile", "catalog rebuild", "places"),
    "What was there before": ("backfill", "reread", "adopt", "migrate"),
    "Before production": ("verify",),
    "Deleting for good": ("forget",),
}  # fmt: skip


class Command(TyperCommand):
    """A command whose help has two columns, no types, and examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        _write_text(self.help or "", formatter)
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if not getattr(parameter, "hidden", False):
                name = getattr(parameter, "rich_help_panel", None) or "Options"
                name = "Arguments" if isinstance(parameter, TyperArgument) else name
                sections.setdefault(name, []).append((_left(parameter), _right(parameter, ctx)))
        for name, rows in filter(lambda section: section[1], sections.items()):
            with formatter.section(name):
                formatter.write_dl(rows, col_max=28)
        examples = EXAMPLES.get(self.name or "", ())
        if examples:
            with formatter.section("Examples"):
                for line, purpose in examples:
                    formatter.write(f"  carefile {line}\n      {purpose}\n")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        named = [item for item in self.get_params(ctx) if isinstance(item, TyperArgument)]
        return ["[OPTIONS]", *(_named(item) if item.required else f"[{_named(item)}]" for item in named)]


class Commands(TyperGroup):
    """Resolves two-word commands next to one-word ones, and suggests one for a word that is none."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        _write_text(self.help or "", formatter)
        grouped = {name for names in GROUPS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in grouped)
        for group, names in {**GROUPS, "More": rest}.items():
            with formatter.section(group):
                shown = [(name, self.commands[name]) for name in names if name in self.commands]
                formatter.write_dl([(name, _first(command)) for name, command in shown])
        with formatter.section("Options"):
            rows = [(_left(item), _right(item, ctx)) for item in self.get_params(ctx)]
            formatter.write_dl(rows, col_max=28)
        _write_text(self.epilog or "", formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        words = " ".join(args[:2])
        if ctx.resilient_parsing and (
            len(args) == 1 or (words not in self.commands and args[0] not in self.commands)
        ):
            return None, None, args  # completing: a second word may follow
        if words in self.commands:
            return super().resolve_command(ctx, [words, *args[2:]])
        if args[0] in self.commands or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        return ctx.fail(f"No such command {args[0]!r}." + self._meant(args[0]))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        typed = [*ctx._protected_args, *ctx.args]
        if typed:
            command, found = self.commands.get(typed[0]), _seconds(self, typed[0], incomplete)
            if command is None or len(typed) > 1 or (found and not incomplete.startswith("-")):
                return found
            within = type(ctx)(command, info_name=typed[0], parent=ctx, resilient_parsing=True)
            arguments = [it for it in command.params if isinstance(it, TyperArgument)]
            asked = command if incomplete.startswith("-") or not arguments else arguments[0]
            return asked.shell_complete(within, incomplete)
        first = {name.split()[0]: command for name, command in reversed(list(self.commands.items()))}
        found = [_item(name, first[name]) for name in reversed(first) if name.startswith(incomplete)]
        return found or super().shell_complete(ctx, incomplete)

    def _meant(self, word: str) -> str:
        follow = sorted(name for name in self.commands if name.startswith(f"{word} "))
        if follow:
            return f" It is followed by {', '.join(name.split()[1] for name in follow)}."
        meant = _GUESSED.get(word.casefold())
        meant = meant or next(
            iter(get_close_matches(word, self.commands.keys() - _DESTRUCTIVE, cutoff=0.7)), None
        )
        return f" Did you mean {meant!r}?" if meant else ""


def _seconds(commands: Any, first: str, incomplete: str) -> list[Any]:
    start = f"{first} "
    found = (
        (name.removeprefix(start), it) for name, it in commands.commands.items() if name.startswith(start)
    )
    return [_item(word, command) for word, command in found if word.startswith(incomplete)]


def _first(command: Any) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())


def _item(word: str, command: Any) -> Any:
    from typer._click.shell_completion import CompletionItem

    return CompletionItem(word, help=_first(command))


def _write_text(text: str, formatter: Any) -> None:
    for paragraph in text.split("\n\n"):
        formatter.write_paragraph()
        formatter.write_text(" ".join(paragraph.split()))


def _named(argument: TyperArgument) -> str:
    name = argument.metavar or _VALUES.get(argument.name or "", (argument.name or "").upper())
    return name if argument.nargs == 1 else f"{name}..."


def _left(parameter: Any) -> str:
    """An option with what its value is; for a flag, nothing more."""
    if isinstance(parameter, TyperArgument):
        return _named(parameter)
    assert isinstance(parameter, TyperOption)  # noqa: S101 - narrows the type
    options = ", ".join(sorted(parameter.opts, key=len))
    if parameter.secondary_opts:
        options = " / ".join([options, *parameter.secondary_opts])
    return options if parameter.is_flag else f"{options} {_value(parameter)}"


def _value(option: TyperOption) -> str:
    choices = "|".join(_choices(option))
    if 0 < len(choices) <= _FEW:
        return choices
    if option.metavar:
        return option.metavar
    return _VALUES.get(option.name or "", option.opts[0].strip("-").rpartition("-")[2].upper())


def _choices(parameter: Any) -> list[str]:
    descriptor = parameter.type_descriptor
    choices = descriptor.choices if descriptor.is_choice else None
    return [str(getattr(choice, "value", choice)) for choice in choices or ()]


def _right(parameter: Any, ctx: Any) -> str:
    text, choices = str(parameter.help or ""), _choices(parameter)
    if len("|".join(choices)) > _FEW:
        text += f" One of: {', '.join(choices)}."
    default = parameter.get_default(ctx)
    shows = not isinstance(parameter, TyperArgument) and not (
        default is None or isinstance(default, bool) or default in ("", [], ())
    )
    return f"{text} [default: {getattr(default, 'value', default)}]" if shows else text
