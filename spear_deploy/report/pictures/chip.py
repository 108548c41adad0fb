"""The chip: its cores as tiles coloured by population and filled by use; and each layer's share of everything."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from markupsafe import Markup

from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent, ratio, shorten
from spear_deploy.report.pictures.svg import WIDE, Drawing, Sheet, rect, text

_COLOURS = 8
_TILE, _ROOM = 26, 4
_MOST_TILES = 400
"""With more cores, a tile stands for several."""


def colour(index: int) -> str:
    """Return the class of the index-th population: colours repeat after eight."""
    return f"layer-{index % _COLOURS}"


def cores(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing:
    """Return the cores that are used, and how full each is in what it is fullest in."""
    placed = report["pictures"]["cores"]
    populations = placed["populations"]
    used = sum(each["cores"] for each in populations)
    each_tile = ceil(max(1, used) / _MOST_TILES)
    a_row = int((sheet.width + _ROOM) // (_TILE + _ROOM))
    body: list[Markup] = []
    tile, synops = 0, {load["core"]: load["synops"] for load in placed["loads"]}
    for index, each in enumerate(populations):
        share, words = _fullest(each)
        for first in range(each["first"], each["first"] + each["cores"], each_tile):
            last = min(first + each_tile, each["first"] + each["cores"])
            busy = max(synops.get(core, 0.0) for core in range(first, last))
            x, y = (tile % a_row) * (_TILE + _ROOM), (tile // a_row) * (_TILE + _ROOM)
            filled = _TILE * min(1.0, share)
            body += [
                rect("track", x, y, _TILE, _TILE),
                rect(colour(index), x, y + _TILE - filled, _TILE, filled, f"{_named(first, last, busy)}; {words}"),
            ]
            tile += 1
    height = ceil(max(1, tile) / a_row) * (_TILE + _ROOM)
    legend = tuple((colour(index), shorten(plain(each["name"]), 20)) for index, each in enumerate(populations))
    fullest = max(populations, key=lambda each: _fullest(each)[0], default=None)
    most = "" if fullest is None else f" Fullest: {_fullest(fullest)[1]}."
    found = report["bottleneck"]
    busiest = f" Busiest: core {found['core']}, {plain(found['population'])}, {number(found['synops'])} SynOps a step."
    of_tile = "a tile is a core" if each_tile == 1 else f"a tile is {each_tile} cores"
    caption = (
        f"{number(used)} of {number(placed['of'])} cores; {of_tile}, filled by what it is fullest in.{most}{busiest}"
    )
    told = "; ".join(f"{number(each['cores'])} cores: {_fullest(each)[1]}" for each in populations)
    return Drawing("cores", "Cores", told, height, tuple(body), legend, caption, sheet)


def _named(first: int, last: int, synops: float) -> str:
    """Return which cores a tile stands for, and what the busiest of them has to do."""
    if last - first == 1:
        return f"core {first}: {number(synops)} SynOps a step"
    return f"cores {first} to {last - 1}: up to {number(synops)} SynOps a step"


def _fullest(population: Mapping[str, Any]) -> tuple[float, str]:
    shares = {row["resource"]: row["share"] for row in population["use"]}
    share = float(shares.get(population["binding"], 0.0))
    return share, f"{plain(population['name'])}, {plain(population['binding']).replace('_', ' ')} {percent(share)}"


def shares(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing:
    """Return each layer's share of SynOps, spikes, memory, neurons and cores as bars of one length."""
    layers = report["layers"]
    columns = {
        "SynOps": "synops_measured",
        "spikes": "spikes",
        "memory": "memory_bits",
        "neurons": "neurons",
        "cores": "cores",
    }
    left, row = 76, 30
    width = sheet.width - left
    body: list[Markup] = []
    for line_number, (title, key) in enumerate(columns.items()):
        total, x = sum(layer[key] for layer in layers), float(left)
        top = line_number * row
        body += [text(0, top + 16, title), rect("track", left, top, width, row - 8)]
        for index, layer in enumerate(layers):
            share = ratio(layer[key], total)
            words = f"{plain(layer['name'])}: {percent(share)} of the {title}"
            body.append(rect(colour(index), x, top, max(0.0, share * width - 1), row - 8, words))
            if share * width > 46:
                body.append(text(x + share * width / 2, top + 15, percent(share, 0), "on-dark", "middle"))
            x += share * width
    legend = tuple((colour(index), shorten(plain(layer["name"]), 20)) for index, layer in enumerate(layers))
    largest = max(layers, key=lambda layer: layer["synops_measured"])
    total = sum(layer["synops_measured"] for layer in layers)
    told = f"most SynOps: {plain(largest['name'])}, {percent(ratio(largest['synops_measured'], total))}"
    return Drawing("shares", "Each layer's share", told, row * len(columns), tuple(body), legend, sheet=sheet)
