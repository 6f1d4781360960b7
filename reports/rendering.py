"""Rendering: Jinja2, the data within, and the policy that lets nothing else in."""

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps

from reports import formatting

REPORT_SCRIPTS = ("rows", "cards", "view", "report")  # each uses those before it


def embeddable_json(value: object) -> str:
    """JSON that cannot end the script element it stands in, nor begin a comment there."""
    text = str(htmlsafe_json_dumps(value, dumps=_dumps))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def render(
    template: str, *, scripts: Sequence[str] = (), styles: Sequence[str] = (), **context: Any
) -> str:
    """Render a page.

    Args:
        template: its file.
        scripts: names of the scripts that it runs, in this order; most pages need none.
        styles: names of the style sheets that it has besides the one of all pages.
        context: what the template names.

    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        formatting.number,
        formatting.noun,
        formatting.amount,
        formatting.size,
        formatting.rate,
        formatting.percent,
        formatting.duration,
        formatting.moment,
        formatting.settings,
    ):
        environment.filters[function.__name__] = function
    environment.filters["quoted"] = shlex.quote
    style = "".join(_source(environment, f"{name}.css") for name in ("report", *styles))
    script = "".join(_source(environment, f"{name}.js") for name in scripts)
    return environment.get_template(template).render(
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_source=f"'{_csp_hash(script)}'" if script else "'none'",
        **context,
    )


def _source(environment: jinja2.Environment, name: str) -> str:
    """Read one of our own sources that go into the page as they are."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _csp_hash(source: str) -> str:
    """The hash by which a Content-Security-Policy allows an inline source (CSP Level 3, 2.3.1)."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
