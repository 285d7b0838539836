"""A clerk at the inbox in a real browser: the command as it is started, Chromium, and hands on the keyboard only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

from tests.embedded import EmbeddedAws
from tests.readers.browser import CHROMIUM

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_MOST = 60_000  # milliseconds


def chromium(playwright: Playwright) -> Browser:
    assert CHROMIUM, "no chromium"
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    )


def environment(aws: EmbeddedAws) -> dict[str, str]:
    """What the command finds the stage of an embedded AWS by."""
    return {
        "AWS_ENDPOINT_URL": aws.settings.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "CAREFILE_STACK": aws.settings.stack_name,
        "COLUMNS": "200",
        "PATH": os.environ["PATH"],
    }


@dataclass
class Server:
    """The command, running."""

    process: subprocess.Popen[str]
    address: str
    said: list[str] = field(default_factory=list)

    def end(self) -> int:
        """End it as Ctrl-C does; what is held is sent first."""
        if self.process.poll() is None:
            self.process.send_signal(2)
        return self.process.wait(120)


@contextmanager
def inbox(aws: EmbeddedAws, by: str, *options: str, command: str = "inbox") -> Iterator[Server]:
    words = [sys.executable, "-m", "carefile", command, *options, "--no-browser"]
    words += ["--by", by] if command == "inbox" else []
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment(aws), cwd=ROOT)
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/enter/\S+", line):
            break
    else:
        raise AssertionError(f"no address was printed: {said}")
    server = Server(process, found[0], said)
    threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
    try:
        yield server
    finally:
        server.end()


@dataclass
class Clerk:
    """Somebody at the inbox. `errors` are what the browser's console has to say."""

    page: Page
    errors: list[str] = field(default_factory=list)

    @classmethod
    def at(
        cls, browser: Browser, address: str, *, width: int = 1280, height: int = 800, language: str = "en-GB"
    ) -> Clerk:
        context = browser.new_context(viewport={"width": width, "height": height}, locale=language)
        page = context.new_page()
        page.set_default_timeout(_MOST)
        clerk = cls(page)
        page.on("pageerror", lambda error: clerk.errors.append(str(error)))
        page.on("console", lambda said: clerk.errors.append(said.text) if said.type == "error" else None)
        page.goto(address)
        clerk.ready()
        return clerk

    @property
    def base(self) -> str:
        return self.page.url.split("/")[0] + "//" + "/".join(self.page.url.split("/")[2:4])

    def ready(self) -> None:
        """Wait until the page's script has found the place for the keyboard."""
        self.page.wait_for_load_state("load")

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.ready()

    def press(self, key: str) -> None:
        """Press a key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        self.ready()

    def open(self, name: str) -> None:
        """Open what waits by its name, on whichever page of the queue it is: what is filed at once is listed in any
        order."""
        while not self.page.get_by_text(name, exact=True).count():
            with self.page.expect_navigation():
                self.page.locator("#next").click()
            self.ready()
        with self.page.expect_navigation():
            self.page.get_by_text(name, exact=True).click()
        self.ready()

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    @property
    def name(self) -> str:
        return self.page.inner_text("h1")

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    def toasts(self) -> str:
        return self.page.inner_text("#toasts")

    def rows(self) -> list[str]:
        return self.page.locator("#rows .name > bdi").all_inner_texts()

    # What a clerk does about a case

    def assign_best(self) -> None:
        """Look at the candidate that is offered first, and assign."""
        self.press("1")
        self.press("Enter")

    def assign_to(self, sought: str) -> None:
        self.page.keyboard.press("p")
        self.type(sought)
        self.press("Enter")
        self.press("1")
        self.press("Enter")

    def nobodys(self, reason: str) -> None:
        self.page.keyboard.press("n")
        self.type(reason)
        self.press("Enter")

    def leave_note(self, text: str) -> None:
        self.page.keyboard.press("n")
        self.type(text)
        self.press("Control+Enter")

    def undo(self) -> None:
        self.press("u")

    def skip(self) -> None:
        self.press("s")

    def violations(self) -> list[str]:
        """What axe finds wrong on the page."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {iframes: false})")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
