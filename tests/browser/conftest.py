"""The inbox in a real browser, over a clinic on an embedded AWS of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, sync_playwright

from carefile.cli.aws.connection import connect
from tests.browser.clinic import Clinic
from tests.browser.desk import chromium, environment
from tests.embedded import EmbeddedAws, bring_up, running


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A clinic of its own, as every test of a file changes it."""
    with running(tmp_path_factory.mktemp("clinic")) as aws, pytest.MonkeyPatch.context() as patch:
        listed = EmbeddedAws(replace(aws.settings, stage="local-listed"))
        bring_up(listed)
        for name, value in environment(listed).items():
            patch.setenv(name, value)
        yield Clinic(listed, connect(), tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = chromium(playwright)
        yield found
        found.close()
