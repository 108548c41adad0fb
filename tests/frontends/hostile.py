"""Files that no exporter wrote: valid NIR files with one thing wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from tests.frontends.nir.graphs import chain, conv, joined, lif, linear, node, port

Rng = np.random.Generator
NUMBERS = (-1, 0, 1, 2, 3, 7, 255, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))


def graphs() -> tuple[NirGraph, ...]:
    """Valid graphs of every kind of node: dense, convolutional, recurrent, nested."""
    dense = chain(linear(4, 3, bias=[1.0, 2.0, 3.0, 4.0]), lif(4), linear(2, 4), lif(2), shape=(3,))
    pool = node("SumPool2d", kernel_size=[2, 2], stride=[2, 2], padding=[0, 0])
    flatten = node("Flatten", input_type=np.array([4, 4, 4]), start_dim=0, end_dim=-1)
    spatial = chain(
        conv(4, 2, (3, 3), padding=[1, 1]), lif(4, 8, 8), pool, flatten, linear(3, 64), lif(3), shape=(2, 8, 8)
    )
    loop = joined(
        {"in": port("Input", 3), "w": linear(4, 3), "n": lif(4), "r": linear(4, 4, 1), "out": port("Output", 4)},
        "in>w w>n n>r r>n n>out",
    )
    inner = joined({"input": port("Input", 4), "lif": lif(4), "output": port("Output", 4)}, "input>lif lif>output")
    nested = chain(linear(4, 3), NirNode("NIRGraph", {}, inner), shape=(3,))
    noted = NirGraph(dense.nodes, dense.edges, {"spear_deploy": {"format": 1, "note": "x"}, "tool": "test"})
    return dense, spatial, loop, nested, noted


@cache
def originals() -> tuple[bytes, ...]:
    """The files of these graphs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.nir"
        contents = []
        for graph in graphs():
            nir_file.write(path, graph)
            contents.append(path.read_bytes())
        return tuple(contents)


# Bytes


def truncated(rng: Rng, content: bytes) -> bytes:
    return content[: int(rng.integers(len(content)))]


def flipped(rng: Rng, content: bytes) -> bytes:
    damaged = bytearray(content)
    for position in rng.integers(0, len(content), rng.integers(1, 12)):
        damaged[position] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def spliced(rng: Rng, content: bytes) -> bytes:
    """Copy a block over another one."""
    size = int(rng.integers(1, 512))
    source, target = rng.integers(0, len(content) - size, 2)
    return content[:target] + content[source : source + size] + content[target + size :]


def blanked(rng: Rng, content: bytes) -> bytes:
    """Overwrite a block with zeros or ones."""
    size = int(rng.integers(1, 256))
    start = int(rng.integers(0, len(content) - size))
    return content[:start] + bytes([int(rng.choice([0, 255]))]) * size + content[start + size :]


# Contents


def some(rng: Rng, file: h5py.File, kind: type) -> Any:
    """Choose any group or data set of a file."""
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, kind) else None)
    return found[int(rng.integers(len(found)))]


def some_node(rng: Rng, file: h5py.File) -> h5py.Group:
    nodes = file["node/nodes"]
    return nodes[list(nodes)[int(rng.integers(len(nodes)))]]


def put(dataset: h5py.Dataset, **options: Any) -> None:
    """Replace a data set."""
    name, file = dataset.name, dataset.file
    del file[name]
    file.create_dataset(name, **options)


def missing(rng: Rng, file: h5py.File) -> None:
    item = some(rng, file, h5py.Group if rng.random() < 0.3 else h5py.Dataset)
    del file[item.name]


def other_type(rng: Rng, file: h5py.File) -> None:
    """Store a value of another type in place of a data set."""
    values = (
        "text",
        np.array([b"a", b"b"]),
        np.array(["a", "b"], dtype=h5py.string_dtype()),
        np.zeros(3, dtype=[("a", "f4"), ("b", "i8")]),
        np.ones(4, dtype=complex),
        np.array([True, False]),
        np.arange(4),
        np.float16(2),
        np.void(b"opaque"),
        h5py.Empty("f4"),
        b"\xff\xfe",
    )
    put(some(rng, file, h5py.Dataset), data=values[int(rng.integers(len(values)))])


def other_number(rng: Rng, file: h5py.File) -> None:
    """Fill a data set with one number, small or absurd."""
    dataset = some(rng, file, h5py.Dataset)
    if dataset.dtype.kind in "iuf":
        put(dataset, data=np.full(dataset.shape, NUMBERS[int(rng.integers(len(NUMBERS)))]))


def not_finite(rng: Rng, file: h5py.File) -> None:
    dataset = some(rng, file, h5py.Dataset)
    if dataset.dtype.kind == "f":
        value = np.array(dataset[()])
        value.reshape(-1)[:1] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1.0, 0.0, 5e-324])
        put(dataset, data=value)


def other_shape(rng: Rng, file: h5py.File) -> None:
    dataset = some(rng, file, h5py.Dataset)
    value = np.asarray(dataset[()])
    shapes = (
        value[None],
        value.T,
        value.reshape(-1),
        value.reshape(-1)[:-1],
        value.reshape(-1)[:1],
        value.reshape(-1)[:0],
    )
    if value.dtype.kind in "iuf":
        put(dataset, data=shapes[int(rng.integers(len(shapes)))])


def huge(rng: Rng, file: h5py.File) -> None:
    """Let a data set claim a size that it does not have, in few or many chunks."""
    size = int(rng.choice([1 << 24, 1 << 28, 1 << 33, 1 << 40]))
    chunk = int(rng.choice([1 << 10, 1 << 20, 1 << 28]))
    options = {"chunks": (min(chunk, size),), "compression": "gzip" if rng.random() < 0.5 else None}
    put(some(rng, file, h5py.Dataset), shape=(size,), dtype=rng.choice(["f8", "f4", "u1"]), **options)


def bomb(rng: Rng, file: h5py.File) -> None:
    """Store many equal values in few bytes."""
    data = np.zeros(int(rng.choice([1 << 20, 1 << 23])))
    put(some(rng, file, h5py.Dataset), data=data, chunks=(1 << 16,), compression="gzip")


def link(rng: Rng, file: h5py.File) -> None:
    """Refer to itself, to another place, or to another file."""
    group, name = some(rng, file, h5py.Group), "odd"
    match int(rng.integers(6)):
        case 0:
            group[name] = h5py.SoftLink(group.name)
        case 1:
            group[name] = h5py.SoftLink("/nowhere")
        case 2:
            group[name] = h5py.ExternalLink("/etc/passwd", "/")
        case 3:
            group[name] = group
        case 4:
            group[name] = file["node"]
        case _:
            group[name] = some(rng, file, h5py.Dataset)


def elsewhere(rng: Rng, file: h5py.File) -> None:
    """Take a data set's values from another file."""
    dataset = some(rng, file, h5py.Dataset)
    if rng.random() < 0.5:
        put(dataset, shape=(64,), dtype="u1", external=[("/etc/passwd", 0, 64)])
    else:
        layout = h5py.VirtualLayout((64,), "f4")
        layout[:] = h5py.VirtualSource("other.nir", "data", (64,))
        name = dataset.name
        del file[name]
        file.create_virtual_dataset(name, layout)


def edges(rng: Rng, file: h5py.File) -> None:
    """Join nodes at random: loops without neurons, edges from nowhere, into inputs, twice."""
    names = [*file["node/nodes"], "nowhere"]
    count = int(rng.integers(0, 2 * len(names)))
    pairs = [[names[i].encode() for i in rng.integers(0, len(names), 2)] for _ in range(count)]
    if rng.random() < 0.7:
        pairs += [list(pair) for pair in file["node/edges"][()]]
    put(file["node/edges"], data=np.array(pairs, dtype="S").reshape(-1, 2))


def other_kind(rng: Rng, file: h5py.File) -> None:
    """Give a node another type."""
    kinds = ("LIF", "IF", "CubaLIF", "LI", "I", "Conv1d", "Conv2d", "Linear", "Affine", "Scale", "Flatten", "Delay")
    kinds += (
        "Threshold",
        "SumPool2d",
        "AvgPool2d",
        "Input",
        "Output",
        "NIRGraph",
        "CubaLI",
        "",
        "MaxPool2d",
        "Identity",
    )
    target = some_node(rng, file)
    if "type" in target:
        put(target["type"], data=kinds[int(rng.integers(len(kinds)))])


def wide(rng: Rng, file: h5py.File) -> None:
    """Let the input claim a shape, and neurons follow it: scalar parameters are given the shape of what feeds them."""
    nodes = file["node/nodes"]
    for name in nodes:
        for field in nodes[name]:
            if field in ("tau", "r", "v_leak", "v_threshold"):
                put(nodes[name][field], data=1.5)
            elif field == "shape":
                put(nodes[name][field], data=rng.choice(NUMBERS, int(rng.integers(1, 5))))


def odd_name(rng: Rng, file: h5py.File) -> None:
    """Rename a node, and its edges if the name can be text."""
    names = (
        b"\xff\xfe",
        b"\xed\xa0\x80",
        "grüße 🧠".encode(),
        b"[bold]",
        b"\x1b[31m",
        b"a b\n",
        b"n" * 2000,
        b".x",
        b"%s{}",
    )
    new = names[int(rng.integers(len(names)))]
    target = some_node(rng, file)
    old = target.name.rsplit("/", 1)[1].encode()
    parent = file["node/nodes"].id
    parent.links.move(old, parent, new)
    pairs = [[new if end == old else end for end in pair] for pair in file["node/edges"][()].astype(object)]
    put(file["node/edges"], data=np.array(pairs, dtype="S").reshape(-1, 2))


def deep(rng: Rng, file: h5py.File) -> None:
    some_node(rng, file).create_group("/".join(["deeper"] * int(rng.choice([10, 99, 500]))))


def many(rng: Rng, file: h5py.File) -> None:
    """Add thousands of small things."""
    group = some(rng, file, h5py.Group)
    for index in range(int(rng.choice([500, 3000]))):
        group.create_group(f"more{index}")


OF_BYTES: tuple[Callable[[Rng, bytes], bytes], ...] = (truncated, flipped, flipped, flipped, spliced, blanked)
OF_CONTENT: tuple[Callable[[Rng, h5py.File], None], ...] = (
    *(missing, other_type, other_number, other_number, not_finite, other_shape, huge, bomb, link, elsewhere),
    *(edges, other_kind, wide, odd_name, deep, many),
)


def hostile(seed: int) -> tuple[str, bytes]:
    """Return what was done to a valid file, and the result: equal for equal seeds."""
    rng = np.random.default_rng(seed)
    content = originals()[int(rng.integers(len(originals())))]
    mutations = (*OF_BYTES, *OF_CONTENT)
    mutation: Any = mutations[int(rng.integers(len(mutations)))]
    if mutation in OF_BYTES:
        return mutation.__name__, mutation(rng, content)
    image = BytesIO(content)
    with h5py.File(image, "r+") as file:
        mutation(rng, file)
    return mutation.__name__, image.getvalue()
