"""Every page of the inbox, in both languages and three widths: axe finds nothing, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.browser.clinic import JUAN, Clinic
from tests.browser.desk import AXE, Clerk, inbox
from tests.readers.browser import needs_chromium

pytestmark = [pytest.mark.prove, needs_chromium, pytest.mark.timeout(900)]


def opened(clerk: Clerk, name: str) -> None:
    clerk.go("/")
    clerk.open(name)


def looked_at(clerk: Clerk) -> None:
    opened(clerk, "scan_0412.pdf")
    clerk.press("1")


def not_listed(clerk: Clerk) -> None:
    opened(clerk, "note_1.txt")
    clerk.page.keyboard.press("p")
    clerk.type("Nobody_1")
    clerk.press("Enter")


def found(clerk: Clerk) -> None:
    opened(clerk, "note_1.txt")
    clerk.page.keyboard.press("p")
    clerk.type(JUAN)
    clerk.press("Enter")


def several(clerk: Clerk) -> None:
    opened(clerk, "result_01.pdf")
    clerk.page.keyboard.press("a")


def noted(clerk: Clerk) -> None:
    opened(clerk, "note_2.txt")
    clerk.leave_note("asked the ward")
    opened(clerk, "note_2.txt")


def held(clerk: Clerk) -> None:
    looked_at(clerk)
    clerk.press("Enter")
    clerk.go("/decisions")


def undone(clerk: Clerk) -> None:
    clerk.undo()


def menu(clerk: Clerk) -> None:
    clerk.go("/")
    clerk.page.locator(".settings summary").click()


def sought(clerk: Clerk) -> None:
    clerk.go("/")
    clerk.page.keyboard.press("/")
    clerk.type("zzz")
    clerk.press("Enter")


PAGES: tuple[Callable[[Clerk], None], ...] = (
    lambda clerk: clerk.go("/"),
    lambda clerk: clerk.go("/?shelf=failed"),
    lambda clerk: clerk.go("/?shelf=suggested"),
    menu,
    sought,
    lambda clerk: opened(clerk, "scan_0412.pdf"),
    lambda clerk: opened(clerk, "referral_1.txt"),
    lambda clerk: opened(clerk, "session_visit_1"),
    looked_at,
    not_listed,
    found,
    several,
    noted,
    lambda clerk: clerk.go("/"),
    held,
    undone,
    lambda clerk: clerk.go("/decisions"),
    lambda clerk: clerk.go("/no-such-page"),
)


@pytest.mark.parametrize(("width", "language"), [(1280, "en-GB"), (800, "es-ES"), (390, "en-GB")])
def test_axe_finds_nothing_on_any_page_and_no_page_is_wider_than_its_window(
    clinic: Clinic, browser: Browser, width: int, language: str
) -> None:
    assert AXE.exists(), "run `npm ci`"
    with inbox(clinic.aws, "Ana Ruiz") as server:
        clerk = Clerk.at(browser, server.address, width=width, language=language)
        wrong: list[str] = []
        for number, page in enumerate(PAGES):
            page(clerk)
            wrong += [f"page {number}: {one}" for one in clerk.violations()]
            wide = clerk.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            wrong += [f"page {number} is wider than {width}"] if wide else []
        assert not wrong, "\n".join(wrong)
        assert not [error for error in clerk.errors if "404" not in error]
