"""Modules imported from a file, in a process of their own: plain snnTorch as people write it, and what goes wrong."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import spear_deploy
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.importers import child
from spear_deploy.importers.isolated import import_file
from spear_deploy.user_code import named_in_file
from tests.cli.conftest import Run, spear  # noqa: F401  (a fixture)

PLAIN = """
import torch
import snntorch as snn
from torch import nn
from sizes import HIDDEN

torch.manual_seed(0)
print("hello from the file")
net = nn.Sequential(
    nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), snn.Leaky(beta=0.9, init_hidden=True), nn.Dropout(0.2),
    nn.Flatten(), nn.Linear(144, HIDDEN), snn.Leaky(beta=0.8, init_hidden=True, output=True),
)
net(torch.rand(8, 1, 8, 8))


def make():
    return net


not_a_net = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A network with scalar beta, BatchNorm and Dropout, whose size another file holds."""
    (tmp_path / "sizes.py").write_text("HIDDEN = 5\n")
    (tmp_path / "mynet.py").write_text(PLAIN)
    return tmp_path / "mynet.py"


def test_a_plain_module(file: Path, tmp_path: Path, spear: Run) -> None:  # noqa: F811
    """Scalars, BatchNorm and Dropout need nothing; what the file prints does not get into the JSON."""
    done = spear("import", f"{file}:net", "--input", "1,8,8", "-o", tmp_path / "net.nir", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [each["shape"] for each in found["populations"]] == [[1, 8, 8], [4, 6, 6], [5]]
    assert "hello from the file" in done.err
    read = spear_deploy.load(tmp_path / "net.nir")
    assert read.semantics.reset == "subtract"
    import_file(file, "make", (1, 8, 8), tmp_path / "again.nir")
    assert (tmp_path / "again.nir").read_bytes() == (tmp_path / "net.nir").read_bytes()


def test_what_goes_wrong(tmp_path: Path) -> None:
    """The file's own mistakes are E048 with its last words, a time limit ends all that it started; nothing is left."""
    cases = {
        "1 / 0": "ZeroDivisionError",
        "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)": "more than 6 seconds",
    }
    for code, message in cases.items():
        (tmp_path / "mynet.py").write_text(code)
        start = time.monotonic()
        with pytest.raises(InputError, match=f"E048.*{message}"):
            import_file(
                tmp_path / "mynet.py", "net", (4,), tmp_path / "net.nir", timeout=60 if "sleep" not in code else 6
            )
        assert time.monotonic() - start < 59
        assert not (tmp_path / "net.nir").exists()
    with pytest.raises(InputError, match="E001"):
        import_file(tmp_path / "none.py", "net", (4,), tmp_path / "net.nir")


FAILING = """
import snntorch
import torch


class Net(torch.nn.Module):
    def __init__(self, last):
        super().__init__()
        self.calls, self.last = 0, last
        self.fc = torch.nn.Linear(4, 3)
        self.lif = snntorch.Leaky(beta=torch.full((3,), 0.9), init_hidden=True)

    def forward(self, x):
        self.calls += 1
        if self.calls > self.last:
            raise KeyError("mine")
        return self.lif(self.fc(x))
"""


@pytest.mark.parametrize("last", [1, 2, 5])
def test_a_module_whose_own_code_fails(
    last: int,
    tmp_path: Path,
    spear: Run,  # noqa: F811
) -> None:
    """While its forward is followed, or in a later step: E048 with what it raised."""
    (tmp_path / "mynet.py").write_text(f"{FAILING}\n\nnet = Net({last})")
    done = spear("import", tmp_path / "mynet.py:net", "--input", "4", "-o", tmp_path / "net.nir")
    assert done.code == 2
    assert "E048 Net: its own code fails: KeyError: 'mine'" in done.err
    assert "Traceback" not in done.err
    names: dict[str, Any] = {"__name__": "mynet"}
    exec(FAILING, names)
    with pytest.raises(InputError, match="E048 Net: its own code fails: KeyError: 'mine'"):
        spear_deploy.from_snntorch(names["Net"](last), torch.zeros(1, 4))


def test_what_is_named_has_to_be_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that there is not, or something else: E048."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "mynet3.py").write_text("class a:\n    b = 3\n")
    assert named_in_file(tmp_path / "mynet3.py", "a.b") == 3
    with pytest.raises(InputError, match="E048.*there is no 'c'"):
        named_in_file(tmp_path / "mynet3.py", "a.c")
    for value in (3, lambda: 3):
        with pytest.raises(InputError, match="E048.*int is not a torch module"):
            child._module(value, "mynet.py:net")


def test_what_is_not_supported_is_told_as_ever(tmp_path: Path) -> None:
    """The importer's findings come through, with their class."""
    code = "import snntorch as snn; from torch import nn\nnet = nn.Sequential(nn.Linear(4, 3), snn.Leaky(beta=0.9))"
    (tmp_path / "mynet.py").write_text(code)
    with pytest.raises(UnsupportedError, match="E021.*keeps its state outside"):
        import_file(tmp_path / "mynet.py", "net", (4,), tmp_path / "net.nir")


@pytest.mark.parametrize(
    ("source", "shape"), [("mynet.py", "4"), ("m.py:a b", "4"), ("m.py:net", "0"), ("m.py:net", "a,b")]
)
def test_arguments_that_cannot_be_meant(source: str, shape: str, spear: Run, tmp_path: Path) -> None:  # noqa: F811
    """E007."""
    assert "E007" in spear("import", source, "--input", shape, "-o", tmp_path / "net.nir").err
