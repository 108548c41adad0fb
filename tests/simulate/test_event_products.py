"""Products by what is not zero are those of all values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spear_deploy.execution import Execution
from spear_deploy.simulate import event_products, products
from spear_deploy.simulate.event_products import correlation_by_events, product_by_events, suits_events
from spear_deploy.simulate.products import linear


def drawn(rows: int, columns: int, rate: float) -> torch.Tensor:
    """Small integers, whose sums floats hold; a share of them is not zero."""
    rng = np.random.default_rng(rows * columns)
    values = rng.integers(-8, 9, (rows, columns)) * (rng.random((rows, columns)) < rate)
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (7, 16), (16, 33), (40, 70), (64, 256)])
def test_products_are_torchs(inputs, outputs, rate):
    """Of rows, and of their gradient; widths that end within a vector, at its end and behind several."""
    x, weight, grad = drawn(19, inputs, rate), drawn(outputs, inputs, 1.0), drawn(19, outputs, 1.0)
    assert torch.equal(product_by_events(x, weight), x @ weight.T)
    assert torch.equal(correlation_by_events(grad, x), grad.T @ x)


def test_no_byte_depends_on_threads():
    """Rows are summed in parts whose number is fixed."""
    torch.manual_seed(0)
    x, grad = torch.rand(100, 30) * (torch.rand(100, 30) < 0.2), torch.randn(100, 64)

    def gradient(threads: int) -> bytes:
        with Execution(threads=threads).applied():
            return correlation_by_events(grad, x).contiguous().numpy().tobytes()

    assert gradient(1) == gradient(2)


def test_few_outputs_many_weights_and_busy_rows_are_the_librarys():
    """What fires is told from some of the rows."""
    x = drawn(30_000, 50, 0.1)
    assert suits_events(x, 64)
    assert not suits_events(x[:1000], 64)
    assert not suits_events(x, 63)
    assert not suits_events(x, 1 << 13)
    assert not suits_events(drawn(30_000, 50, 0.5), 64)


@pytest.mark.parametrize("rate", [0.1, 0.9])
def test_gradients_of_a_layer_are_those_of_torch(monkeypatch, rate):
    """Both ways of it, of which the rate chooses one."""
    called: list[int] = []
    monkeypatch.setattr(event_products, "_WORTH", 1)
    monkeypatch.setattr(products, "product_by_events", lambda *all_of: called.append(1) or product_by_events(*all_of))
    factors = [
        drawn(512, 80, rate).requires_grad_(),
        drawn(100, 80, 1.0).requires_grad_(),
        drawn(1, 100, 1.0)[0].requires_grad_(),
    ]
    upstream = drawn(512, 100, 1.0)
    y = linear(*factors)
    (y * upstream).sum().backward()
    x, weight, _ = (factor.detach() for factor in factors)
    assert torch.equal(y.detach(), x @ weight.T + factors[2].detach())
    found = [factor.grad for factor in factors]
    assert all(map(torch.equal, found, [upstream @ weight, upstream.T @ x, upstream.sum(0)]))
    assert len(called) == (rate < 0.5)
