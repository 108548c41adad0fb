"""Data that Python code gives: run in a process of its own, taken as plain arrays."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.data import DataOptions, from_arrays, load_data
from spear_deploy.data.kinds import python
from spear_deploy.errors import InputError

CODE = """
import numpy as np
from sizes import COUNT

print("hello from the file")
x = np.random.default_rng(0).integers(0, 2, (COUNT, 4, 5)).astype(np.uint8)
y = np.arange(COUNT) % 3


def pair():
    return x, y


def mapping():
    return {"x_train": x[:7], "y_train": y[:7], "x_test": x[7:], "y_test": y[7:], "unread": np.array([object()])[:0]}


def dataset():
    import torch
    from torch.utils.data import TensorDataset

    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


class held:
    both = (x, y)


three = 3
"""
X = np.random.default_rng(0).integers(0, 2, (20, 4, 5)).astype(np.uint8)
Y = np.arange(20) % 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sizes.py").write_text("COUNT = 20\n")
    (tmp_path / "mydata.py").write_text(CODE)
    return tmp_path / "mydata.py"


def test_whatever_code_gives_is_the_arrays(
    file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair, one that a class holds, a torch data set, and a module of this folder: the same data as from arrays."""
    expected = from_arrays({"x": X, "y": Y}, "d", "d", DataOptions())
    monkeypatch.chdir(file.parent)
    for name in (f"{file}:pair", f"{file}:held.both", f"{file}:dataset", "mydata:pair"):
        data = load_data(name, DataOptions())
        assert data.fingerprint == expected.fingerprint
        assert data.notes[0].code == "N006"
        assert "x uint8[20, 4, 5]" in data.notes[0].message
    assert data.name == "pair"
    printed = capfd.readouterr()
    assert "hello from the file" in printed.err
    assert not printed.out


def test_the_options_of_arrays_hold(file: Path) -> None:
    """Values with steps are coded, and options of events refused before anything runs."""
    (file.parent / "values.py").write_text("import numpy as np\nd = (np.full((10, 5), 0.5), np.arange(10) % 2)\n")
    data = load_data(f"{file.parent / 'values.py'}:d", DataOptions(steps=4))
    assert (data.steps, data.shape) == (4, (5,))
    with pytest.raises(InputError, match="E005.*bin-ms"):
        load_data(f"{file}:pair", DataOptions(bin_ms=1.0))


def test_what_goes_wrong_is_told(file: Path) -> None:
    """No such file, name or module, an own mistake, what is not data: coded, with the place."""
    folder = file.parent
    (folder / "fails.py").write_text("1 / 0")
    (folder / "ends.py").write_text("import os; os._exit(0)")
    (folder / "odd.py").write_text("d = {'samples': [[1.0]], 'targets': [0]}")
    cases = {
        f"{folder / 'none.py'}:d": "E001.*no such file",
        f"{file}:other": "E048.*there is no 'other'",
        "no_such_module_here:d": "E048.*there is no module 'no_such_module_here'",
        f"{folder / 'fails.py'}:d": "E048.*ZeroDivisionError",
        f"{folder / 'ends.py'}:d": "E048.*ended the process",
        f"{file}:three": r"mydata\.py:three.*int cannot be used",
        f"{folder / 'odd.py'}:d": "E005.*samples",
    }
    for name, told in cases.items():
        with pytest.raises(InputError, match=told):
            load_data(name, DataOptions())


def test_a_time_limit_ends_what_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E048, and the fix is a file."""
    monkeypatch.setattr(python, "_SECONDS", 4.0)
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(60)\n")
    start = time.monotonic()
    with pytest.raises(InputError, match=r"E048.*more than 4 seconds") as caught:
        load_data(f"{tmp_path / 'slow.py'}:d", DataOptions())
    assert time.monotonic() - start < 30
    assert "numpy.savez" in caught.value.findings[0].fix
