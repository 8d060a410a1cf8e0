"""A real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Chromium's own calls home are refused on a closed network, over and over; its sandbox refuses root.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH (Debian: apt install chromium)")


@contextmanager
def opened_page() -> Iterator[Page]:
    """A page of a browser of its own."""
    # A machine that is busy with the platform's other tests takes its time to render a page.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1600, "height": 900})
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()
