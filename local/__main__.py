"""`python -m local`: the commands behind `make up`, `make down`, `make status` and `make demo`."""

from __future__ import annotations

import argparse
import sys

from local.problem import Problem


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="Carefile on this machine")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="report what is missing on this machine")
    commands.add_parser("up", help="start the embedded AWS, deploy the pipeline, print its addresses")
    commands.add_parser("deploy", help="deploy again, even if nothing changed")
    commands.add_parser("status", help="print addresses and stack outputs")
    demo = commands.add_parser("demo", help="send the samples through the pipeline and show the results")
    demo.add_argument("--verbose", action="store_true", help="show the catalog event as a whole")
    demo.add_argument(
        "--scans", action="store_true", help="also deploy a stage that reads scans, and send it some"
    )
    commands.add_parser("clean", help="stop the embedded AWS and delete what it keeps in its home")
    commands.add_parser("down", help="stop the embedded AWS; its data is kept")
    arguments = vars(parser.parse_args())
    try:
        return _run(arguments.pop("command"), **arguments)
    except Problem as problem:
        print(f"carefile: {problem.what}\n  to do: {problem.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(command: str, **options: bool) -> int:
    from local import checks

    checks.python()
    if command not in ("down", "clean"):
        checks.environments()
    if command == "check":
        checks.node()
        return 0
    from local import commands
    from local.settings import Settings

    code: int = getattr(commands, command)(Settings.from_environment(), **options)
    return code


if __name__ == "__main__":
    sys.exit(main())
