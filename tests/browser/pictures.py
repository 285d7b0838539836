"""Takes every picture of the documentation: `make pictures`, or `python -m tests.browser.pictures FOLDER`.

One embedded AWS with its console shows executions that succeeded, failed and were redriven, then the inbox of the
clinic of these tests; the pages of documents are rendered from samples.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, ViewportSize, sync_playwright

from carefile.cli.aws.connection import connect
from carefile.page.render import PageHeader, render
from local import processes
from tests.browser.clinic import SAMPLES, Clinic
from tests.browser.desk import chromium, environment
from tests.browser.screenshots import save, take
from tests.embedded import EmbeddedAws, bring_up, eventually, free_port, running
from tests.readers.golden_files import read_file

# A sample, when it was received, and the height of its picture.
PAGES = {
    "clinical-document": (SAMPLES / "summary_of_care.xml", 1420),
    "mail": (SAMPLES.parents[1] / "tests/readers/golden/mail.eml", 1000),
    "scan": (SAMPLES / "scan.png", 1300),
}
# The console's window for an execution has a margin of twelve pixels; the graph ends where its input begins.
WINDOW: ViewportSize = {"width": 820, "height": 975}
SHOWN: FloatRect = {"x": 12, "y": 12, "width": 796, "height": 950}
RECEIVED = "2026-11-24T04:00:00+00:00"
LETTER, SESSION = "documents/Juan_Perez_123/letter_{}.txt", "sessions/Juan_Perez_123/session_{}/session.json"


def pages(browser: Browser, out: Path) -> None:
    """The pages of three documents."""
    for name, (path, height) in PAGES.items():
        source = f"s3://carefile-landing/documents/Maria_Lopez_456/{path.name}"
        header = PageHeader(path.stem, "document", "Maria_Lopez_456", RECEIVED, source, "v1")
        page = browser.new_page(viewport={"width": 1000, "height": height})
        page.set_content(render(read_file(path), header))
        save(page.screenshot(), out / f"result-{name}.png")
        page.close()


class Console:
    """The console of an embedded AWS, and executions of its pipeline to look at."""

    def __init__(self, aws: EmbeddedAws, browser: Browser) -> None:
        settings = replace(aws.settings, console_port=free_port())
        processes.start(settings)
        self._aws, self._states = aws, aws.client("stepfunctions")
        self._machine = aws.outputs["PipelineStateMachineArn"]
        self._address = f"{settings.console_url}/resources/stepfunctions?machine={self._machine}"
        self._page = browser.new_page(viewport=WINDOW)

    def filed(self, key: str, body: bytes = b"A letter.") -> str:
        """Upload something; the ARN of its execution, which has ended."""
        before = self._known()
        self._aws.client("s3").put_object(Bucket=self._aws.outputs["LandingBucketName"], Key=key, Body=body)
        (arn,) = eventually(lambda: self._known() - before)
        self._aws.finished(arn)
        return arn

    def redriven(self, arn: str) -> str:
        self._states.redrive_execution(executionArn=arn)
        eventually(lambda: self._states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED", 120)
        return arn

    @contextmanager
    def failing(self, function: str) -> Iterator[None]:
        """A function of the pipeline has a ledger that is not there."""
        functions = self._aws.client("lambda")
        (name,) = (
            it["FunctionName"]
            for page in functions.get_paginator("list_functions").paginate()
            for it in page["Functions"]
            if f"{self._aws.settings.stack_name}-Tasks{function}" in it["FunctionName"]
        )
        as_deployed = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": as_deployed | {"LEDGER_TABLE": "gone"}}
        )
        yield
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": as_deployed})

    def picture(self, arn: str) -> Image.Image:
        """The path of an execution, in the window that the console opens for it."""
        name = arn.rpartition(":")[2]
        self._page.goto(self._address, wait_until="networkidle")
        self._page.get_by_text(name).first.click()
        window = self._page.get_by_role("dialog")
        window.get_by_text("EmitCatalogEvent").first.wait_for()
        self._page.wait_for_timeout(1500)  # until the graph has been fitted
        return Image.open(BytesIO(self._page.screenshot(clip=SHOWN)))

    def _known(self) -> set[str]:
        listed = self._states.list_executions(stateMachineArn=self._machine, maxResults=100)["executions"]
        return {it["executionArn"] for it in listed}


def executions(console: Console, out: Path) -> None:
    """Three of the README and the runbook: one that succeeded, one that failed, and three side by side."""
    save(console.picture(console.filed(LETTER.format(0))), out / "execution-succeeded.png")
    save(
        console.picture(console.filed("documents/Juan_Perez_123/empty.pdf", b"")),
        out / "execution-failed.png",
    )
    with console.failing("NormaliseSession"):
        at_session = console.filed(SESSION.format(1), b"{}")
    with console.failing("TagObject"):
        at_tag, again = console.filed(LETTER.format(2)), console.filed(LETTER.format(3))
    console.redriven(again)
    three = [console.picture(arn) for arn in (at_session, at_tag, again)]
    beside = Image.new("RGB", (sum(it.width for it in three), three[0].height), "white")
    for number, one in enumerate(three):
        beside.paste(one, (number * three[0].width, 0))
    save(
        beside.resize((beside.width * 2 // 3, beside.height * 2 // 3), Image.Resampling.LANCZOS),
        out / "failed-and-redriven.png",
    )


def main() -> None:
    out = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as home, running(Path(home)) as aws:
        bring_up(aws)
        with sync_playwright() as playwright:
            browser = chromium(playwright)
            pages(browser, out)
            executions(Console(aws, browser), out)
            browser.close()
        listed = EmbeddedAws(replace(aws.settings, stage="local-listed"))
        bring_up(listed)
        os.environ.update(environment(listed))
        take(Clinic(listed, connect(), Path(home)), out)


if __name__ == "__main__":
    main()
