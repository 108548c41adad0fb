"""Finding and inheriting chip profiles, and the profiles that come with the tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from spear_deploy.chips import chip_names
from spear_deploy.errors import InputError
from spear_deploy.targets import TARGETS, load_chip

SOURCE = '[sources]\nME = "my own measurement"\n'


@pytest.mark.parametrize("name", chip_names())
def test_every_profile_is_sound(name):
    """Every built-in profile loads, and names a reference for each of its sources."""
    chip = load_chip(name)
    assert chip.name == name
    assert chip.target in TARGETS.names()
    assert all(len(text) > 20 for text in chip.sources.values())


@pytest.mark.parametrize(
    ("name", "chips", "cores"),
    [
        ("loihi1", 1, 128),
        ("loihi2", 1, 128),
        ("kapoho_bay", 2, 256),
        ("kapoho_point", 8, 1024),
        ("hala_point", 1152, 140_544),
    ],
)
def test_published_sizes(name, chips, cores):
    """Chips and cores of the boards."""
    chip = load_chip(name)
    assert (chip.capacity.chips.value, chip.capacity.cores, chip.cores) == (chips, cores, cores)


def test_boards_inherit_figures_with_their_sources():
    """A board differs from its chip only where it says so."""
    board, chip = load_chip("hala_point"), load_chip("loihi2")
    assert board.capacity.cores_per_chip.value == 122
    assert board.capacity.neurons_per_core == chip.capacity.neurons_per_core
    assert (board.neuron, board.storage, board.axons) == (chip.neuron, chip.storage, chip.axons)
    assert set(chip.sources) < set(board.sources)


def test_no_energy_is_invented():
    """Loihi 2 has no cited energy per operation, so its profiles have no number."""
    assert load_chip("loihi2").energy is None
    assert load_chip("loihi1").energy is not None


def test_unknown_name_suggests_the_nearest():
    """E008 gives the nearest name and lists all."""
    with pytest.raises(InputError) as caught:
        load_chip("lohi2")
    (finding,) = caught.value.findings
    assert finding.code == "E008"
    assert "did you mean loihi2?" in finding.fix
    assert all(name in finding.fix for name in chip_names())


@pytest.mark.parametrize(
    ("given", "fix"), [("mine", "give mine.toml"), ("plain", "rename it plain.toml, and give that")]
)
def test_a_file_whose_suffix_is_missing(given, fix, tmp_path, monkeypatch):
    """Where a file is meant, the fix says how it is named, not which chips there are."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "plain"):
        (tmp_path / name).write_text('inherits = "loihi2"')
    with pytest.raises(InputError, match="E008 .* ends in .toml") as caught:
        load_chip(given)
    assert caught.value.findings[0].fix == fix


def test_profile_from_a_path(tmp_path):
    """A file may inherit a built-in chip; a figure that it replaces loses the inherited source and note."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'inherits = "loihi1"\ntitle = "Mine"\n[capacity]\nwords_per_core = { value = 8, source = "ME" }\n' + SOURCE
    )
    chip = load_chip(path)
    assert (chip.name, chip.title) == ("mine", "Mine")
    assert (chip.capacity.words_per_core.value, chip.capacity.words_per_core.note) == (8, "")
    assert chip.capacity.chips == load_chip("loihi1").capacity.chips


def test_missing_file(tmp_path):
    """A path that leads nowhere is E001."""
    with pytest.raises(InputError, match="E001"):
        load_chip(tmp_path / "nothing.toml")


def test_profile_that_inherits_from_itself(tmp_path):
    """A cycle is E011 and names the chain."""
    (tmp_path / "a.toml").write_text('inherits = "b"')
    (tmp_path / "b.toml").write_text('inherits = "a"')
    with pytest.raises(InputError, match="E011.*a -> b -> a"):
        load_chip(tmp_path / "a.toml")


def test_target_is_inherited_or_named(tmp_path):
    """Without a target there is no schema, and one that nobody knows is told with the nearest: both are E011."""
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"')
    with pytest.raises(InputError, match="E011 mine.toml: target: is missing"):
        load_chip(path)
    path.write_text('inherits = "loihi1"\ntitle = "Mine"\ntarget = 3')
    with pytest.raises(InputError, match="E011 mine.toml: target: must be a text"):
        load_chip(path)
    path.write_text('inherits = "loihi1"\ntitle = "Mine"\ntarget = "lohi"')
    with pytest.raises(InputError, match="(?s)E011 mine.toml: target: there is no target.*did you mean loihi?"):
        load_chip(path)


@pytest.mark.parametrize(
    ("text", "code"),
    [("capacity = [", "E011"), ("inherits = 7", "E011"), ('inherits = "atlantis"', "E008"), ("", "E011")],
)
def test_broken_files(tmp_path, text, code):
    """Broken TOML, a wrong or unknown parent, and an empty file give coded errors."""
    (tmp_path / "broken.toml").write_text(text)
    with pytest.raises(InputError, match=code):
        load_chip(tmp_path / "broken.toml")


@pytest.mark.parametrize("depth", [500, 50_000])
@pytest.mark.parametrize("opening", ["x = " + "[", "x = " + "{a = ", "[" + "a."])
def test_nested_without_end(depth: int, opening: str, tmp_path: Path) -> None:
    """Lists, tables and keys in one another, deeper than anybody reads: E011 of the file."""
    head, repeated = (opening[:4], opening[4:]) if opening.startswith("x") else ("[", "a.")
    closing = {"[": "]", "{a = ": "}", "a.": ""}[repeated]
    end = "a]" if repeated == "a." else "1"
    path = tmp_path / "deep.toml"
    path.write_text(f'inherits = "loihi2"\n{head}{repeated * depth}{end}{closing * depth}\n')
    with pytest.raises(InputError, match=r"E011 deep\.toml"):
        load_chip(path)


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ("[weights.bits_min]\nvalue = 8\n[weights.bits_max]\nvalue = 4\n", "weights.bits_min: is 8, above bits_max, 4"),
        ("[neuron.state_bits]\nvalue = 16\n", "neuron.threshold_bits: takes 23 bits with its shift, of which"),
    ],
)
def test_figures_that_cannot_be_meant_together(figures: str, told: str, tmp_path: Path) -> None:
    """Each in its range, and not to be honoured beside another: E011 by name, before any network is read."""
    figures = figures.replace("\n[", '\nsource = "ME"\n[')
    (tmp_path / "mine.toml").write_text(f'inherits = "loihi2"\n{SOURCE}{figures}source = "ME"\n')
    with pytest.raises(InputError, match=f"E011.*{told}"):
        load_chip(tmp_path / "mine.toml")


def test_links_in_a_circle(tmp_path: Path) -> None:
    """Lead to no profile, E001, and to no traceback."""
    (tmp_path / "a.toml").symlink_to(tmp_path / "b.toml")
    (tmp_path / "b.toml").symlink_to(tmp_path / "a.toml")
    with pytest.raises(InputError, match="E001"):
        load_chip(tmp_path / "a.toml")


def test_an_edited_profile_is_read_anew(tmp_path: Path) -> None:
    """Nothing is kept from the last reading of a file, nor of what it inherits from."""
    parent, child = tmp_path / "parent.toml", tmp_path / "child.toml"
    child.write_text('inherits = "parent"\ntitle = "child"\n')
    for value in (5, 7):
        figure = f'neurons_per_core = {{ value = {value}, source = "ME" }}'
        parent.write_text(f'inherits = "loihi2"\ntitle = "p"\n[capacity]\n{figure}\n[sources]\nME = "made up"\n')
        assert load_chip(child).capacity.neurons_per_core.value == value


def test_a_path_to_inherit_is_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``inherits`` leads from the folder of the file that says it, wherever the program runs, or from the root."""
    (tmp_path / "boards").mkdir()
    (tmp_path / "elsewhere").mkdir()
    parent, child = tmp_path / "chip.toml", tmp_path / "boards" / "board.toml"
    figure = 'neurons_per_core = { value = 5, source = "ME" }'
    parent.write_text(f'inherits = "loihi2"\ntitle = "chip"\n[capacity]\n{figure}\n' + SOURCE)
    monkeypatch.chdir(tmp_path / "elsewhere")
    for location in ("../chip.toml", str(parent)):
        child.write_text(f'inherits = "{location}"\ntitle = "board"\n')
        assert load_chip(child).capacity.neurons_per_core.value == 5
    child.write_text('inherits = "chip.toml"\ntitle = "board"\n')
    with pytest.raises(InputError, match=r"(?s)E001 chip.toml.*looked for .*boards/chip.toml"):
        load_chip(child)
