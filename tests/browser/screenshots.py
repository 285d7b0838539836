"""The pictures of the inbox, for `pictures.py`: its three main pages, in two widths."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.clinic import Clinic
from tests.browser.desk import Clerk, chromium, inbox

WIDTHS = {1280: 800, 800: 1000}


def take(clinic: Clinic, out: Path) -> None:
    with sync_playwright() as playwright, inbox(clinic.aws, "Ana Ruiz") as server:
        browser = chromium(playwright)
        with inbox(clinic.aws, "Luis Rey") as other:
            luis = Clerk.at(browser, other.address)
            show(luis, "scan_0412.pdf")
            luis.leave_note("The ward expects this report; they call back with the patient's number.")
        clerk = Clerk.at(browser, server.address)
        for name in ("fax_2026-11-28.pdf", "vaccination.pdf", "ultrasound_copy.pdf"):
            show(clerk, name)
            clerk.assign_best()
        show(clerk, "leaflet.txt")
        clerk.nobodys("our own leaflet")
        clerk.page.wait_for_timeout(45_000)
        show(clerk, "discharge.pdf")
        clerk.assign_best()
        for width, height in WIDTHS.items():
            clerk.page.set_viewport_size({"width": width, "height": height})
            show(clerk, "scan_0412.pdf")
            clerk.press("1")
            shoot(clerk, out / f"inbox-case-{width}.png")
            clerk.go("/")
            shoot(clerk, out / f"inbox-queue-{width}.png")
            clerk.go("/decisions")
            shoot(clerk, out / f"inbox-decisions-{width}.png")
        browser.close()


def show(clerk: Clerk, name: str) -> None:
    """Open what waits, on whatever page of the queue it is; the rest of that page stands beside it."""
    clerk.go("/")
    if name not in clerk.rows():
        with clerk.page.expect_navigation():
            clerk.page.locator("#next").click()
    clerk.open(name)


def shoot(clerk: Clerk, path: Path) -> None:
    clerk.page.wait_for_timeout(800)  # until the numbers have been counted
    save(clerk.page.screenshot(), path)


def save(picture: Image.Image | bytes, path: Path) -> None:
    """As a palette, a third of the bytes; an octree's has the colours of dots as well as of surfaces."""
    image = Image.open(BytesIO(picture)) if isinstance(picture, bytes) else picture
    image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
