"""Writes a stage's template and packages for those who deploy without the CDK:

    python -m infrastructure.template [-c stage=prod] [-o .build/template]

The folder holds `carefile-<stage>.template.json`, whose functions refer to packages beside it, as
`aws cloudformation package` and comparable tools expect. It needs no bootstrapped account.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infrastructure.app import synthesise
from infrastructure.functions.package import PackageError
from infrastructure.settings.config import ConfigError, load_context, stage_config

_CDK_ONLY = ("aws:cdk:path", "aws:asset:path", "aws:asset:is-bundled", "aws:asset:property")


def write(assembly: Path, stack: str, folder: Path) -> Path:
    """Write the template of an assembly's stack, and its packages, to a folder. Returns the template's path."""
    folder.mkdir(parents=True, exist_ok=True)
    template: dict[str, Any] = json.loads((assembly / f"{stack}.template.json").read_text(encoding="utf-8"))
    files = json.loads((assembly / f"{stack}.assets.json").read_text(encoding="utf-8"))["files"]
    packages = {
        destination["objectKey"]: assembly / file["source"]["path"]
        for file in files.values()
        for destination in file["destinations"].values()
    }
    for resource in template["Resources"].values():
        for name in _CDK_ONLY:
            resource.get("Metadata", {}).pop(name, None)
        if resource.get("Metadata") == {}:
            del resource["Metadata"]
        if resource["Type"] == "AWS::Lambda::Function":
            key = resource["Properties"]["Code"]["S3Key"]
            resource["Properties"]["Code"] = _package(packages[key], folder, key)
    path = folder / f"{stack.lower()}.template.json"
    path.write_text(json.dumps(template, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _package(source: Path, folder: Path, key: str) -> str:
    """Put a package into the folder, once; returns its name there."""
    name = Path(key).stem
    if source.is_file():  # packed already
        name += ".zip"
        shutil.copyfile(source, folder / name)
    elif not (folder / name).exists():
        shutil.copytree(source, folder / name)
    return name


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infrastructure.template", description=__doc__)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("-o", "--output", default=".build/template", metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        context = load_context() | dict(it.split("=", 1) for it in options.context)
        stack = stage_config(context).stack_name
        with tempfile.TemporaryDirectory() as assembly:
            synthesise(context, assembly)
            shutil.rmtree(options.output, ignore_errors=True)
            path = write(Path(assembly), stack, Path(options.output))
    except (ConfigError, PackageError) as error:
        print(f"carefile: {error}", file=sys.stderr)  # noqa: T201 - command-line output
        return 2
    print(f"{path}\nHow to deploy it: docs/deploying.md#without-the-cdk")  # noqa: T201 - command-line output
    return 0


if __name__ == "__main__":
    sys.exit(main())
