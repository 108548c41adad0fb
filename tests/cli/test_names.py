"""Names that come from files, on a terminal: shown, never obeyed, and no markup."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.resources import resource
from tests.cli.conftest import Run

HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "two\nlines",
    "[bold]x[/bold] [/] [nonsense",
    "back\\",
    "\u202egnp.exe",
    "\r\x9b31m",
]


def obeys(text: str) -> bool:
    """Whether a terminal would do anything else than show a text."""
    return any(not (c.isprintable() or c == "\n") for c in text)


@pytest.mark.parametrize("name", HOSTILE)
def test_chip_profiles(name: str, spear: Run, tmp_path: Path) -> None:
    """Title, sources and notes of a profile, and the name of its file."""
    loihi2 = resource("hw_profiles/loihi2.toml").read_text(encoding="utf-8")
    text = json.dumps(name)
    profile = f'inherits = "loihi2"\ntitle = {text}\n[sources]\n{text} = {text}\nmine = {text}\n'
    cores = f'[cores]\nvalue = 7\nsource = "mine"\nnote = {text}\n' if "[cores]" in loihi2 else ""
    path = tmp_path / f"{name.replace('/', '')}.toml"
    path.write_text(profile + cores, encoding="utf-8")
    done = spear("chips", path)
    assert done.code == 0, done.err
    assert not obeys(done.out)
    if name.startswith("["):
        assert name in done.out
    given = ("--data", "digits", "--synops", "1%", "-o", tmp_path / "build")
    assert not obeys(spear("compile", "absent.nir", "--chip", path, *given).err)


@pytest.mark.parametrize("name", HOSTILE)
def test_nodes(name: str, spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Populations and projections of a network, its file and its data, in tables, reports and errors."""
    graph = nir_file.read(tiny_nir)
    name = name.replace("/", "")
    new = {"hidden1": name, "to_hidden1": f"to_{name}"}
    nodes = {new.get(key, key): node for key, node in graph.nodes.items()}
    edges = tuple((new.get(a, a), new.get(b, b)) for a, b in graph.edges)
    model, data, folder = tmp_path / f"{name}.nir", tmp_path / f"{name}.npz", tmp_path / f"{name} build"
    nir_file.write(model, nir_file.NirGraph(nodes, edges, graph.metadata))
    data.write_bytes(tiny_npz.read_bytes())
    looked = spear("inspect", model, "--chip", "loihi2", "--data", data)
    assert looked.code == 0, looked.err
    given = (model, "--chip", "loihi2", "--data", data, "--synops", "100%", "-o", folder)
    outputs = [looked, spear("compile", *given, "--until", "baseline"), spear("compile", *given)]
    outputs += [spear("report", folder), spear("run", folder, "--data", data), spear("run", tmp_path / name)]
    nodes = {**nodes, f"to_{name}": nir_file.NirNode("Linear", {"weight": np.full((10, 12), np.nan, np.float32)})}
    nir_file.write(model, nir_file.NirGraph(nodes, edges, graph.metadata))
    outputs.append(spear("inspect", model))
    assert [done.code for done in outputs] == [0, 0, 0, 0, 0, 2, 2]
    assert not any(obeys(done.out + done.err) for done in outputs)
