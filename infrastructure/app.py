"""The CDK app's entry point: `cdk deploy -c stage=prod`, or without the CDK CLI

    python -m infrastructure.app [-c stage=local] [-o cdk.out]

which writes the same cloud assembly: the template, and the assets to publish.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infrastructure.functions.package import PackageError, build_package
from infrastructure.settings.config import ConfigError, load_context, stage_config

# The project supports Node 20; the CDK's end-of-life notice would drown the app's own messages.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")


def synthesise(context: dict[str, Any], output: str) -> None:
    """Write the cloud assembly of the selected stage to a directory."""
    config = stage_config(context)
    package = build_package(config)
    scans_package = build_package(config, scans=True) if config.reads_scans else None

    # Imported late: the CDK takes seconds to load, and a wrong setting should be reported at once.
    from aws_cdk import App

    from infrastructure.stack import CarefileStack

    app = App(outdir=output, context=context, analytics_reporting=False)
    CarefileStack(app, config=config, package=package, scans_package=scans_package)
    app.synth()
    _remove_old_packages(Path(output))


def _remove_old_packages(assembly: Path) -> None:
    """Delete function packages that no manifest names: each code change adds megabytes that nothing else removes."""
    named = {
        file["source"]["path"]
        for manifest in assembly.glob("*.assets.json")
        for file in json.loads(manifest.read_text(encoding="utf-8"))["files"].values()
    }
    for path in assembly.glob("asset.*"):
        if path.name not in named:
            shutil.rmtree(path, ignore_errors=True)


def _pair(argument: str) -> tuple[str, str]:
    key, equals, value = argument.partition("=")
    if not equals:
        raise ConfigError(f"-c {argument}: not a pair; allowed: KEY=VALUE, e.g. -c stage=dev")
    return key, value


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infrastructure.app", description="Synthesise Carefile.")
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("-o", "--output", default=os.environ.get("CDK_OUTDIR", "cdk.out"), metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        # The CLI's context wins over cdk.json, an argument over both.
        context = load_context() | json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
        context |= dict(map(_pair, options.context))
        synthesise(context, options.output)
    except (ConfigError, PackageError) as error:
        print(f"carefile: {error}", file=sys.stderr)  # noqa: T201 - command-line output
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
