"""What axe-core, the accessibility checker, finds about a page in a browser."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe

_FAILING = ("serious", "critical")


def serious_findings(page: Any) -> list[str]:
    """Check the page that a tab shows, as it shows it now.

    Returns:
        The findings of serious or critical impact, each with the elements it is about.

    """
    response = Axe().run(page).response
    assert response["testEngine"]["name"] == "axe-core"
    return [
        f"{found['id']} ({found['impact']}): {found['help']}\n"
        + "\n".join(
            f"  {node['html'][:300]}\n    {node['failureSummary']}" for node in found["nodes"]
        )
        for found in response["violations"]
        if found["impact"] in _FAILING
    ]
