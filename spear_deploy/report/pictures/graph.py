"""The network from top to bottom: widths to scale, what was pruned, and what leads where."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from markupsafe import Markup

from spear_deploy.printable import plain
from spear_deploy.report.formats import number, shorten
from spear_deploy.report.pictures.svg import WIDTH, Drawing, curve, rect, shape, text

_ROW, _BAR, _TOP = 46.0, 18.0, 6.0
_LEFT, _RIGHT = 150, WIDTH - 190
_NARROWEST = 3.0


def graph(report: Mapping[str, Any]) -> Drawing:
    """Return the drawing: the square root of the units is to scale, so that small layers are seen beside large ones."""
    found = report["pictures"]["graph"]
    nodes, edges = found["nodes"], found["edges"]
    most = sqrt(max(node["before"] for node in nodes))
    middle, room = (_LEFT + _RIGHT) / 2, (_RIGHT - _LEFT)
    width = {n["name"]: {k: max(_NARROWEST, room * sqrt(n[k]) / most) for k in ("before", "after")} for n in nodes}
    top = {node["name"]: _TOP + _ROW * index for index, node in enumerate(nodes)}
    body: list[Markup] = []
    for edge in edges:
        a, b = edge["source"], edge["target"]
        if top[b] - top[a] == _ROW:
            ends = [(a, top[a] + _BAR), (b, top[b])]
            (xa, ya), (xb, yb) = [(width[name]["after"] / 2, y) for name, y in ends]
            body.append(shape("funnel", [(middle - xa, ya), (middle + xa, ya), (middle + xb, yb), (middle - xb, yb)]))
        else:  # a skip, or a way back
            x, ya, yb = _RIGHT + 8, top[a] + _BAR * 0.7, top[b] + _BAR * 0.3
            out = x + 12 + 4 * min(4, abs(top[b] - top[a]) / _ROW)
            body.append(curve("link", [(x, ya), (out, ya), (out, yb), (x, yb)]))
    for node in nodes:
        name, y = node["name"], top[node["name"]]
        before, after = width[name]["before"], width[name]["after"]
        words = f"{plain(name)}: {number(node['after'])} of {number(node['before'])} units"
        body.append(rect("before", middle - before / 2, y, before, _BAR, words))
        body.append(rect("measured", middle - after / 2, y, after, _BAR, words))
        body.append(text(0, y + 14, shorten(plain(name), 20)))
        units = (
            f"{number(node['before'])} -> {number(node['after'])}"
            if node["before"] != node["after"]
            else number(node["after"])
        )
        body.append(text(WIDTH, y + 14, f"{units} {'unit' if node['before'] == 1 else 'units'}", "tick", "end"))
    pruned = [f"{plain(n['name'])} {n['before']} -> {n['after']}" for n in nodes if n["before"] != n["after"]]
    told = f"{len(nodes)} populations, {len(edges)} connections; pruned: {', '.join(pruned) or 'nothing'}"
    legend = (("measured", "units kept"), ("before", "units pruned"))
    caption = (
        "Widths are to the scale of the square root of the units. Lines on the right: what skips layers, or leads back."
    )
    return Drawing(
        "network", "The network", told, _TOP + _ROW * len(nodes) - _ROW + _BAR + 6, tuple(body), legend, caption
    )
