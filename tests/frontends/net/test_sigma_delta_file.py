"""A .net file of sigma-delta neurons becomes the integers that netx runs; what is not supported is refused by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spear_deploy
from spear_deploy.errors import InputError, SpearError, UnsupportedError
from spear_deploy.frontends.net.file import NetLayer, write
from spear_deploy.frontends.net.sigma_delta import read_sigma_delta
from spear_deploy.network.synapses import ConvSynapses
from tests.frameworks import home
from tests.targets.loihi.sigma_delta.net_files import conv, decoder, dense, layers_of, map_input
from tests.targets.loihi.sigma_delta.networks import random_network

ONE = np.array([[2.0, -4.0]], np.float32)


def store(folder: Path, *layers: NetLayer) -> Path:
    """Write a file of these layers."""
    write(folder / "file.net", layers)
    return folder / "file.net"


def test_integers_of_a_file(tmp_path: Path) -> None:
    """Geometry in (y, x), thresholds and biases as stored, by neuron where they differ; a map read in C, H, W order."""
    bias = np.array([3.0, -5.0], np.float32)
    layers = (
        map_input((1, 4, 5), threshold=2),
        conv((2, 3, 2), np.arange(12).reshape(2, 1, 2, 3) - 6, bias=bias, stride=[1, 2], padding=[0, 0]),
        NetLayer("flatten", {}),
        decoder(np.ones((3, 12)) * 4),
    )
    network, notes = read_sigma_delta(store(tmp_path, *layers))
    first, second = network.synapses
    assert isinstance(first, ConvSynapses)
    assert (first.stride, first.weight.tolist()) == ((1, 2), (np.arange(12).reshape(2, 1, 2, 3) - 6).tolist())
    assert [(p.name, p.kind) for p in network.populations] == [
        ("encoder", "delta"),
        ("conv1", "sigma_delta"),
        ("dense3", "sigma"),
    ]
    assert network.populations[0].threshold == 2
    np.testing.assert_array_equal(network.populations[1].bias, np.broadcast_to(bias[:, None, None], (2, 3, 2)))
    assert (second.weight.shape, network.latency, notes) == ((3, 12), 2, ())


@pytest.mark.parametrize("seed", range(6))
def test_files_hold_what_was_written(seed: int, tmp_path: Path) -> None:
    """A random network, written and read, has the same integers."""
    network = random_network(np.random.default_rng(seed), exponents=(6, 6), plain=True)
    again, _ = read_sigma_delta(store(tmp_path, *layers_of(network)))
    for ours, theirs in zip(network.populations, again.populations, strict=True):
        assert (ours.kind, ours.shape, ours.threshold) == (theirs.kind, theirs.shape, theirs.threshold)
        np.testing.assert_array_equal(np.broadcast_to(ours.bias, ours.shape), np.broadcast_to(theirs.bias, ours.shape))
    for before, after in zip(network.synapses, again.synapses, strict=True):
        np.testing.assert_array_equal(before.weight, after.weight)


def test_what_the_input_layer_says_is_left_to_the_user(tmp_path: Path) -> None:
    """netx applies neither its weight nor its bias: a note says so."""
    given = map_input((2,), weight=[40], bias=[3])
    _, (note,) = read_sigma_delta(store(tmp_path, given, decoder(ONE)))
    assert (note.code, note.severity) == ("N006", "note")
    assert "round(weight * x + bias)" in note.message


@pytest.mark.parametrize(
    ("layers", "code", "where", "message"),
    [
        ((dense(ONE, kind="dense_rec"), decoder(ONE[:, :1])), "E021", "layer 0 (dense_rec)", "recurrent"),
        ((dense(ONE), NetLayer("pool", {}), decoder(ONE[:, :1])), "E021", "layer 1 (pool)", "does not run"),
        ((dense(ONE, type="CUBA"), decoder(ONE[:, :1])), "E021", "layer 0 (dense)", "are CUBA"),
        ((dense(ONE, activation="tanh"), decoder(ONE[:, :1])), "E021", "layer 0 (dense)", "activation is tanh"),
        ((dense(ONE, delay=[1, 2]),), "E021", "layer 0 (dense)", "delays"),
        ((decoder(ONE), dense(ONE[:, :1])), "E021", "layer 0 (dense)", "as the last layer"),
        ((dense(ONE, messageBits=8),), "E021", "layer 0 (dense)", "messageBits"),
        ((dense(ONE, leak=3),), "E026", "layer 0 (dense)", "'neuron/leak'"),
        ((dense(ONE / 4),), "E013", "layer 0 (dense)", "not integers"),
        ((dense(ONE * 100),), "E013", "layer 0 (dense)", "lie outside"),
        ((dense(ONE * 0),), "E013", "layer 0 (dense)", "all its weights are zero"),
        ((dense(ONE, vThMant=-1),), "E013", "layer 0 (dense)", "below 0"),
        ((dense(ONE, vThMant=[1, 2]),), "E013", "layer 0 (dense)", "2 values instead of one"),
        ((dense(ONE, vThMant=1 << 19),), "E013", "layer 0 (dense)", "32 bits would wrap"),
        ((decoder(ONE, bias=[3.0]),), "E013", "layer 0 (dense)", "has a bias"),
        ((map_input((1, 3, 3)), dense(ONE)), "E013", "layer 1 (dense)", "it reads 2 values"),
        ((map_input((2,)), map_input((2,)), dense(ONE)), "E013", "layer 1 (input)", "only the first"),
        ((map_input((1, 3, 3)), conv((1, 9, 9), np.ones((1, 1, 2, 2)))), "E013", "layer 1 (conv)", "but gives"),
        ((conv((1, 3, 3), np.ones((1, 1, 1, 1))),), "E013", "layer 0 (conv)", "shape of its input"),
        ((map_input((2,)),), "E013", "file", "no layer of synapses"),
    ],
)
def test_refused(layers: tuple[NetLayer, ...], code: str, where: str, message: str, tmp_path: Path) -> None:
    """Each with its code, its layer and what is wrong."""
    with pytest.raises(SpearError) as refused:
        read_sigma_delta(store(tmp_path, *layers))
    (finding,) = refused.value.findings
    assert (finding.code, finding.where) == (code, where)
    assert message in finding.message
    assert finding.fix


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (
            (map_input((1, 3, 3), threshold=-1), conv((1, 2, 2), ONE), dense(ONE / 4), dense(ONE, delay=[1, 2])),
            ["E013 layer 0 (input)", "E013 layer 1 (conv)", "E013 layer 2 (dense)", "E021 layer 3 (dense)"],
        ),
        (
            (
                map_input((1, 3, 3)),
                conv((1, 9, 9), np.ones((1, 1, 2, 2))),
                map_input((1, 1, 2)),
                conv((2, 3, 3), np.ones((2, 4, 1, 1))),
                dense(ONE),
                decoder(ONE),
            ),
            [
                "E013 layer 1 (conv)",
                "E013 layer 2 (input)",
                "E013 layer 3 (conv)",
                "E013 layer 4 (dense)",
                "E013 layer 5 (dense)",
            ],
        ),
    ],
)
def test_all_is_told_at_once(layers: tuple[NetLayer, ...], told: list[str], tmp_path: Path) -> None:
    """What is wrong with layers themselves, and where they do not fit each other."""
    with pytest.raises(InputError) as refused:
        read_sigma_delta(store(tmp_path, *layers))
    assert [f"{each.code} {each.where}" for each in refused.value.findings] == told
    assert all(each.fix for each in refused.value.findings)


def test_both_ways_of_loading_name_the_other(tmp_path: Path) -> None:
    """Where spikes are needed, sigma-delta neurons are one E021 that says what is done with them; and vice versa."""
    path = store(tmp_path, map_input((2,)), decoder(ONE))
    with pytest.raises(UnsupportedError) as refused:
        spear_deploy.load(path)
    (finding,) = refused.value.findings
    assert (finding.code, finding.where) == ("E021", str(path))
    assert "load_sigma_delta" in finding.fix
    with pytest.raises(UnsupportedError) as refused:
        spear_deploy.load_sigma_delta(path, "speck2f")
    assert refused.value.findings[0].where == "speck2f"
    cuba = {"neuron/type": "CUBA", "neuron/iDecay": 4096, "neuron/vDecay": 0, "neuron/vThMant": 9}
    spiking = store(tmp_path, NetLayer("dense", {"shape": [1], "weight": ONE, **cuba}))
    with pytest.raises(UnsupportedError) as refused:
        spear_deploy.load_sigma_delta(spiking)
    assert "no sigma-delta neurons" in refused.value.findings[0].message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """E001, as for every other file."""
    with pytest.raises(InputError) as missing:
        spear_deploy.load_sigma_delta(tmp_path / "none.net")
    assert missing.value.findings[0].code == "E001"


def test_pilotnet_does_what_lava_dl_recorded() -> None:
    """Lava's own trained network and frame: every sum of two convolutions over 20 steps, and nine outputs."""
    recorded = home("lava-dl") / "tests/lava/lib/dl/netx/gts/pilotnet_sdnn"

    def array(name: str) -> Any:
        return np.load(recorded / f"{name}.npy").T.astype(np.int64)  # there the axes are (W, H, C, steps)

    lowered = spear_deploy.load_sigma_delta(recorded / "network.net")
    frame = np.broadcast_to(array("input")[0], (20, 1, 3, 33, 100))
    run = lowered.emulate(frame)
    np.testing.assert_array_equal(run.membrane["conv1"][:, 0], array("sigma1"))
    np.testing.assert_array_equal(run.membrane["conv2"][:, 0], array("sigma2"))
    np.testing.assert_array_equal(run.spikes["encoder"][:, 0], array("act0"))
    np.testing.assert_array_equal(run.membrane["dense9"][:9, 0, 0], array("output")[:, 0])
    square = spear_deploy.load_sigma_delta(recorded / "square_network.net").emulate(frame[..., :33])
    for layer in (1, 2, 3, 4):
        np.testing.assert_array_equal(square.membrane[f"conv{layer}"][:, 0], array(f"sigma{layer}_square"))
