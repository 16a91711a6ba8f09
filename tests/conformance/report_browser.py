"""A real browser without a window, in which the report is read as a person would read it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

import node_packages
from trino_install import target_folder

PACKAGES = Path(__file__).resolve().parents[1] / "browser"
VERSION = "153.0.0"
# As root, which tests in a container often are, the browser runs only without its own sandbox; it opens nothing here but a file of ours.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The package's own names folders that are elsewhere; without a font the browser ends at the first form.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
WATCH_POLICY = "window.violations = []; document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));"


def installed() -> Path:
    """The folder of the browser, unpacked once into `target/chromium`."""
    home = target_folder() / "chromium" / VERSION
    node = node_packages.installed(PACKAGES)
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="unpacked-") as folder:
            unpacked = Path(folder) / "browser"
            unpacked.mkdir()
            node_packages.run([node, "unpack.mjs"], PACKAGES, TMPDIR=str(unpacked))
            # There when it is whole, and not before; another run of the tests may have been faster.
            if not home.is_dir():
                unpacked.rename(home)
    return home


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Browser]:
    """The browser, with nothing of the caller's own settings."""
    home = installed()
    (folder / "fonts.conf").write_text(FONTS.format(fonts=home / "fonts", cache=folder / "cache"))
    environment = {"HOME": str(folder), "FONTCONFIG_PATH": str(folder), "LD_LIBRARY_PATH": str(home / "al2023" / "lib"), "PATH": os.environ.get("PATH", "")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=home / "chromium", args=OPTIONS, env=environment)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Reading:
    """A report in a page of the browser, with all that it should not have done."""

    page: Page
    file: Path
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.file.as_uri()

    def go(self, route: str) -> None:
        """Opens a section by its address, and waits until it is shown."""
        self.page.goto(f"{self.url}#/{route}")
        self.shown(route)

    def shown(self, route: str) -> None:
        """Waits until this section is shown."""
        quoted = f"#/{route}".replace("\\", "\\\\").replace('"', '\\"')
        self.page.locator(f'main[data-shown="{quoted}"]').wait_for(state="attached")

    def count(self) -> str:
        return self.page.locator("#view .count").first.inner_text()

    def column(self, head: str) -> list[str]:
        """What the rows show in the column of this head."""
        heads = self.page.locator("table.many thead th")
        names = [heads.nth(at).inner_text().strip() for at in range(heads.count())]
        at = names.index(head) + 1
        return [text.strip() for text in self.page.locator(f"table.many tbody tr:not(.details) > td:nth-child({at})").all_inner_texts()]

    def barriers(self) -> list[str]:
        """What axe finds, each with where it is."""
        self.page.evaluate((PACKAGES / "node_modules" / "axe-core" / "axe.min.js").read_text() + ";undefined")
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{violation['id']}: {violation['help']} {[node['target'] for node in violation['nodes'][:3]]}" for violation in found["violations"]]

    def misdeeds(self) -> list[str]:
        """What it said on the console, asked of a network, or tried against its own policy."""
        violations = self.page.evaluate("window.violations")
        return [*self.said, *self.requests, *violations]


@contextlib.contextmanager
def reading(browser: Browser, file: Path, **options: Any) -> Iterator[Reading]:
    """A page of its own for a report."""
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 900}, **options) if "viewport" not in options else browser.new_context(**options)
    context.add_init_script(WATCH_POLICY)
    page = context.new_page()
    made = Reading(page, file)

    def told(message: ConsoleMessage) -> None:
        made.said.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if request.url.partition("#")[0] != made.url and not request.url.startswith(("data:", "blob:")):
            made.requests.append(request.url)

    page.on("console", told)
    page.on("pageerror", lambda error: made.said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (made.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    context.on("request", asked)
    try:
        yield made
    finally:
        context.close()
