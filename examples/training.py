"""What the example networks share: training in snnTorch, export to NIR, and a check of the written file.

Spike trains are tensors (steps, samples, *shape). An input that is constant in time has one step; it is repeated where
the first neurons integrate it, so that the layers in front of them run once.
"""

import argparse
import time
from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from snntorch.export_nir import export_to_nir
from torch import Tensor, nn
from torch.nn import functional

BETA = 0.9  # decay of the membrane in one step
DT = 1e-4  # seconds; snnTorch's exporter writes tau = DT / (1 - beta) and r = tau / DT
HIDDEN_RATE = 0.1  # spikes per neuron and step that the regulariser pulls every hidden layer to
THREADS = 2  # fixed: sums are split by thread, so another number gives another network


def arguments(description: str, output: Path, epochs: int) -> argparse.ArgumentParser:
    """The options of every example."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", type=Path, default=output, help="the file to write (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=epochs, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    return parser


def make_deterministic(seed: int) -> None:
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)


def leaky(*shape: int) -> snntorch.Leaky:
    """Neurons with parameters of full shape: NIR knows no scalar that stands for a layer."""
    return snntorch.Leaky(
        beta=torch.full(shape, BETA), threshold=torch.ones(shape), reset_mechanism="zero", init_hidden=True
    )


def spikes_of(net: nn.Sequential, x: Tensor, steps: int) -> list[Tensor]:
    """The spikes of every Leaky layer. Layers run one after the other over all steps, as nothing feeds back."""
    spikes = []
    for module in net:
        if isinstance(module, snntorch.Leaky):
            module.reset_mem()
            x = torch.stack([module(step) for step in x.expand(steps, *x.shape[1:])])
            spikes.append(x)
        else:
            x = module(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    return spikes


def train(net: nn.Sequential, x: Tensor, y: Tensor, *, steps: int, epochs: int, batch: int, lr: float) -> None:
    """Cross-entropy on the output's spike counts, plus a mild pull of every hidden layer to HIDDEN_RATE."""
    optimiser = torch.optim.Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * -(-len(y) // batch))
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        total, correct = 0.0, 0
        for chosen in torch.randperm(len(y)).split(batch):
            *hidden, output = spikes_of(net, x[:, chosen], steps)
            counts = output.sum(0)
            loss = functional.cross_entropy(counts, y[chosen])
            loss = loss + sum((spikes.mean() - HIDDEN_RATE) ** 2 for spikes in hidden)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
            correct += int((counts.argmax(1) == y[chosen]).sum())
        seconds = time.perf_counter() - start
        print(f"epoch {epoch}: loss {total / len(y):.4f}, train {correct / len(y):.2%}, {seconds:.0f} s", flush=True)


@torch.no_grad()
def evaluate(net: nn.Sequential, x: Tensor, y: Tensor, *, steps: int) -> None:
    """Print the accuracy of the largest spike count, the share of ties in it, and the activity of every layer."""
    parts = [spikes_of(net, part, steps) for part in x.split(500, dim=1)]
    counts = [torch.cat([spikes.sum(0) for spikes in layer]) for layer in zip(*parts, strict=True)]
    best, second = counts[-1].topk(2).values.T
    print(f"test {(counts[-1].argmax(1) == y).float().mean():.2%}, ties {(best == second).float().mean():.2%}")
    for index, count in enumerate(counts, 1):
        silent = (count.sum(0) == 0).float().mean()
        print(
            f"layer {index}: {count.sum() / len(y):.1f} spikes a sample, rate {count.mean() / steps:.2%}, "
            f"{count[0].numel()} neurons of which {silent:.1%} never fire"
        )


def write(net: nn.Sequential, sample: Tensor, path: Path) -> None:
    """Export through snnTorch; `sample` is one step of one sample. nir.write is not atomic, hence the rename."""
    graph = export_to_nir(net, sample, ignore_dims=[0])
    graph.edges.sort()  # they come out of a set: in a fixed order, equal networks give equal files
    temporary = path.with_name(path.name + ".part")
    nir.write(temporary, graph)
    temporary.replace(path)


def interpret(path: Path, x: Tensor, steps: int) -> list[Tensor]:
    """The spikes of every LIF node as NIR defines it: Euler, `v > v_threshold`, reset to 0 in the same step."""
    graph = nir.read(path)
    following = dict(graph.edges)
    name = next(name for name, node in graph.nodes.items() if isinstance(node, nir.Input))
    spikes = []
    while not isinstance(node := graph.nodes[name := following[name]], nir.Output):
        if isinstance(node, nir.LIF):
            rate = DT / node.tau.astype(np.float64)
            beta, gain, threshold = (torch.tensor(p).float() for p in (1 - rate, node.r * rate, node.v_threshold))
            v, fired = torch.tensor(0.0), []
            for step in x.expand(steps, *x.shape[1:]):
                v = beta * v + gain * step
                fired.append((v > threshold).float())
                v = v * (1 - fired[-1])
            x = torch.stack(fired)
            spikes.append(x)
        else:
            x = apply(node, x.flatten(0, 1)).unflatten(0, x.shape[:2])
    return spikes


def apply(node: nir.NIRNode, x: Tensor) -> Tensor:
    """A node without state on a batch; shapes in NIR have no batch axis."""
    if isinstance(node, nir.Flatten):
        return x.flatten(1 + node.start_dim)
    if isinstance(node, nir.AvgPool2d):
        kernel, stride = (np.broadcast_to(size, 2).tolist() for size in (node.kernel_size, node.stride))  # int or pair
        return functional.avg_pool2d(x, kernel, stride)
    weight, bias = torch.tensor(node.weight), torch.tensor(node.bias)
    if isinstance(node, nir.Conv2d):
        return functional.conv2d(x, weight, bias, tuple(node.stride), tuple(node.padding))
    return functional.linear(x, weight, bias)


@torch.no_grad()
def check(net: nn.Sequential, path: Path, x: Tensor, *, steps: int) -> None:
    """Compare the spikes of the written file with snnTorch's, bin by bin."""
    pairs = list(zip(spikes_of(net, x, steps), interpret(path, x, steps), strict=True))
    bins, wrong = sum(ours.numel() for ours, _ in pairs), sum(int((ours != theirs).sum()) for ours, theirs in pairs)
    print(f"{path.name}, read literally: {wrong} of {bins} spike bins of {x.shape[1]} samples differ from snnTorch")
