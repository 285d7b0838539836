"""What all commands share: connection options, `--json`, error reporting and exit codes.

A command is a function `(connection, view, **options) -> Exit`. `@operation` adds the shared options, connects, and
turns any error into a message on stderr and an exit code. Ctrl-C leaves nothing half done: every command works in
atomic steps and resumes when it is run again.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from typer.models import ArgumentInfo, OptionInfo

from carefile.cli.aws.connection import Account, connect
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem, problem_for
from carefile.cli.shown.view import View, plain

Command = Callable[..., Exit]
_SHARED = {
    "stack": Annotated[
        str | None,
        typer.Option(
            help="The CloudFormation stack, e.g. Carefile-prod (env: CAREFILE_STACK).",
            rich_help_panel="Connection",
        ),
    ],
    "profile": Annotated[str | None, typer.Option(help="The AWS profile.", rich_help_panel="Connection")],
    "region": Annotated[str | None, typer.Option(help="The AWS region.", rich_help_panel="Connection")],
    "as_json": Annotated[bool, typer.Option("--json", help="Output JSON; tables as one object per line.")],
}


def operation(command: Command, *, unconnected: str | None = None) -> Callable[..., None]:
    """Turn a function into a command: add the shared options, connect, report errors.

    With the option that `unconnected` names, the command gets no connection, as there may be no stack yet.
    """

    spelt = _spelt(command)

    @functools.wraps(command)
    def wrapped(
        *, stack: str | None, profile: str | None, region: str | None, as_json: bool, **options: Any
    ) -> None:
        view = View(as_json=as_json)
        try:
            _refuse_empty(options | {"stack": stack, "profile": profile, "region": region}, spelt)
            if unconnected and options[unconnected]:
                code = command(Account(profile, region), view, **options)
            else:
                connection = connect(profile, region, stack)
                view.note(f"[dim]{plain(connection.where)}[/dim]")
                code = command(connection, view, **options)
        except KeyboardInterrupt:
            view.warn("\nInterrupted. Run the same command again to resume.")
            code = Exit.INTERRUPTED
        except (Problem, ClientError, BotoCoreError, Boto3Error) as error:
            problem = error if isinstance(error, Problem) else problem_for(error)
            view.warn(f"[red]carefile:[/red] {plain(problem.what)}")
            if problem.to_do:
                view.warn(f"  to do: {plain(problem.to_do)}")
            code = problem.code
        except BrokenPipeError:  # the reader (head, less) has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Exit.DONE
        raise typer.Exit(int(code))

    _announce(wrapped, command)
    return wrapped


def _refuse_empty(options: Mapping[str, Any], spelt: Mapping[str, str]) -> None:
    """Refuse an empty value: mostly a shell's variable that is not set, and never an id, a key or a duration."""
    for name, value in options.items():
        if value == "" or (isinstance(value, list) and "" in value):
            raise Problem(f"{spelt.get(name, f'--{name}')} is empty", "give it a value, or leave it out")


def _spelt(command: Command) -> dict[str, str]:
    """Map the parameters of a command to what one types."""
    found = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        for info in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(info, ArgumentInfo):
                found[name] = str(info.metavar or name).upper()
            elif isinstance(info, OptionInfo):
                declared = next((text for text in info.param_decls or () if text.startswith("--")), None)
                found[name] = declared or f"--{name.strip('_').replace('_', '-')}"
    return found


def _announce(wrapped: Any, command: Command) -> None:
    """Expose the command's own options and the shared ones to typer."""
    signature = inspect.signature(command, eval_str=True)
    own = list(signature.parameters.values())[2:]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if name == "as_json" else None,
            annotation=annotation,
        )
        for name, annotation in _SHARED.items()
    ]
    keywords = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own]
    wrapped.__signature__ = signature.replace(parameters=[*keywords, *shared], return_annotation=None)
    wrapped.__annotations__ = {item.name: item.annotation for item in (*keywords, *shared)}
    del wrapped.__wrapped__  # typer would look through the wrapper
