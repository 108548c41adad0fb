"""The documentation: every block of Python and every command is run, generated pages are fresh, links lead somewhere.

Commands are run in a folder that holds what they name; those that are not run here say why in ``NOT_RUN``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.backends.xylo import ENVIRONMENT as XYLO_ENVIRONMENT
from spear_deploy.errors import BackendError
from tests.frameworks import home

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*/README.md"),
        *ROOT.glob("backends/*/README.md"),
    ]
)
WALKED = [ROOT / "docs" / "tutorial.md", *sorted(ROOT.glob("docs/howto/*.md"))]
"""Pages whose fenced blocks are run from the first to the last: files, Python, commands."""
PROGRAMS = ("spear-deploy ", "pre-commit ", "python ", "pytest ", "make ", "pip ", ".ci/")

NOT_RUN = {
    "make demo": "continuous integration does",
    "make test": "this is it",
    "make slow": "this is it",
    "make lint": "continuous integration does",
    "spear-deploy build": "tests/cli/test_build.py does what it does",
    "spear-deploy build other.toml --synops 30% -o tighter/": "as above",
    "spear-deploy build build/spear.toml -o again/": "as above",
    "spear-deploy build build/spear.toml --resume": "as above",
    "make site": "continuous integration does",
    "pip wheel --no-deps --wheel-dir wheels .": "downloads what builds it",
    'pip download --dest wheels "$(echo wheels/spear_deploy-*.whl)[search]"': "a gigabyte",
    "pip install --no-index --find-links wheels 'spear-deploy[search]'": "as above",
    "make docs": "test_generated_pages_are_fresh does what it does",
    ".ci/run": "this is part of it",
    "pip install .": "what make demo installs holds it",
    "pip install '.[search]'": "make demo does",
    "pip install '.[nir]'": "the tests' own requirements hold nir",
    "pip install snntorch": "the tests' own requirements hold them",
    "spear-deploy import mynet.py:net --input 1,28,28 -o net.nir": "docs/tutorial.md is walked, which does these two",
    "spear-deploy deploy net.nir --chip loihi2 --data mydata.py:load --steps 16 --synops 50% --max-drop 2 -o build/": (
        "as above"
    ),
    "pre-commit install": "changes the checkout; make lint runs the same",
    "python -m tests.frameworks": "make test does",
    "python -m benchmarks.cifar vgg --trained --given 30000 --data-dir DIR -o build/cifar": (
        "needs the data set; tests/benchmarks/test_cifar.py does its steps"
    ),
    "python -m benchmarks.pruning --network digits --methods default uniform+": (
        "an hour; what is checked in is not run again"
    ),
    "python -m benchmarks.pruning --network digits --seeds 0 --methods scratch+": "as above",
    "python -m benchmarks.pruning --network digits --budgets 50 15 5 --methods gradr spear gradual taylor": "as above",
    "python -m benchmarks.pruning --network braille --data-dir build/zero --methods default uniform+": "as above",
    "python -m benchmarks.pruning --network braille --data-dir build/zero --seeds 0 --methods scratch+": "as above",
    "python -m benchmarks.pruning --network fashion --data-dir DIR --budgets 50 15 5 --seeds 0 "
    "--methods default uniform+ scratch+": "as above",
    "python -m benchmarks.pruning --network nmnist --data-dir DIR --budgets 15 --seeds 0 "
    "--methods default uniform+ scratch+ gradual spear gradr": "as above",
    "python -m benchmarks.pruning --network cifar-vgg --data-dir build/cifar --budgets 50 30 "
    "15 --seeds 0 --methods default": "as above",
    "python -m benchmarks.pruning --network cifar-vgg --data-dir build/cifar --budgets 50 15 "
    "--seeds 0 --methods uniform+ scratch+": "as above",
    "python -m benchmarks.pruning --network cifar-resnet --data-dir build/cifar --budgets 50 "
    "15 --seeds 0 --methods default uniform+ scratch+": "as above",
    "python -m benchmarks.pruning --network drawn-dense --data-dir build/drawn --methods default": "as above",
    "python -m benchmarks.pruning --network drawn-recurrent --data-dir build/drawn --methods default "
    "scratch+": "as above",
    "python -m benchmarks.pruning --network drawn-dense --data-dir build/drawn --seeds 0 1 "
    "--methods uniform+ scratch+": "as above",
    "python -m benchmarks.device": "needs a GPU",
    'python -m benchmarks.device --device cpu:0 --rows "64-256-10"': "tests/benchmarks/test_device.py does the same",
    "python -m benchmarks.compiling": "a minute on idle cores, and tells of speed alone",
    "python -m benchmarks.recalibration --network digits": "its result is checked in",
    "python -m benchmarks.recalibration --network cifar-vgg --data-dir build/cifar": "as above",
    "python -m benchmarks.literature -o FOLDER": "an hour; what is checked in is not run again",
    "python -m benchmarks.emulator": "minutes on idle cores, and tells of speed alone",
    "python -m benchmarks.drawn dense -o build/drawn": "tests/benchmarks/test_drawn.py does its steps",
    "python -m benchmarks.published --network digits --seeds 0 --budgets 50 30 15 5": "as the first",
    "python -m benchmarks.quantisation": "minutes; what is checked in is not run again",
    "python -m benchmarks.quantisation --networks nmnist fashion --data-dir DATA --network-dir NETWORKS": (
        "half an hour, and needs the data sets"
    ),
    "python -m benchmarks.one_file --networks digits nmnist braille --data-dir DATA --network-dir NETWORKS": (
        "ten minutes; what is checked in is not run again"
    ),
    "pip install --target FOLDER sanafe==2.2.9": "python -m tests.frameworks does",
    "python -m benchmarks.energy --sanafe FOLDER": "tests/benchmarks/test_energy.py does what it does",
    "spear-deploy deploy nmnist_scnn.nir --semantics sinabs --floor -1 --chip speck2f --data nmnist-small "
    "--data-dir DATA --bin-ms 10 --synops 50% --allow-loss --backend emulator -o build/nmnist": (
        "ten minutes, and needs the data set"
    ),
    "python -m benchmarks.speck --data-dir DATA --network-dir NETWORKS --reference SCRIPTS": (
        "needs the scripts, and tells of speed alone"
    ),
    "python -m benchmarks.training": "a minute on idle cores; what it prints is not a test",
    "pytest -m slow tests/targets/loihi/test_net_export.py tests/frontends/net/test_net_file.py": "make slow does",
    "pip install -c constraints.txt .": "backend install lava, and xylo, do",
    "python -m benchmarks.xylo --programs 400": "minutes; tests/backends/test_xylo.py compares a slice",
    "pip install -c constraints.txt --no-deps --ignore-requires-python lava-nc": "backend install lava does",
    "pip install -c constraints.txt --no-deps --ignore-requires-python lava-dl": "backend install netx does",
    "spear-deploy backend install speck": "a gigabyte of torch; by hand, and tests/backends/test_speck.py runs",
    "spear-deploy backend check speck": "as above",
    "pip install -c constraints.txt --no-deps --ignore-requires-python sinabs": "backend install speck does",
    (
        "python -m spear_deploy_speck run --program program.h5 --input input.h5 --output output.h5 [--timeout SECONDS] "
        "[--folder DIR]"
    ): "as above",
    "python -m spear_deploy_speck check": "as above",
    "python -m spear_deploy_lava check": "backend check lava does",
    "python -m spear_deploy_xylo check": "backend check xylo does",
    "spear-deploy deploy build/subtract/braille.nir --data build/subtract/braille.npz --chip xylo_audio2 --adapt "
    "--synops 50% --max-drop 2 --backend xylo --samples all -o build/subtract/xylo": "four minutes",
    "pip install --no-deps aeon": "it asks for another numba, and the tests skip what needs it",
    "python -m examples.japanese_vowels.train": "needs aeon, as above",
    "python -m examples.japanese_vowels.train_counts": "as above",
    "spear-deploy deploy examples/japanese_vowels/japanese_vowels_counts.nir --data "
    "examples/japanese_vowels/counts.py:counts --chip xylo_audio3 --adapt --synops 50% --max-drop 2 --backend xylo "
    "--samples all -o build/vowels_xylo": "as above",
    "spear-deploy deploy examples/japanese_vowels/japanese_vowels.nir --data aeon:JapaneseVowels --normalise 3,1 "
    "--chip loihi2 --synops 50% --effort quick --threads 1 -o build/vowels": "as above",
    "pip download --no-deps --no-binary :all: --dest build/packages sinabs==3.1.3": "python -m tests.frameworks does",
    "python -m examples.dvs_gesture.prepare --package build/packages/sinabs-3.1.3.tar.gz -o build/gesture": (
        "tests/test_packaged_networks.py does what these three do"
    ),
    "spear-deploy inspect build/gesture/gesture.nir --chip all": "as above",
    "spear-deploy deploy build/gesture/gesture.nir --data build/gesture/bars.npz --chip speck2f --cores 9 "
    "--backend emulator -o build/gesture/speck": "as above",
    "spear-deploy deploy build/gesture/gesture.nir --data build/gesture/bars.npz --chip loihi2 --adapt --cores 128 "
    "--effort quick --epochs 2 --samples 2 --allow-loss -o build/gesture/loihi": "a minute; PilotNet runs on Lava",
    "pip download --no-deps --python-version 3.10 --dest build/packages lava-dl==0.6.0": "as above: it installs it",
    "spear-deploy inspect build/pilotnet/pilotnet.net --chip all": "tests/test_packaged_networks.py does both",
    "spear-deploy inspect build/pilotnet/pilotnet_sdnn.net --chip loihi2 --data build/pilotnet/frames_sdnn.npz "
    "--steps 16": "tests/cli/test_sigma_delta.py does both on a network of its own",
    "spear-deploy run build/pilotnet/pilotnet_sdnn.net --data build/pilotnet/frames_sdnn.npz --steps 16": "as above",
    "spear-deploy validate build/pilotnet/pilotnet_sdnn.net --data build/pilotnet/frames_sdnn.npz --steps 16": (
        "half a minute; tests/backends/test_lava_sigma_delta.py does it on networks of its own"
    ),
    "python -m examples.fashion_mnist.train --data-dir DIR": "a quarter of an hour, and needs the data set",
    "spear-deploy sweep net.nir --chip loihi2 --data data.npz --synops 60%,40%,20% --seeds 0,1,2 --jobs 4 -o sweep/": (
        "tests/api/test_sweep_jobs.py does what it does"
    ),
    "spear-deploy sweep examples/digits/digits.nir --semantics examples/digits/semantics.toml --chip loihi2 "
    "--data digits --synops 60%,40% --effort quick --jobs 2 -o build/sweep": "one without --jobs is run",
    "spear-deploy sweep net.nir --chip loihi2 --data data.npz --synops 60%,40%,20% --seeds 0,1,2 "
    "--cluster tcp://HOST:8786 -o sweep/": "tests/clusters/test_dask.py does what it does",
    "spear-deploy sweep net.nir --chip loihi2 --data data.npz --synops 60%,40%,20% --seeds 0,1,2 "
    "--cluster ray://HOST:10001 -o sweep/": "tests/clusters/test_ray.py does what it does",
    "pip install '.[dask]'": "the tests' own requirements hold it",
    "python -m benchmarks.points": "a minute, and tells of speed alone",
    "spear-deploy validate build/ --backend lava --jobs 4": "tests/validate/test_jobs.py does what it does",
    "spear-deploy run build/sweep/40pct_seed_0 --data digits --backend lava --jobs 2 -o build/spikes.h5": "as above",
    "spear-deploy sweep net.nir --chip loihi2 --data data.npz --synops 60%,50% -o sweep/": (
        "tests/api/test_sweep_jobs.py does what these three do"
    ),
    "spear-deploy sweep net.nir --chip loihi2 --data data.npz --synops 40%,30% -o sweep/": "as above",
    "spear-deploy sweep net.nir --chip loihi2 --data data.npz --synops 60%,50%,40%,30% --resume -o sweep/": "as above",
}
"""Commands that are not run from here, and why."""


def commands_of(page: Path) -> list[str]:
    """Return the commands of a page: indented lines that begin with a program, joined where they go on."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    commands = [re.split(r"\s{2,}#|\s{3,}", line)[0] for line in lines if line.startswith(PROGRAMS)]
    return [" ".join(command.split()) for command in commands]


def blocks_of(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


COMMANDS = {command: page for page in PAGES for command in commands_of(page)}
RUN = sorted(set(COMMANDS) - set(NOT_RUN))


def test_every_reason_belongs_to_a_command() -> None:
    """No reason outlives its command."""
    assert set(NOT_RUN) <= set(COMMANDS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("spear-deploy ")])
def test_options_exist(command: str) -> None:
    """Every spear-deploy command of the documentation is one that the program takes."""
    import click

    from spear_deploy.cli.main import cli

    context: click.Context = click.Context(cli, info_name="spear-deploy", **cli.context_settings)
    name, parsed, arguments = cli.resolve_command(context, shlex.split(command)[1:])
    assert parsed is not None
    parsed.make_context(name, arguments, parent=context)


# Python


@cache
def trained_digits() -> dict[str, Any]:
    """A small snnTorch network trained on digits: what README calls yours."""
    import snntorch.utils
    import torch
    from sklearn.datasets import load_digits
    from torch import nn

    def leaky(size: int, **options: bool) -> snntorch.Leaky:  # of full shape: snnTorch's exporter takes no scalars
        beta, threshold = torch.full((size,), 0.9), torch.ones(size)
        return snntorch.Leaky(beta=beta, threshold=threshold, init_hidden=True, **options)

    torch.manual_seed(0)
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    net = nn.Sequential(
        nn.Linear(64, 48),
        leaky(48),
        nn.Linear(48, 10),
        leaky(10, output=True),
    )
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(80):
        snntorch.utils.reset(net)
        chosen = torch.randint(len(x), (256,))
        counts = torch.stack([net(torch.tensor(x)[chosen])[0] for _ in range(16)]).sum(0)
        optimiser.zero_grad()
        nn.functional.cross_entropy(counts, torch.tensor(y)[chosen]).backward()
        optimiser.step()
    return {"net": net, "x": x, "y": y}


def run_blocks(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, Any]) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    for block in blocks_of(page):
        exec(compile(block, str(page), "exec"), names)
    return names


@pytest.mark.slow
@pytest.mark.lava
def test_the_cell_that_readme_leads_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a live module and two arrays to a measured, placed and validated deployment, in ten lines."""
    block, *others = blocks_of(ROOT / "README.md")
    code = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    assert not others
    assert len(code) <= 10
    names = run_blocks(ROOT / "README.md", tmp_path, monkeypatch, dict(trained_digits()))
    report = names["done"].report
    assert names["done"].error is None
    assert report["validation"]["mismatches"] == 0
    assert all(budget["within"] for budget in report["budgets"])
    assert (tmp_path / "build" / "report.html").is_file()
    assert "within" in names["done"]._repr_html_()


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if blocks_of(p) and p not in (ROOT / "README.md", *WALKED) and "reference" not in p.parts],
    ids=lambda page: page.name,
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of a page runs, after the ones before it, and what it asserts holds."""
    run_blocks(page, tmp_path, monkeypatch, {})


def walk(page: Path, folder: Path) -> None:
    """Run a page from the first block to the last in a folder: a block with a title is the file of that name."""
    names: dict[str, Any] = {}
    fences = re.findall(r"```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for kind, title, block in fences:
        if title:
            (folder / title).write_text(block, encoding="utf-8")
        elif kind == "python":
            exec(compile(block, str(page), "exec"), names)
        elif kind == "sh":
            for command in block.splitlines():
                execute(command, folder)
        else:
            assert kind == "text", "what is not run is said to be text"


@pytest.mark.slow
@pytest.mark.parametrize("page", WALKED, ids=lambda page: page.name)
def test_pages_can_be_walked(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does what a page says, in its order and in one folder, comes to its end."""
    monkeypatch.chdir(tmp_path)
    walk(page, tmp_path)


# Commands


def snntorch_files(folder: Path, _: Path) -> None:
    """``model.nir``, written by snnTorch's exporter, ``data.npz``, and ``trace.npz``: its recorded spikes."""
    import nir
    import torch
    from snntorch.export_nir import export_to_nir

    import spear_deploy

    given = trained_digits()
    nir.write(folder / "model.nir", export_to_nir(given["net"], torch.zeros(1, 64), ignore_dims=[0]))
    held = np.repeat(given["x"][:, None], 16, axis=1)
    np.savez(folder / "data.npz", x=held, y=given["y"])
    imported = spear_deploy.load(folder / "model.nir", "snntorch")
    recording = imported.simulate(np.moveaxis(held[:20], 1, 0))
    spikes = {p.name: np.moveaxis(recording.spikes[p.name], 0, 1) for p in imported.network.neurons}
    np.savez(folder / "trace.npz", input=held[:20], **spikes)


def examples(folder: Path, _: Path) -> None:
    shutil.copytree(ROOT / "examples", folder / "examples")


def reports(folder: Path, _: Path) -> None:
    for name in ("before", "after"):
        (folder / name).mkdir()
        shutil.copy(ROOT / "tests" / "report" / "digits.json", folder / name / "report.json")


def nmnist(folder: Path, shared: Path) -> None:
    shutil.copy(shared / "nir" / "nmnist_scnn.nir", folder)


def braille(folder: Path, shared: Path) -> None:
    examples(folder, shared)
    shutil.copy(shared / "nir" / "braille_srnn_zero.nir", folder)


def braille_trained(folder: Path, shared: Path) -> None:
    braille(folder, shared)
    first = next(command for command in RUN if command.startswith("python -m examples.braille"))
    execute(first.replace("DIR", str(shared / "data")), folder)


def pilotnet(folder: Path, _: Path) -> None:
    """What the wheel holds, from a folder that it was installed to."""
    examples(folder, folder)
    packages = folder / "build" / "packages"
    packages.mkdir(parents=True)
    (packages / "lava_dl-0.6.0-py3-none-any.whl").symlink_to(home("lava-dl"))


def pilotnet_prepared(folder: Path, _: Path) -> None:
    pilotnet(folder, folder)
    execute(next(command for command in RUN if command.startswith("python -m examples.pilotnet")), folder)


def lava_files(folder: Path, _: Path) -> None:
    """What the backend is given: ``program.h5`` and ``model.net`` of one chain, and payloads in ``input.h5``."""
    import h5py

    import spear_deploy
    from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection

    zero, one = np.zeros(4, np.float32), np.ones(4, np.float32)
    neuron = Neuron(alpha=zero, beta=0.9 * one, gain=one, bias=zero, reset_value=zero, threshold=one)
    weight = np.random.default_rng(0).normal(0, 0.5, (4, 6)).astype(np.float32)
    populations = (Input("input", (6,)), Population("p", (4,), neuron))
    network = Network(populations, (Projection("w", "input", "p", (Linear(weight),)),), ("p",))
    lowered = spear_deploy.lower(spear_deploy.Imported(network, spear_deploy.Semantics(dt=1.0)), keep_to="net")
    lowered.target.write(folder / "program.h5", lowered.program)
    lowered.target.exporters["net"].write(folder / "model.net", lowered.program)
    with h5py.File(folder / "input.h5", "w") as file:
        file["x/input"] = np.random.default_rng(1).integers(0, 2, (3, 8, 6), np.uint8)


def xylo_files(folder: Path, _: Path) -> None:
    """What the backend is given: ``program.h5``, and events in ``input.h5``."""
    import h5py

    from spear_deploy.targets.xylo.program_file import write_program
    from tests.targets.xylo.programs import random_events, random_program

    program = random_program(0)
    write_program(folder / "program.h5", program)
    with h5py.File(folder / "input.h5", "w") as file:
        file["x/input"] = random_events(program, 3, 8, 0)


SETUPS: dict[str, Callable[[Path, Path], None]] = {
    "spear-deploy deploy model.nir": snntorch_files,
    "spear-deploy inspect examples/": examples,
    "spear-deploy inspect model.nir": snntorch_files,
    "spear-deploy sweep examples/": examples,
    "spear-deploy diff before/": reports,
    "spear-deploy deploy examples/": examples,
    "spear-deploy compile examples/": examples,
    "python -m examples.digits": examples,
    "spear-deploy deploy nmnist": nmnist,
    "spear-deploy inspect nmnist": nmnist,
    "spear-deploy compile nmnist": nmnist,
    "python -m examples.braille": braille,
    "spear-deploy deploy build/zero": braille_trained,
    "python -m examples.pilotnet": pilotnet,
    "spear-deploy deploy build/pilotnet": pilotnet_prepared,
    "python -m spear_deploy_lava run": lava_files,
    "python -m spear_deploy_xylo run": xylo_files,
}
"""What makes the files that a command names, by how the command begins."""

NEEDS_SHARED = ("DIR", "DATA", "build/zero", "nmnist")


def execute(command: str, folder: Path) -> str:
    """Run a command as a shell would in an activated environment; return what it printed.

    A comment at its end says the exit code where it is not 0.  What pip installs lies in the folder.
    """
    plugins = folder / "plugins"
    command, _, comment = command.partition("  # exit code ")
    words = shlex.split(re.sub(r"\[[^\]]*\]", "", command))
    if words[:2] == ["python", "-m"] and words[2] == "spear_deploy_lava":
        words = [*ENVIRONMENT.command("netx" if "--net" in words else None), *words[3:]]
    elif words[:3] == ["python", "-m", "spear_deploy_xylo"]:
        words = [*XYLO_ENVIRONMENT.command(), *words[3:]]
    elif words[0] == "python":
        words[0] = sys.executable
    else:
        words[:1] = [sys.executable, "-m", words[0].replace("-", "_")]
    if words[2:4] == ["pip", "install"]:
        words[4:4] = ["--quiet", "--no-deps", "--target", str(plugins)]
    paths = os.pathsep.join([str(ROOT), str(plugins)])
    ran = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert ran.returncode == int(comment or 0), f"{command}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    return ran.stdout


@pytest.mark.slow
@pytest.mark.lava
@pytest.mark.parametrize("command", RUN)
def test_commands_run(command: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every command of the documentation ends with 0 where the files that it names are there."""
    shared = ROOT
    if any(word in command for word in NEEDS_SHARED):
        shared = request.getfixturevalue("shared")
        command = re.sub(r"\b(DIR|DATA)\b", str(shared / "data"), command)
    for start, prepare in SETUPS.items():
        if command.startswith(start):
            prepare(tmp_path, shared)
    try:
        execute(command, tmp_path)
    except BackendError as error:
        pytest.skip(str(error))


# Pages


def load_generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_generated_pages_are_fresh() -> None:
    """``python docs/generate.py`` would change nothing."""
    stale = []
    for path, text in load_generator().files().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
    assert not stale, "run python docs/generate.py"


def links(page: Path) -> Iterator[Path]:
    """Yield where links lead, and the files of the repository that the text names."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            yield page.parent / target
    for named in re.findall(r"`((?:spear_deploy|tests|docs|examples|backends|benchmarks|hw_profiles)/[\w./-]+)`", text):
        yield ROOT / named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """No page names a file that is not there."""
    if page.name == "CHANGELOG.md":
        pytest.skip("it tells of files that were")
    assert [str(target) for target in links(page) if not target.exists()] == []
