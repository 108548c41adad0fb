"""The smallest change of one population that makes a network fit, beside what every width gives."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import Finding
from spear_deploy.network import Input, Linear, Network, Population, Projection
from spear_deploy.network.units import keep_units
from spear_deploy.targets import TARGETS, CheckedTarget, InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.narrowing import smallest_narrowing, with_narrowings
from tests.conftest import leaky


def perceptron(*sizes: int) -> Network:
    names = [f"p{index}" for index in range(len(sizes))]
    populations = [Population(n, (s,), leaky(s)) for n, s in zip(names[1:], sizes[1:], strict=True)]
    projections = [
        Projection(f"to_{b}", a, b, (Linear(np.full((n, m), 0.5, np.float32)),))
        for a, b, m, n in zip(names, names[1:], sizes, sizes[1:], strict=False)
    ]
    return Network((Input("p0", (sizes[0],)), *populations), tuple(projections), (names[-1],))


def with_cores(chip: str, cores: int, name: str = "cores_per_chip"):
    profile = load_chip(chip)
    count = replace(getattr(profile.capacity, name), value=cores)
    return replace(profile, capacity=replace(profile.capacity, **{name: count}))


def test_it_is_what_every_width_tried_gives() -> None:
    """Of all single changes that give the cores, none leaves a larger share of its population."""
    network, chip = perceptron(800, 300, 200, 10), with_cores("loihi1", 4)
    compiler = compiler_for(chip, {"p0": InputRange()}, LoweringOptions())
    (finding,) = compiler.place(network).findings
    assert finding.code == "E035"

    def placed(narrower: Network) -> tuple[Finding, ...]:
        return compiler.place(narrower).findings

    change = smallest_narrowing(finding, network, placed)
    fitting = {
        (name, units): units / whole
        for name, whole in (("p1", 300), ("p2", 200))
        for units in range(1, whole)
        if not placed(keep_units(network, {name: np.arange(units)}))
    }
    assert fitting[change.group.name, change.units] == max(fitting.values())
    (told,) = compiler.lower(network).placement.findings
    assert told.fix.startswith(
        f"with {change.units} of the {change.group.units} units of {change.group.name!r} it fits; "
    )
    mended = keep_units(network, {change.group.name: np.arange(change.units)})
    assert not compiler.lower(mended).placement.findings


@given(st.lists(st.tuples(st.integers(2, 60), st.integers(1, 60)), min_size=1, max_size=4))
def test_it_is_the_largest_share_of_any_group(limits: list[tuple[int, int]]) -> None:
    """Of groups that each fit up to a width, the first of those that keep most; and few questions are asked."""
    sizes, asked = [units for units, _ in limits], list[Network]()
    network, finding = perceptron(4, *sizes, 3), Finding("E035", "network", "needs", "prune it")

    def placed(narrower: Network) -> tuple[Finding, ...]:
        asked.append(narrower)
        changed = [index for index, units in enumerate(sizes, 1) if narrower[f"p{index}"].size < units]
        return () if all(narrower[f"p{index}"].size <= limits[index - 1][1] for index in changed) else (finding,)

    change = smallest_narrowing(finding, network, placed)
    kept = [min(most, units - 1) for units, most in limits]
    best = max(range(len(sizes)), key=lambda index: Fraction(kept[index], sizes[index]))
    assert change is not None
    assert (change.group.name, change.units) == (f"p{best + 1}", kept[best])
    asked.clear()
    assert smallest_narrowing(finding, network, lambda each: (asked.append(each), (finding,))[1]) is None
    assert len(asked) == len(sizes)


def test_a_unit_that_no_core_holds() -> None:
    """Of E036 it is the population that feeds it; where the input alone does, none can be narrowed."""
    found = {}
    for name, sizes in {"hidden": (10, 5000, 20, 3), "input": (5000, 20, 3)}.items():
        network = perceptron(*sizes)
        compiler = compiler_for(load_chip("loihi1"), {"p0": InputRange()}, LoweringOptions())
        (told,) = (each for each in compiler.lower(network).placement.findings if each.code == "E036")
        found[name] = told.fix.partition(";")[0]
    assert found["hidden"].endswith(" of the 5,000 units of 'p1' it fits")
    assert found["input"] == "no pruning makes it fit: choose a chip that holds more, or train a smaller network"


def test_what_no_pruning_mends() -> None:
    """More populations than cores, each of which is one's own: the fix does not ask for pruning then."""
    fixes = {}
    for cores in (1, 2):
        compiler = compiler_for(with_cores("loihi1", cores), {"p0": InputRange()}, LoweringOptions())
        (told,) = compiler.lower(perceptron(800, 300, 200, 10)).placement.findings
        fixes[cores] = told.fix
    assert fixes[1] == "no pruning makes it fit: choose a board with more chips"
    assert "prune" not in fixes[2]


def test_a_chip_that_is_checked() -> None:
    """Its count of cores is told in the same way."""
    network, chip = perceptron(20, 2000, 10), with_cores("spinnaker2", 1, "cores")
    target = TARGETS.get(chip.target)
    assert isinstance(target, CheckedTarget)
    fixes = [each.fix for each in target.check(chip, network).findings if each.code in ("E035", "E036")]
    assert fixes
    assert all("units of 'p1' it fits; " in fix for fix in fixes)


def test_other_findings_stay() -> None:
    """What no width mends, and what the shapes alone do not show, are as they were."""
    network = perceptron(4, 3, 2)
    findings = (
        Finding("E034", "projection 'x'", "waits", "shorten it"),
        Finding("E035", "network", "needs", "prune it"),
    )
    assert with_narrowings(findings, network, lambda _: ()) == findings
