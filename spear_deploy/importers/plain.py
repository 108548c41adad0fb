"""Torch's own layers, used by the modules of every framework: their NIR nodes, and what NIR cannot express.

They are converted here for all frameworks, whose exporters write some of them wrongly (padded pools, kernels that are
not square).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.network.ops import Shape

PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten)
"""Supported layers; the frameworks' own are subclasses of them."""

_AVERAGE = "use AvgPool2d or a strided convolution and retrain"
_REPLACEMENTS = (
    (("MaxPool", "AdaptiveMaxPool", "FractionalMaxPool", "LPPool"), _AVERAGE),
    (("AdaptiveAvgPool", "AvgPool1d", "AvgPool3d", "Mean"), "use AvgPool2d, or a convolution with equal weights"),
    (("LayerNorm", "GroupNorm", "InstanceNorm", "LocalResponseNorm"), "use BatchNorm after a Linear or a convolution"),
    (("ConvTranspose", "Conv3d", "Upsample", "Bilinear"), "use Conv2d or Linear and retrain"),
    (
        ("Softmax", "LogSoftmax"),
        "leave it out: the output with the most spikes or the highest membrane is the answer",
    ),
    (("ReLU", "Sigmoid", "Tanh", "GELU", "ELU", "SiLU"), "put a spiking neuron in its place and retrain"),
    (("RNN", "LSTM", "GRU", "MultiheadAttention", "Transformer"), "use recurrent spiking neurons and retrain"),
)


def plain_node(module: nn.Module, taken: Shape) -> NirNode | None:
    """Return the NIR node of one of the :data:`PLAIN` layers for an input shape; None for other layers."""
    match module:
        case nn.Linear() if module.bias is None:
            return NirNode("Linear", {"weight": _array(module.weight)})
        case nn.Linear():
            return NirNode("Affine", {"weight": _array(module.weight), "bias": _array(module.bias)})
        case nn.Conv1d():
            values = {key: _single(getattr(module, key)) for key in ("stride", "padding", "dilation")}
            return NirNode("Conv1d", _weights(module) | values | {"groups": module.groups})
        case nn.Conv2d():
            values = {key: _pair(getattr(module, key)) for key in ("stride", "padding", "dilation")}
            return NirNode("Conv2d", _weights(module) | values | {"groups": module.groups})
        case nn.AvgPool2d():
            return NirNode(
                "AvgPool2d", {key: _pair(getattr(module, key)) for key in ("kernel_size", "stride", "padding")}
            )
        case nn.AdaptiveAvgPool2d():
            kernel = np.array(taken[1:]) // _output_size(module, taken)
            return NirNode("AvgPool2d", {"kernel_size": kernel, "stride": kernel, "padding": np.zeros(2, np.int64)})
        case nn.Flatten():
            start, end = (n - 1 if n > 0 else n for n in (module.start_dim, module.end_dim))  # without the batch axis
            return NirNode("Flatten", {"start_dim": start, "end_dim": end})
    return None


def plain_findings(model: nn.Module) -> Iterator[Finding]:
    """Yield a finding (E021) for every setting of a plain layer that NIR cannot express."""
    for name, layer in model.named_modules():
        for message, fix in plain_problems(layer):
            yield Finding("E021", f"layer {name!r}", f"{type(layer).__name__} {message}", fix)


def replacement(module: nn.Module) -> str:
    """Return what to use instead of an unsupported layer of torch, or "" if that is not known.

    The same applies to layers that frameworks derive from torch's.
    """
    names = [kind.__name__ for kind in type(module).__mro__ if kind.__module__.partition(".")[0] == "torch"]
    return next((fix for name in names for starts, fix in _REPLACEMENTS if name.startswith(starts)), "")


def function_fix(name: str) -> str:
    """Return what to use instead of a function of torch that cannot be traced."""
    plain = name.replace("_", "").lower()
    known = (fix for starts, fix in _REPLACEMENTS if plain.startswith(tuple(start.lower() for start in starts)))
    dropout = "give it training=self.training, or use nn.Dropout" if "dropout" in plain else ""
    return dropout or next(known, "compute it in a layer: Linear, Conv2d, AvgPool2d, or a neuron")


def plain_problems(layer: nn.Module, taken: Shape | None = None) -> Iterator[tuple[str, str]]:
    """Yield what NIR cannot express in a plain layer, and a fix; some depend on the input shape."""
    if isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.padding_mode != "zeros":
        yield f"pads with padding_mode={layer.padding_mode!r}", "use padding_mode='zeros' and retrain"
    if getattr(layer, "ceil_mode", False):
        yield "has ceil_mode=True, which NIR has no word for", "use ceil_mode=False"
    if isinstance(layer, nn.Flatten) and layer.start_dim == 0:
        yield "joins the samples of a batch", "use start_dim=1"
    if isinstance(layer, nn.Linear) and taken is not None and len(taken) > 1:
        yield f"is given {taken}, and takes a vector", "flatten what it is given, with nn.Flatten or x.flatten(1)"
    if isinstance(layer, nn.AvgPool2d):
        if np.any(layer.padding) and not layer.count_include_pad:
            yield "leaves the padding out of its mean", "use count_include_pad=True"
        if layer.divisor_override is not None:
            yield "has a divisor of its own", "use divisor_override=None, and scale the weights after it"
    if isinstance(layer, nn.AdaptiveAvgPool2d) and taken is not None:
        sizes = _output_size(layer, taken)
        if np.any(np.array(taken[1:]) % sizes):
            message = f"pools maps of {taken[1:]} to {tuple(sizes.tolist())}, which their size is not a multiple of"
            yield message, "use AvgPool2d and retrain"


def _output_size(layer: nn.AdaptiveAvgPool2d, taken: Shape) -> Any:
    size = layer.output_size
    wanted = (size, size) if isinstance(size, int) or size is None else size
    return np.array([here if there is None else there for there, here in zip(wanted, taken[1:], strict=True)])


def _weights(module: nn.Conv1d | nn.Conv2d) -> dict[str, Any]:
    bias = torch.zeros(len(module.weight)) if module.bias is None else module.bias
    return {"weight": _array(module.weight), "bias": _array(bias)}


def _array(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()


def _pair(value: Any) -> Any:
    return value if isinstance(value, str) else np.broadcast_to(value, 2)


def _single(value: Any) -> Any:
    return value if isinstance(value, str | int) else int(value[0])
