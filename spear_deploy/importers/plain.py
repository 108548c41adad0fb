"""Layers of torch itself, which every framework's modules are built of: what NIR has for them, and what it has not.

The frameworks' exporters write some of them wrongly (no padding of a pool, no kernel that is not square), so they are
written here for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import Finding

PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool2d, nn.Flatten)
"""Layers that are written; the frameworks' own are subclasses of them."""

_AVERAGE = "use AvgPool2d or a strided convolution and retrain"
_REPLACEMENTS = (
    (("MaxPool", "AdaptiveMaxPool", "FractionalMaxPool", "LPPool"), _AVERAGE),
    (("AdaptiveAvgPool",), "use AvgPool2d with the kernel size that it comes to"),
    (("AvgPool1d", "AvgPool3d"), "use AvgPool2d, or a convolution with equal weights"),
    (("LayerNorm", "GroupNorm", "InstanceNorm", "LocalResponseNorm"), "use BatchNorm behind a Linear or a convolution"),
    (("ConvTranspose", "Conv3d", "Upsample", "Bilinear"), "use Conv2d or Linear and retrain"),
    (
        ("Softmax", "LogSoftmax"),
        "leave it out: the output with the most spikes or the highest membrane is the answer",
    ),
    (("ReLU", "Sigmoid", "Tanh", "GELU", "ELU", "SiLU"), "put a spiking neuron in its place and retrain"),
    (("RNN", "LSTM", "GRU", "MultiheadAttention", "Transformer"), "use recurrent spiking neurons and retrain"),
)


def plain_node(module: nn.Module) -> Any:
    """Return the node of the nir package for one of the :data:`PLAIN` layers, None for another."""
    import nir

    match module:
        case nn.Linear() if module.bias is None:
            return nir.Linear(_array(module.weight))
        case nn.Linear():
            return nir.Affine(_array(module.weight), _array(module.bias))
        case nn.Conv1d():
            scalars = {key: _single(getattr(module, key)) for key in ("stride", "padding", "dilation")}
            return nir.Conv1d(input_shape=None, **_weights(module), **scalars, groups=module.groups)
        case nn.Conv2d():
            pairs = {key: getattr(module, key) for key in ("stride", "padding", "dilation")}
            return nir.Conv2d(input_shape=None, **_weights(module), **pairs, groups=module.groups)
        case nn.AvgPool2d():
            pairs = {key: np.broadcast_to(getattr(module, key), 2) for key in ("kernel_size", "stride", "padding")}
            return nir.AvgPool2d(**pairs)
        case nn.Flatten():
            start, end = (n - 1 if n > 0 else n for n in (module.start_dim, module.end_dim))  # without the batch axis
            return nir.Flatten(input_type=None, start_dim=start, end_dim=end)
    return None


def plain_findings(model: nn.Module) -> Iterator[Finding]:
    """Yield a finding (E021) for every setting of a plain layer that NIR has no word for."""
    for name, layer in model.named_modules():
        for message, fix in _problems(layer):
            yield Finding("E021", f"layer {name!r}", f"{type(layer).__name__} {message}", fix)


def replacement(module: nn.Module) -> str:
    """Return what to use instead of a layer of torch that cannot be exported, or nothing where that is not known.

    Frameworks derive layers of their own from torch's, of which the same holds.
    """
    names = [kind.__name__ for kind in type(module).__mro__ if kind.__module__.partition(".")[0] == "torch"]
    return next((fix for name in names for starts, fix in _REPLACEMENTS if name.startswith(starts)), "")


def _problems(layer: nn.Module) -> Iterator[tuple[str, str]]:
    if isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.padding_mode != "zeros":
        yield f"pads with padding_mode={layer.padding_mode!r}", "use padding_mode='zeros' and retrain"
    if getattr(layer, "ceil_mode", False):
        yield "has ceil_mode=True, which NIR has no word for", "use ceil_mode=False"
    if isinstance(layer, nn.Flatten) and layer.start_dim == 0:
        yield "joins the samples of a batch", "use start_dim=1"
    if isinstance(layer, nn.AvgPool2d):
        if np.any(layer.padding) and not layer.count_include_pad:
            yield "leaves the padding out of its mean", "use count_include_pad=True"
        if layer.divisor_override is not None:
            yield "has a divisor of its own", "use divisor_override=None, and scale the weights behind it"


def _weights(module: nn.Conv1d | nn.Conv2d) -> dict[str, Any]:
    bias = torch.zeros(len(module.weight)) if module.bias is None else module.bias
    return {"weight": _array(module.weight), "bias": _array(bias)}


def _array(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()


def _single(value: Any) -> Any:
    return value if isinstance(value, str | int) else int(value[0])
