"""Networks from live modules, with snnTorch; the other frameworks are tested in tests/importers/live."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import Tensor, nn
from torch.nn import functional

import spear_deploy
from spear_deploy.errors import BackendError, InputError, MismatchError, SpearError, UnsupportedError
from spear_deploy.frontends import Imported, save
from spear_deploy.importers.check import check
from spear_deploy.network import Conv2d, Network
from spear_deploy.simulate.simulator import FloatSimulator

HIDDEN = {"init_hidden": True}
MAPS, VECTOR = torch.zeros(1, 2, 8, 8), torch.zeros(1, 20)


def convolutional(**options: object) -> nn.Module:
    """Convolution, normalisation with moved statistics, pooling and a dense layer; all layers fire."""
    torch.manual_seed(3)
    norm = nn.BatchNorm2d(6)
    nn.init.uniform_(norm.running_mean, -0.5, 0.5)
    nn.init.uniform_(norm.running_var, 0.05, 0.2)
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False),
        norm,
        snn.Leaky(beta=0.9, **HIDDEN, **options),
        nn.AvgPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(96, 10),
        snn.Leaky(beta=0.8, threshold=0.5, output=True, **HIDDEN, **options),
    )
    nn.init.normal_(net[6].weight, 0.0, 0.1)
    return net


class Blocks(nn.Module):
    """Two dense layers in blocks with names of their own."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.block = nn.ModuleDict({"lif": nn.Sequential(nn.Linear(20, 30), first)})
        self.head = nn.Linear(30, 10)
        self.lif = second

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.head(self.block["lif"](x)))


class Skipping(nn.Module):
    """A skip connection around the second layer, as a residual block has it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.n1 = nn.Linear(20, 30), snn.Leaky(beta=0.9, **HIDDEN)
        self.second, self.n2 = nn.Linear(30, 30), snn.Leaky(beta=0.9, **HIDDEN)
        self.third, self.n3 = nn.Linear(30, 10), snn.Leaky(beta=0.9, **HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.n1(self.first(x))
        return self.n3(self.third(self.n2(self.second(hidden) + hidden)))


class Functional(nn.Module):
    """Pools, flattening, dropout and a product by functions, as most people write them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.n1 = nn.Conv2d(2, 6, 3, padding=1), snn.Leaky(beta=0.9, **HIDDEN)
        self.deep, self.n2 = nn.Conv2d(6, 4, 3, padding=1), snn.Leaky(beta=0.8, **HIDDEN)
        self.head, self.n3 = nn.Linear(16, 10), snn.Leaky(beta=0.9, **HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        x = self.n1(functional.avg_pool2d(self.conv(x), 2))
        x = self.n2(functional.adaptive_avg_pool2d(self.deep(x) * 2, (2, 2)) / 0.5)
        x = functional.dropout(x.view(x.size(0), -1), 0.5, self.training)
        return self.n3(self.head(x))


class Shared(nn.Module):
    """One matrix in two places, and a sum by Python's own sum()."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.n1 = nn.Linear(20, 20), snn.Leaky(beta=0.9, **HIDDEN)
        self.n2 = snn.Leaky(beta=0.8, **HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.n1(self.dense(x))
        return self.n2(sum([self.dense(hidden), hidden]))


def codes(error: SpearError) -> list[str]:
    return [finding.code for finding in error.findings]


def refused(net: nn.Module, sample: Tensor = VECTOR) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as caught:
        spear_deploy.from_snntorch(net, sample)
    assert set(codes(caught.value)) == {"E021"}
    return caught.value


def dense(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(20, 30), *layers)


def spikes_of(net: nn.Module, x: Tensor) -> np.ndarray:
    """Output (T, B, N) of a module run step by step from states of zero."""
    net.eval()
    for layer in net.modules():
        if isinstance(layer, snn.SpikingNeuron):
            layer.reset_mem()
    with torch.no_grad():
        outputs = [net(step) for step in x]
    return torch.stack([y if isinstance(y, Tensor) else y[0] for y in outputs]).numpy()


def output(network: Network, x: Tensor) -> np.ndarray:
    with torch.no_grad():
        return FloatSimulator(network)({network.inputs[0].name: x})[network.outputs[0]].numpy()


@pytest.mark.parametrize(
    "options", [{}, {"reset_mechanism": "zero"}, {"reset_mechanism": "zero", "reset_delay": False}]
)
def test_convolutional_module_runs_alike(options) -> None:
    """With normalisation folded and dropout left out, spikes on real input are the module's, nothing being stated."""
    net = convolutional(**options)
    x = (torch.rand(40, 4, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    expected = spikes_of(net, x)
    assert 0.05 < expected.mean() < 0.9
    imported = spear_deploy.from_snntorch(net, MAPS)
    np.testing.assert_array_equal(output(imported.network, x), expected)
    assert [type(op).__name__ for p in imported.network.projections for op in p.ops].count("Conv2d") == 1
    assert imported.semantics.reset == options.get("reset_mechanism", "subtract")
    assert imported.semantics.reset_delay == options.get("reset_delay", True)


def test_normalisation_is_folded_into_weight_and_bias() -> None:
    """The folded convolution has the normalised one's weights and biases."""
    net = convolutional().eval()
    imported = spear_deploy.from_snntorch(net, MAPS)
    (op,) = [op for p in imported.network.projections for op in p.ops if isinstance(op, Conv2d)]
    scale = net[1].weight / torch.sqrt(net[1].running_var + net[1].eps)
    np.testing.assert_allclose(op.weight, (net[0].weight * scale.reshape(-1, 1, 1, 1)).detach(), rtol=1e-6)
    np.testing.assert_allclose(op.bias, (net[1].bias - net[1].running_mean * scale).detach(), rtol=1e-6)


def test_module_is_left_as_it_was() -> None:
    """In the midst of training, with states that have a history, a module is imported and not changed by it."""
    net = convolutional().train()
    net(torch.rand(3, 2, 8, 8))[0].sum().backward(retain_graph=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state, kinds = net[2].mem, [type(layer) for layer in net]
    spear_deploy.from_snntorch(net, MAPS)
    assert net.training
    assert net[2].mem is state
    assert [type(layer) for layer in net] == kinds
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("first", "looped"),
    [
        (lambda: snn.RLeaky(beta=0.9, linear_features=30, **HIDDEN), True),
        (lambda: snn.RSynaptic(alpha=0.5, beta=0.9, linear_features=30, **HIDDEN), True),
        (lambda: snn.RLeaky(beta=0.9, all_to_all=False, V=torch.rand(30), **HIDDEN), True),
        (lambda: snn.Synaptic(alpha=0.5, beta=torch.rand(30), **HIDDEN), False),
    ],
)
def test_kinds_of_neurons_in_nested_blocks(first, looped) -> None:
    """Recurrent and synaptic layers are imported whatever the names of the blocks that hold them."""
    imported = spear_deploy.from_snntorch(Blocks(first(), snn.Leaky(beta=0.7, **HIDDEN)), VECTOR)
    assert len(imported.network.loops) == looped
    assert len(imported.network.neurons) == 2


@pytest.mark.parametrize("size", [20, 10])
def test_last_layer_without_neurons_is_a_readout(size) -> None:
    """Its values are the network's output, of the module's input's shape or another, and nothing else is driven."""
    net = nn.Sequential(nn.Linear(20, 30), snn.Leaky(beta=0.9, **HIDDEN), nn.Linear(30, size))
    network = spear_deploy.from_snntorch(net, VECTOR).network
    assert [p.neuron.is_readout for p in network.neurons] == [False, True]
    assert network[network.outputs[0]].shape == (size,)


def test_decays_are_exact() -> None:
    """Every beta comes back to the last bit, though the exporter rounds its time constant; clamped as in forward."""
    beta = torch.cat([torch.linspace(0, 0.999, 29), torch.tensor([-0.5])])
    network = spear_deploy.from_snntorch(dense(snn.Leaky(beta=beta, **HIDDEN)), VECTOR).network
    np.testing.assert_array_equal(network.neurons[0].neuron.beta, beta.clamp(0, 1))


@pytest.mark.parametrize("beta", [1.0, torch.linspace(0.9, 1.0, 30)])
def test_beta_of_one_integrates(beta) -> None:
    """A neuron without leak, written with an infinite time constant, is imported as one, beside others or alone."""
    network = spear_deploy.from_snntorch(dense(snn.Leaky(beta=beta, **HIDDEN)), VECTOR).network
    assert np.all(network.neurons[0].neuron.beta == np.float32(beta))


def test_untrained_deep_network_is_checked_in_every_layer() -> None:
    """Layers that no spike reaches at first are driven by noise of their own: what they lose is found too."""
    layers = [module for _ in range(3) for module in (nn.Linear(30, 30), snn.Leaky(beta=0.5, **HIDDEN))]
    assert len(spear_deploy.from_snntorch(dense(snn.Leaky(beta=0.5, **HIDDEN), *layers), VECTOR).network.neurons) == 4


def test_stored_import_carries_its_semantics(tmp_path) -> None:
    """What was read from the module is stored with the network: reading the file needs nothing stated."""
    imported = spear_deploy.from_snntorch(convolutional(reset_mechanism="zero"), MAPS)
    save(tmp_path / "net.nir", imported.network, imported.semantics)
    again = spear_deploy.load(tmp_path / "net.nir")
    x = (torch.rand(20, 2, 2, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.3).float()
    np.testing.assert_array_equal(output(again.network, x), output(imported.network, x))


# What stands between the layers


@pytest.mark.parametrize(("net", "sample"), [(Skipping, VECTOR), (Functional, MAPS), (Shared, VECTOR)])
def test_functions_between_layers(net, sample: Tensor) -> None:
    """Skip connections, pools, flattening and products in forward are followed: spikes are the module's."""
    torch.manual_seed(3)
    module = net().eval()
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.normal_(layer.weight, 0.05, 1.5 / layer.weight[0].numel() ** 0.5)
    network = spear_deploy.from_snntorch(module, sample).network
    x = (torch.rand(40, 3, *sample.shape[1:], generator=torch.Generator().manual_seed(3)) < 0.4).float()
    expected = spikes_of(module, x)
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(output(network, x), expected)


class Looping(nn.Module):
    """Loops over the steps, its states outside; ``form`` is how it takes its input and gives its output."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.dense, self.norm, self.n1 = nn.Linear(20, 30), nn.BatchNorm1d(30), snn.Leaky(beta=0.9)
        self.head, self.n2 = nn.Linear(30, 10), snn.Synaptic(alpha=0.5, beta=0.8)
        nn.init.normal_(self.dense.weight, 0.2, 0.4)
        nn.init.normal_(self.head.weight, 0.1, 0.4)
        nn.init.uniform_(self.norm.running_mean, -0.5, 0.5)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        m1, (syn, m2) = self.n1.init_leaky(), self.n2.init_synaptic()
        spikes, membranes = [], []
        for step in range(25) if self.form == "repeated" else range(x.shape[self.form == "batch first"]):
            now = x if self.form == "repeated" else x[:, step] if self.form == "batch first" else x[step]
            s1, m1 = self.n1(self.norm(self.dense(now)), m1)
            s2, syn, m2 = self.n2(self.head(s1), syn, m2)
            spikes.append(s2)
            membranes.append(m2)
        if self.form == "batch first":
            return sum(spikes) / len(spikes)
        return torch.stack(spikes), torch.stack(membranes)


@pytest.mark.parametrize("form", ["repeated", "time first", "batch first"])
def test_module_that_loops_over_its_steps(form: str) -> None:
    """One that takes all steps, or one for all, is imported as the network of a step: spikes are the module's."""
    torch.manual_seed(3)
    net = Looping(form).eval()
    imported = spear_deploy.from_snntorch(net, VECTOR)
    (note,) = imported.notes
    assert note.code == "N011"
    assert ("25 steps" in note.message) == (form == "repeated")
    x = (torch.rand(25, 3, 20, generator=torch.Generator().manual_seed(3)) < 0.4).float()
    x = x[:1].expand_as(x) if form == "repeated" else x
    given = {"repeated": x[0], "time first": x, "batch first": x.transpose(0, 1)}[form]
    with torch.no_grad():
        emitted = net(given)
    spikes = output(imported.network, x)
    expected = emitted.numpy() if form == "batch first" else emitted[0].numpy()
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(spikes.mean(0, dtype=np.float32) if form == "batch first" else spikes, expected)


@pytest.mark.parametrize("shape", [(28,), (20, 1), (25, 20, 1)])
def test_a_module_that_loops_is_given_a_step_of_another_shape(shape) -> None:
    """What is wrong is the shape, not that its layers keep states outside."""
    with pytest.raises(InputError, match=re.escape(f"E005 snntorch: the module cannot take a step of shape {shape}")):
        spear_deploy.from_snntorch(Looping("repeated").eval(), torch.zeros(1, *shape))


class Plain(nn.Module):
    """Loops over the steps on ``axis`` (None: over 25 of the same input) of layers that take other axes too."""

    def __init__(self, layer: nn.Module, axis: int | None) -> None:
        super().__init__()
        self.layer, self.lif, self.axis = layer, snn.Leaky(beta=0.9), axis
        nn.init.normal_(layer.weight, 0.2, 0.4)

    def forward(self, x: Tensor) -> Tensor:
        membrane, spikes = self.lif.init_leaky(), []
        for step in range(25 if self.axis is None else x.shape[self.axis]):
            now = x if self.axis is None else x.select(self.axis, step)
            spike, membrane = self.lif(self.layer(now), membrane)
            spikes.append(spike)
        return torch.stack(spikes)


@pytest.mark.parametrize("surplus", [(16,), (1,), (16, 1)])
@pytest.mark.parametrize(
    ("net", "step"),
    [
        (lambda: Plain(nn.Linear(20, 8), 0), (20,)),
        (lambda: Plain(nn.Linear(20, 8), 1), (20,)),
        (lambda: Plain(nn.Linear(20, 8), None), (20,)),
        (lambda: nn.Sequential(nn.Linear(20, 8), snn.Leaky(beta=0.9, **HIDDEN)), (20,)),
        (lambda: Plain(nn.Conv2d(1, 4, 3), 0), (1, 8, 8)),
        (lambda: Plain(nn.Conv2d(1, 4, 3), 1), (1, 8, 8)),
    ],
)
def test_a_shape_with_time_in_it(net: Callable[[], nn.Module], step: tuple[int, ...], surplus: tuple[int, ...]) -> None:
    """A module that runs with axes of time and batch before a step's is told the step's shape, and takes that."""
    torch.manual_seed(3)
    module, shape = net().eval(), (*surplus, *step)
    with pytest.raises(InputError) as caught:
        spear_deploy.from_snntorch(module, torch.zeros(1, *shape))
    (finding,) = caught.value.findings
    assert finding.code == "E005"
    assert f"cannot take a step of shape {shape}: " in finding.message
    assert finding.fix.endswith(f": {step}, which is --input {','.join(map(str, step))}")
    network = spear_deploy.from_snntorch(module, torch.zeros(1, *step)).network
    assert network.inputs[0].shape == step


def test_maps_that_meet_a_linear() -> None:
    """Torch takes them row by row, a network does not: E021 says to flatten them."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Linear(6, 10), snn.Leaky(beta=0.9, **HIDDEN))
    (finding,) = refused(net, MAPS).findings
    assert (finding.code, finding.where) == ("E021", "layer '1'")
    assert "(4, 6, 6), and takes a vector" in finding.message


class Mistaken(Looping):
    """Has no layer of the name that it uses."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return super().forward(self.fc_one(x))


def test_a_mistake_in_forward_is_no_matter_of_shapes() -> None:
    """E048 with what it raised, whatever keeps the states."""
    for net in (Mistaken("repeated").eval(), Between(lambda x: x.no_such_thing())):
        with pytest.raises(InputError, match=r"E048 \w+: its own code fails: AttributeError"):
            spear_deploy.from_snntorch(net, VECTOR)


class Between(nn.Module):
    """Computes what it is given between two layers."""

    def __init__(self, what: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.dense, self.lif, self.what = nn.Linear(20, 32), snn.Leaky(beta=0.9, **HIDDEN), what

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.what(self.dense(x)))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (functional.relu, "relu() makes of 'dense' in forward, which has no equal: put a spiking neuron in its place"),
        (lambda x: functional.max_pool1d(x[:, None], 2)[:, 0], "max_pool1d() makes of 'dense' in forward, which has"),
        (lambda x: x.add_(0.5), "add_() makes of 'dense'"),
        (lambda x: x - x.mean(), "mean() makes of 'dense' in forward"),
        (lambda x: 2.0 / x, "makes of 'dense' in forward"),
        (
            lambda x: functional.dropout(x, 0.5),
            "which has no equal: give it training=self.training",
        ),
        (lambda _: torch.ones(1, 32), "takes what comes neither from a layer nor from the module's input"),
    ],
)
def test_functions_without_an_equal(what, told: str) -> None:
    """What cannot be followed is named with the layer before and behind it."""
    (finding,) = refused(Between(what)).findings
    assert finding.where == "layer 'lif'"
    assert told in f"{finding.message}: {finding.fix}"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch):
    """The imported network and the running module of a small net, before they are compared."""
    seen: dict[str, object] = {}
    module = sys.modules["spear_deploy.importers.check"]
    monkeypatch.setattr(module, "check", lambda network, live, seed, where: seen.update(network=network, live=live))
    torch.manual_seed(0)
    second = snn.Synaptic(alpha=0.6, beta=0.8, **HIDDEN)
    spear_deploy.from_snntorch(Blocks(snn.Leaky(beta=0.9, **HIDDEN), second), VECTOR)
    return seen["network"], seen["live"]


def test_right_network_passes_the_check(checked) -> None:
    """The check accepts an equal network for any seed, and says nothing."""
    for seed in range(3):
        check(*checked, seed, "test")


@pytest.mark.parametrize(
    ("population", "change"),
    [
        (0, lambda n: {"threshold": n.threshold * np.float32(1.02)}),
        (0, lambda n: {"beta": n.beta * np.float32(0.98)}),
        (1, lambda n: {"alpha": n.alpha * np.float32(0.98)}),
        (1, lambda n: {"alpha": np.zeros_like(n.alpha)}),
        (1, lambda n: {"bias": n.bias + np.float32(0.01)}),
        (0, lambda n: {"reset": "value"}),
        (1, lambda n: {"reset_delay": False}),
        (1, lambda n: {"spikes": "integer"}),
        (0, lambda n: {"floor": -0.5}),
    ],
)
def test_any_other_neuron_is_found(checked, population, change) -> None:
    """A parameter that is 2 % off, another reset, spike count or clip in one population is an E052 that names it."""
    network, live = checked
    name = network.neurons[population].name
    changed = tuple(
        replace(p, neuron=replace(p.neuron, **change(p.neuron))) if p.name == name else p for p in network.populations
    )
    with pytest.raises(MismatchError, match=f"population '{name}', neuron .*the module gives") as caught:
        check(replace(network, populations=changed), live, 0, "test")
    assert codes(caught.value) == ["E052"]


@pytest.mark.parametrize("projection", [0, 1])
@pytest.mark.parametrize("change", ["weight", "bias", "delay"])
def test_any_other_synapse_is_found(checked, projection, change) -> None:
    """One weight of hundreds, one bias, or a step of delay that differs is found."""
    network, live = checked
    wrong = network.projections[projection]
    (op,) = wrong.ops
    if change == "delay":
        wrong = replace(wrong, delay=1)
    else:
        array = getattr(op, change).copy()
        array.reshape(-1)[3] += 0.1
        wrong = replace(wrong, ops=(replace(op, **{change: array}),))
    projections = tuple(wrong if i == projection else p for i, p in enumerate(network.projections))
    with pytest.raises(MismatchError):
        check(replace(network, projections=projections), live, 0, "test")


def test_layer_that_cannot_fire_is_refused() -> None:
    """A check without spikes would show nothing: an infinite threshold is told, not passed."""
    for threshold in (float("inf"), torch.tensor([1.0] * 29 + [float("inf")])):
        (finding,) = refused(dense(snn.Leaky(beta=0.9, threshold=threshold, **HIDDEN))).findings
        assert "its threshold is infinite" in finding.message
    with pytest.raises(MismatchError, match="layer '1' does not fire"):
        spear_deploy.from_snntorch(dense(snn.Leaky(beta=0.9, threshold=1e20, **HIDDEN)), VECTOR)


# What has no equal


def test_unknown_layers_are_listed_at_once() -> None:
    """Every layer that snnTorch cannot export is a finding, before anything runs."""
    error = refused(
        nn.Sequential(nn.Linear(20, 30), nn.ReLU(), snn.Alpha(alpha=0.9, beta=0.8, **HIDDEN), nn.Softmax(1))
    )
    assert [finding.where for finding in error.findings] == ["layer '1'", "layer '2'", "layer '3'"]


class Homemade(nn.Module):
    """A neuron of one's own, with a surrogate function."""

    def __init__(self) -> None:
        super().__init__()
        self.surrogate = nn.Sigmoid()


@pytest.mark.parametrize(
    ("layer", "where", "told"),
    [
        (lambda: snn.Alpha(alpha=0.9, beta=0.8, **HIDDEN), "1", "Alpha"),
        (lambda: snn.Lapicque(beta=0.9, **HIDDEN), "1", "Lapicque"),
        (lambda: snn.SLSTM(30, 30, **HIDDEN), "1", "SLSTM"),
        (Homemade, "1", "Homemade"),
        (lambda: nn.ModuleDict({"surrogate": nn.Sigmoid()}), "1.surrogate", "Sigmoid"),
        (lambda: nn.Sequential(nn.Sequential(Homemade())), "1.0.0", "Homemade"),
    ],
)
def test_unknown_neuron_is_named_itself(layer, where: str, told: str) -> None:
    """A neuron is refused by its class and a fix, not by the surrogate function within; a container by its layers."""
    (finding,) = refused(dense(layer(), snn.Leaky(beta=0.9, **HIDDEN))).findings
    assert (finding.where, finding.message) == (f"layer '{where}'", f"{told} cannot be exported")
    assert ("use one of Leaky, Synaptic" in finding.fix) == (told != "Sigmoid")


@pytest.mark.parametrize(
    ("layer", "fix"),
    [
        (nn.MaxPool2d(2), "use AvgPool2d or a strided convolution"),
        (nn.AdaptiveAvgPool2d(3), "use AvgPool2d"),
        (nn.AvgPool2d(3, ceil_mode=True), "ceil_mode=False"),
        (nn.AvgPool2d(3, padding=1, count_include_pad=False), "count_include_pad=True"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override=None"),
        (nn.Conv2d(2, 2, 3, padding_mode="reflect"), "padding_mode='zeros'"),
        (nn.GroupNorm(1, 2), "BatchNorm"),
        (nn.Flatten(0), "start_dim=1"),
        (nn.ReLU(), "spiking neuron"),
        (nn.ConvTranspose2d(2, 2, 3), "retrain"),
    ],
)
def test_layers_of_torch_with_a_replacement(layer: nn.Module, fix: str) -> None:
    """A layer, or a setting of one, that NIR has no word for is refused with what works instead."""
    (finding,) = refused(nn.Sequential(layer, snn.Leaky(beta=0.9, **HIDDEN)), MAPS).findings
    assert finding.where == "layer '0'"
    assert finding.message.startswith(type(layer).__name__)
    assert fix in finding.fix


@pytest.mark.parametrize("threshold", [0.0, -0.5, torch.linspace(0.0, 1.0, 30)])
def test_threshold_that_is_not_positive(threshold) -> None:
    """It is told of the layer, not of semantics that nobody gave."""
    (finding,) = refused(dense(snn.Leaky(beta=0.9, threshold=threshold, **HIDDEN))).findings
    assert (finding.code, finding.where) == ("E021", "layer '1'")
    assert finding.message.startswith("a threshold of ")
    assert "is not supported" in finding.message


class Variant(snn.Leaky):
    """A neuron of one's own that adds nothing to snnTorch's."""


@pytest.mark.parametrize("reset", ["none", "subtract"])
def test_a_neuron_with_a_layer_within(reset: str) -> None:
    """It is named itself, not by the layer that it holds, nor by a setting that others have."""
    neuron = snn.SConv2dLSTM(4, 3, 3, reset_mechanism=reset, **HIDDEN)
    (finding,) = refused(nn.Sequential(nn.Conv2d(2, 4, 3), neuron), MAPS).findings
    assert (finding.where, finding.message) == ("layer '1'", "SConv2dLSTM cannot be exported")
    assert finding.fix == "use one of Leaky, Synaptic, RLeaky, RSynaptic and retrain"


def test_a_subclass_of_a_neuron() -> None:
    """A user's own is taken as long as its spikes are the same."""
    assert len(spear_deploy.from_snntorch(dense(Variant(beta=0.9, **HIDDEN)), VECTOR).network.neurons) == 1


def test_a_module_that_cannot_be_copied() -> None:
    """It is E021 with the reason, not a traceback."""
    net = dense(snn.Leaky(beta=0.9, **HIDDEN))
    net.held = (number for number in range(3))
    assert "the module cannot be copied: TypeError: cannot pickle 'generator' object" in str(refused(net))


RECURRENT = [
    lambda: snn.RLeaky(beta=0.8, V=-0.4, all_to_all=False, **HIDDEN),
    lambda: snn.RLeaky(beta=0.8, conv2d_channels=3, kernel_size=(3, 5), **HIDDEN),
    lambda: snn.RSynaptic(alpha=0.5, beta=0.8, conv2d_channels=3, kernel_size=3, **HIDDEN),
    lambda: snn.RSynaptic(alpha=0.5, beta=torch.rand(3, 1, 1), V=torch.randn(1, 3, 1, 1), all_to_all=False, **HIDDEN),
    lambda: snn.Synaptic(alpha=torch.rand(1, 3, 1, 1), beta=0.8, threshold=1 + torch.rand(3, 1, 1), **HIDDEN),
]


@pytest.mark.parametrize("neuron", RECURRENT)
def test_maps_that_feed_themselves_and_parameters_by_channel(neuron) -> None:
    """Recurrent convolutions, one weight for all neurons, values by channel with an axis of the batch or without."""
    torch.manual_seed(4)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), neuron(), nn.Flatten(), nn.Linear(108, 6), snn.Leaky(beta=0.9, **HIDDEN))
    nn.init.normal_(net[0].weight, 0.1, 0.3)
    nn.init.normal_(net[3].weight, 0.02, 0.2)
    network = spear_deploy.from_snntorch(net, MAPS).network
    x = (torch.rand(30, 3, *MAPS.shape[1:], generator=torch.Generator().manual_seed(3)) < 0.4).float()
    expected = spikes_of(net, x)
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(output(network, x), expected)


def test_parameters_by_sample() -> None:
    """They are no network's: the layer is named."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3), snn.Leaky(beta=torch.rand(2, 3, 1, 1), **HIDDEN))
    (finding,) = refused(net, torch.zeros(2, *MAPS.shape[1:])).findings
    assert finding.where == "layer '1'"
    assert "shape (2, 3, 1, 1) is not one for each of its neurons (3, 6, 6)" in finding.message


class Ports(nn.Module):
    """Layers that are called as exporters call the ends of a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.input, self.hidden = nn.Linear(20, 30), snn.Leaky(beta=0.9, **HIDDEN)
        self.held, self.output = nn.Linear(30, 10), snn.Leaky(beta=0.8, **HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.held(self.hidden(self.input(x))))


def test_layers_called_as_ports() -> None:
    """They keep their names, too."""
    network = spear_deploy.from_snntorch(Ports(), VECTOR).network
    assert [p.name for p in network.neurons] == ["hidden", "output"]
    assert [p.name for p in network.projections] == ["held", "input"]
    assert network.outputs == ("output",)


PLAIN = [
    ((1, 2, 9, 8), lambda: nn.Conv2d(2, 4, (3, 5))),
    ((1, 2, 9, 8), lambda: nn.Conv2d(2, 4, (5, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3))),
    ((1, 2, 9, 8), lambda: nn.Conv2d(2, 4, (4, 3), padding="same")),
    ((1, 2, 9, 8), lambda: nn.Conv2d(2, 4, (4, 2), padding="same", dilation=(3, 2), bias=False)),
    ((1, 4, 9, 8), lambda: nn.Conv2d(4, 8, 3, groups=2)),
    ((1, 2, 9, 8), lambda: nn.AvgPool2d(3, 2, padding=1)),
    ((1, 2, 9, 8), lambda: nn.AvgPool2d((2, 3), padding=(1, 0))),
    ((1, 3, 15), lambda: nn.Conv1d(3, 5, 4, stride=2, padding=1)),
    ((1, 3, 15), lambda: nn.Conv1d(3, 5, 4, padding="same", dilation=3)),
    ((1, 3, 1), lambda: nn.Conv1d(3, 5, 1)),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch's remark on how it computes it
@pytest.mark.parametrize(("shape", "layer"), PLAIN)
def test_plain_layers_are_imported_as_the_file_reader_has_them(shape: tuple[int, ...], layer) -> None:
    """Kernels that are not square or even, padded pools, groups and maps of one dimension: spikes are the module's."""
    torch.manual_seed(2)
    plain = layer()
    with torch.no_grad():
        size = plain(torch.zeros(shape))[0].numel()
    first, second = snn.Leaky(beta=0.8, threshold=0.2, **HIDDEN), snn.Leaky(beta=0.9, **HIDDEN)
    net = nn.Sequential(plain, first, nn.Flatten(), nn.Linear(size, 6), second)
    nn.init.normal_(net[3].weight, 0.3 / size, 1.5 / size**0.5)
    network = spear_deploy.from_snntorch(net, torch.zeros(shape)).network
    x = (torch.rand(30, 3, *shape[1:], generator=torch.Generator().manual_seed(3)) < 0.4).float()
    expected = spikes_of(net, x)
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(output(network, x.reshape(*x.shape[:2], *network.inputs[0].shape)), expected)
    assert [p.name for p in network.neurons] == ["1", "4"]


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (lambda: snn.Leaky(beta=0.9), "init_hidden"),
        (lambda: snn.Leaky(beta=0.9, reset_mechanism="none", **HIDDEN), "without a reset"),
        (lambda: snn.Leaky(beta=0.9, graded_spikes_factor=2.0, **HIDDEN), "graded"),
        (lambda: snn.Leaky(beta=0.9, reset_delay=False, **HIDDEN), "holds a spike back"),
        (lambda: snn.RSynaptic(alpha=0.5, beta=0.9, linear_features=30, reset_delay=False, **HIDDEN), "cannot run"),
    ],
)
def test_settings_without_an_equal(layer, told) -> None:
    """A layer's setting that no neuron here has is refused with its name and a way out."""
    (finding,) = refused(dense(layer())).findings
    assert finding.where == "layer '1'"
    assert told in str(finding)
    assert finding.fix


def test_mixed_conventions() -> None:
    """Layers that reset differently cannot be stored in one NIR file: each that differs is told."""
    second = snn.Leaky(beta=0.9, reset_mechanism="zero", **HIDDEN)
    (finding,) = refused(Blocks(snn.Leaky(beta=0.9, **HIDDEN), second)).findings
    assert (finding.where, "reset zero instead of subtract" in finding.message) == ("layer 'lif'", True)


def test_layer_used_twice() -> None:
    """Two places that share one state are not two populations."""
    shared = snn.Leaky(beta=0.9, **HIDDEN)
    net = nn.Sequential(nn.Linear(20, 30), shared, nn.Linear(30, 30), shared)
    assert "layer '1': runs 2 times a step: two places would share one state" in str(refused(net))


def test_module_without_neurons() -> None:
    """A module that does not spike is refused, not imported as a matrix."""
    assert "no layer of spiking neurons" in str(refused(nn.Sequential(nn.Linear(20, 30))))


def test_normalisation_without_a_layer_before_it() -> None:
    """Normalised input cannot be folded and is refused with the layer's name."""
    net = nn.Sequential(nn.BatchNorm1d(20), nn.Linear(20, 30), snn.Leaky(beta=0.9, **HIDDEN))
    assert "layer '0'" in str(refused(net))


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 2, 12, 12), (1, 2, 8), (1, 128), (1, 1, 2, 8, 8, 1)])
def test_samples_that_the_module_cannot_take(shape) -> None:
    """Other channels, another size, other axes: E005 with the shape, in ``deploy`` too, not the framework's error."""
    net = convolutional()
    told = re.escape(f"E005 snntorch: the module cannot take a step of shape {shape[1:]}: ")
    with pytest.raises(InputError, match=told):
        spear_deploy.from_snntorch(net, torch.zeros(shape))
    x = np.zeros((10, *shape[1:]), np.float32)
    with pytest.raises(InputError, match=told):
        spear_deploy.deploy(net, (x, np.arange(10)), steps=4, synops="50%")


@pytest.mark.parametrize("sample", [None, 3, np.zeros((1, 2, 8, 8)), torch.zeros(8), torch.zeros(0, 2, 8, 8)])
def test_samples_that_are_none(sample) -> None:
    """What is not a tensor with a batch axis, or is empty, is E005."""
    with pytest.raises(InputError, match="E005 sample: is "):
        spear_deploy.from_snntorch(convolutional(), sample)


@pytest.mark.parametrize("name", ["norse", "sinabs", "spikingjelly", "snntorch"])
def test_absent_framework(name, monkeypatch) -> None:
    """Without the framework the error says what to install, and is 6, as of any package that is missing."""
    for loaded in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError, match=f"pip install {name}") as caught:
        getattr(spear_deploy, f"from_{name}")(dense(), VECTOR)
    assert codes(caught.value) == ["E064"]


def test_import_is_typed_and_whole() -> None:
    """An import names its input and output, and holds no framework's object."""
    imported = spear_deploy.from_snntorch(dense(snn.Leaky(beta=0.9, **HIDDEN)), VECTOR)
    assert isinstance(imported, Imported)
    assert imported.name == "Sequential"
    assert [p.shape for p in imported.network.inputs] == [(20,)]
    assert imported.network.outputs == ("1",)
