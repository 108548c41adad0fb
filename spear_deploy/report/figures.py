"""The page's pictures as separate files, for a paper: standalone SVG, and PNG."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from markupsafe import Markup

from spear_deploy.errors import Finding
from spear_deploy.extras import install_command
from spear_deploy.report.html import environment
from spear_deploy.report.pictures.svg import Drawing
from spear_deploy.storage import atomic

ZOOM = 3
"""Pixels of a PNG for a unit of the drawing: 2208 across, 300 to the inch over both columns of a page."""
_FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_MARGIN = 8
_SVG = '<svg xmlns="http://www.w3.org/2000/svg"'
_PROBE = f'{_SVG} width="20" height="20"><text y="15" font-family="{_FONTS}">M</text></svg>'


def write_svg(folder: Path, drawn: Iterable[Drawing]) -> list[Path]:
    """Write drawings of a page, the legend of each below it, in the colours of the light page; return the paths.

    The same drawings give the same bytes.  Raises :class:`InputError` (E009) for a folder that cannot be written.
    """
    written = []
    for drawing in drawn:
        whole = replace(drawing, words=" ".join(filter(None, (f"{drawing.words}.", drawing.caption)))).with_legend()
        size = f'width="{drawing.sheet.width + 2 * _MARGIN:g}" height="{whole.height + 2 * _MARGIN:g}" '
        text = str(whole.svg(Markup("<style>\n{}</style>").format(Markup(_style())), _MARGIN))
        path = folder / f"{drawing.name}.svg"
        with atomic(path) as temporary:
            temporary.write_text(f"{text.replace('<svg ', f'{_SVG} {size}', 1)}\n", encoding="utf-8", newline="\n")
        written.append(path)
    return written


def write_png(drawn: Sequence[Path]) -> tuple[list[Path], Finding | None]:
    """Write each SVG as PNG on white beside it; return the paths, or a note (N025) on why there are none.

    Fonts are those of the system: another one may give other bytes.  Raises :class:`InputError` (E009).
    """
    try:
        from resvg_py import svg_to_bytes
    except ModuleNotFoundError:
        return [], _note("resvg-py is not installed", install_command("figures"))
    if svg_to_bytes(_PROBE) == svg_to_bytes(_PROBE.replace(">M<", "> <")):
        return [], _note("the system has no font for the texts in them", "apt install fonts-liberation")
    written = []
    for path in drawn:
        with atomic(path.with_suffix(".png")) as temporary:
            temporary.write_bytes(svg_to_bytes(path.read_text(encoding="utf-8"), background="#ffffff", zoom=ZOOM))
        written.append(path.with_suffix(".png"))
    return written, None


def _note(why: str, mend: str) -> Finding:
    return Finding("N025", "--figures", f"{why}; to draw PNG too: {mend}", mend, severity="note")


@cache
def _style() -> str:
    """Return the style of drawings as programs other than browsers read it: no variable, one colour scheme."""
    light, rules = (environment().get_template(name).render() for name in ("light.css", "picture.css"))
    values = dict(re.findall(r"(--[\w-]+): ([^;]+);", light))
    plain = re.sub(r" ?background: [^;]+;", "", re.sub(r"var\((--[\w-]+)\)", lambda name: values[name[1]], rules))
    return f"svg {{ font-family: {_FONTS}; }}\n{plain}"
