"""What axe-core, the accessibility checker, finds about pages in a browser."""

from itertools import product
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")

_FAILING = ("serious", "critical")


_OPTIONS = "{resultTypes: ['violations'], rules: {'target-size': {enabled: true}}}"


def serious_findings(page: Any) -> list[str]:
    """Check a page as a tab shows it now.

    Returns:
        The findings of serious or critical impact, each with the elements that it is about.

    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(f"axe.run({_OPTIONS}).then((results) => results.violations)")
    return [
        f"{found['id']} ({found['impact']}): {found['help']}\n"
        + "\n".join(f"{node['html'][:300]}\n{node['failureSummary']}" for node in found["nodes"])
        for found in violations
        if found["impact"] in _FAILING
    ]


def check_page(browser: Any, path: Path | str, *clicks: str) -> list[str]:
    """Check a page at two widths, in light and dark, with all that can be opened in it open.

    Contrast is most of the work: a page should have few rows, one of each form.

    Args:
        path: of the HTML file.
        clicks: selectors of what to press, one after another; after each, it is checked again,
            wide in light and narrow in dark.

    Returns:
        As :func:`serious_findings`, each with the width and the colours at which it was found.

    """
    page = browser.new_page()
    page.goto(f"file://{path}")
    findings = []
    for click in ("", *clicks):
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        if click:
            page.click(click)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        for width, scheme in (
            zip(WIDTHS, SCHEMES, strict=True) if click else product(WIDTHS, SCHEMES)
        ):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            where = f"{width} pixels, {scheme}{f', after {click}' if click else ''}"
            findings += [f"{where}: {one}" for one in serious_findings(page)]
    page.close()
    return findings
