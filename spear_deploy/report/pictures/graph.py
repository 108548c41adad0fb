"""The network from top to bottom: widths to scale, what was pruned, and what leads where."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from markupsafe import Markup

from spear_deploy.printable import plain
from spear_deploy.report.formats import number
from spear_deploy.report.pictures.svg import WIDE, Drawing, Sheet, curve, rect, shape, text

_ROW, _BAR, _TOP = 46.0, 18.0, 6.0
_NARROWEST = 3.0
_LINKS = 40
"""Room for what skips layers; where it stands beside them, that of the units is more."""


def graph(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing:
    """Return the drawing: widths are to the square root of the units, so that small layers stay visible."""
    found = report["pictures"]["graph"]
    nodes, edges = found["nodes"], found["edges"]
    most = sqrt(max(node["before"] for node in nodes))
    left, right, row = sheet.start(150), sheet.width - (_LINKS if sheet.above else 190), _ROW + sheet.above
    middle, room = (left + right) / 2, right - left
    width = {n["name"]: {k: max(_NARROWEST, room * sqrt(n[k]) / most) for k in ("before", "after")} for n in nodes}
    top = {node["name"]: _TOP + sheet.above + row * index for index, node in enumerate(nodes)}
    body: list[Markup] = []
    for edge in edges:
        a, b = edge["source"], edge["target"]
        if top[b] - top[a] == row:
            ends = [(a, top[a] + _BAR), (b, top[b])]
            (xa, ya), (xb, yb) = [(width[name]["after"] / 2, y) for name, y in ends]
            body.append(shape("funnel", [(middle - xa, ya), (middle + xa, ya), (middle + xb, yb), (middle - xb, yb)]))
        else:  # a skip, or a way back
            x, ya, yb = right + 8, top[a] + _BAR * 0.7, top[b] + _BAR * 0.3
            out = x + 12 + 4 * min(4, abs(top[b] - top[a]) / row)
            body.append(curve("link", [(x, ya), (out, ya), (out, yb), (x, yb)]))
    for node in nodes:
        name, y = node["name"], top[node["name"]]
        before, after = width[name]["before"], width[name]["after"]
        words = f"{plain(name)}: {number(node['after'])} of {number(node['before'])} units"
        body.append(rect("before", middle - before / 2, y, before, _BAR, words))
        body.append(rect("measured", middle - after / 2, y, after, _BAR, words))
        body.append(sheet.label(plain(name), y, _BAR, 20))
        units = (
            f"{number(node['before'])} -> {number(node['after'])}"
            if node["before"] != node["after"]
            else number(node["after"])
        )
        kept = f"{units} {'unit' if node['before'] == 1 else 'units'}"
        body.append(text(sheet.width, y - 6 if sheet.above else y + 14, kept, "tick", "end"))
    pruned = [f"{plain(n['name'])} {n['before']} -> {n['after']}" for n in nodes if n["before"] != n["after"]]
    told = f"{len(nodes)} populations, {len(edges)} connections; pruned: {', '.join(pruned) or 'nothing'}"
    legend = (("measured", "units kept"), ("before", "units pruned"))
    caption = (
        "Widths are to the scale of the square root of the units. Lines on the right: what skips layers, or leads back."
    )
    height = _TOP + row * len(nodes) - _ROW + _BAR + 6
    return Drawing("network", "The network", told, height, tuple(body), legend, caption, sheet)
