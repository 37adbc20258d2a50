"""What pages of sections have in common: one HTML file with everything inside, and links."""

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from regimekit.reports.text import safe
from regimekit.reports.theme import SCRIPT, STYLE

PLOT_OPTIONS = {"displayModeBar": False, "responsive": True}


def page(
    title: str, *, header: str, sections: Mapping[str, str], footer: str, style: str = ""
) -> str:
    """Return a whole page as HTML.

    Parameters
    ----------
    title, footer : str
        Plain text.
    header : str
        HTML.
    sections : mapping
        HTML by plain title, in the order in which they are shown; each gets a link at the top.
    style : str, optional
        Rules of this page alone, added to those of all.
    """
    links = "".join(f'<li><a href="#{_anchor(name)}">{safe(name)}</a></li>' for name in sections)
    body = "".join(
        f'<section id="{_anchor(name)}"><h2>{safe(name)}</h2>{content}</section>'
        for name, content in sections.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}{style}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n{header}"
        f"<nav aria-label='Sections'><ul>{links}</ul></nav>\n<main>{body}</main>\n"
        f"<footer>{safe(footer)}</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def plot(figure: go.Figure, identifier: str) -> str:
    """Return `figure` as HTML for a page that holds plotly once."""
    # plotly escapes <, > and / in its JSON, so no text can end the script element
    return str(
        figure.to_html(
            full_html=False, include_plotlyjs=False, div_id=identifier, config=PLOT_OPTIONS
        )
    )


def captioned(figure: go.Figure, identifier: str, caption: str) -> str:
    """Return `figure` with a `caption` of plain text that describes it."""
    return (
        f'<figure aria-describedby="{identifier}-caption">{plot(figure, identifier)}'
        f'<figcaption id="{identifier}-caption">{safe(caption)}</figcaption></figure>'
    )


def _anchor(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "-")
