"""The networks that are trained on CIFAR-10, and what is written of them."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

from benchmarks.cifar import NETWORKS, STEPS, TRAINED_FOLDER, Fire, Net, augmented, to_nir, train
from examples.training import BETA
from spear_deploy.frontends import Semantics, load
from spear_deploy.simulate.simulator import FloatSimulator


def test_neurons_are_lif_and_have_a_surrogate_gradient():
    """The spikes are those of the equations one by one; a current's gradient reaches back to where a spike reset."""
    currents = torch.tensor([[0.6], [0.6], [0.9], [1.2]], requires_grad=True)
    spikes = Fire.apply(currents)
    membrane, expected = 0.0, []
    for current in currents.detach():
        membrane = BETA * membrane + float(current)
        expected.append(float(membrane > 1))
        membrane *= 1 - expected[-1]
    assert spikes.flatten().tolist() == expected
    spikes[1].backward()
    assert currents.grad is not None
    reached = currents.grad.flatten() != 0
    assert reached.tolist() == [True, True, False, False]


@pytest.mark.parametrize("name", ["vgg", "resnet"])
def test_what_is_written_decides_as_what_was_trained(name, tmp_path):
    """Batch normalisation folded, reset and readout: this project reads the file and has the same membranes."""
    torch.manual_seed(0)
    net = Net(NETWORKS[name])
    x, y = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8), torch.arange(20) % 10
    net(torch.zeros(2, 3, 32, 32))
    train(net, x, y, tmp_path / "net.state", epochs=1, batch=10)
    net.eval()
    nir.write(tmp_path / "net.nir", to_nir(net))
    network = load(tmp_path / "net.nir", Semantics()).network
    images = x[:4].float() / 255
    with torch.no_grad():
        scores, fired = net(images)
        ours = FloatSimulator(network)({network.inputs[0].name: images.expand(STEPS, *images.shape)})
    assert float(torch.stack([spikes.mean() for spikes in fired]).max()) > 0
    torch.testing.assert_close(ours[network.outputs[0]][-1], scores, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "channels"), [("vgg", [16, 24, 24, 48, 48, 64, 64, 64]), ("resnet", [16, 24, 24, 48, 48, 64, 64])]
)
def test_the_networks_that_are_checked_in(name, channels):
    """The plain one and the one with skips, of their sizes."""
    network = load(TRAINED_FOLDER / f"cifar-{name}.nir", Semantics()).network
    assert [p.shape[0] for p in network.neurons if len(p.shape) == 3] == channels


def test_images_are_shifted_and_mirrored_one_by_one():
    """An image of one bright pixel keeps it within four pixels, or the same mirrored."""
    images = torch.zeros((200, 3, 32, 32), dtype=torch.uint8)
    images[:, :, 10, 8] = 255
    changed = augmented(images, np.random.default_rng(0))
    assert changed.shape == images.shape
    assert set(changed.unique().tolist()) == {0.0, 1.0}
    _, rows, columns = torch.nonzero(changed[:, 0]).T.numpy()
    assert len(rows) == len(images)
    assert set(rows) == set(range(6, 15))
    assert set(columns) == set(range(4, 13)) | set(range(19, 28))
