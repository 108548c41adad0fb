"""Write the pages and tables of the documentation that follow from the code: ``python docs/generate.py``.

Whole pages lie in ``docs/chips`` and ``docs/reference``.  Within other pages a table stands between
``<!-- generated: NAME -->`` and ``<!-- end -->``.  tests/test_docs.py fails where a page is stale.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import click

import spear_deploy
from spear_deploy.api.settings import Settings
from spear_deploy.backends import BACKENDS
from spear_deploy.budgets import RESOURCES
from spear_deploy.catalogue import CATALOGUE
from spear_deploy.catalogue.examples import RAISED, example
from spear_deploy.chips import ChipProfile, chip_names
from spear_deploy.cli.chips import figures, in_text, standing
from spear_deploy.cli.main import cli
from spear_deploy.clusters import CLUSTERS
from spear_deploy.data.kinds import KINDS
from spear_deploy.deployment.steps import STEPS
from spear_deploy.frontends.nir.neurons import NEURON_TYPES
from spear_deploy.frontends.nir.ops import STEP_TYPES
from spear_deploy.frontends.semantics import PRESETS, Semantics
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.placement.placers import PLACERS
from spear_deploy.recording import Recording
from spear_deploy.report.schema import schema
from spear_deploy.search.methods import METHODS
from spear_deploy.targets import TARGETS, load_chip
from spear_deploy.train.augmentation import AUGMENTATIONS

ROOT = Path(__file__).resolve().parents[1]
_NOTE = "<!-- Written by docs/generate.py: change the code, then run it. -->"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


def files() -> dict[Path, str]:
    """Return every generated file with what it should hold."""
    pages = {ROOT / "docs/chips" / f"{name}.md": chip_page(load_chip(name)) for name in chip_names()}
    pages[ROOT / "docs/reference/python.md"] = python_page()
    pages[ROOT / "docs/reference/commands.md"] = commands_page()
    pages[ROOT / "docs/reference/errors.md"] = errors_page()
    pages |= {ROOT / "docs/reference/errors" / f"{code}.md": code_page(code) for code in CATALOGUE}
    pages[ROOT / "docs/reference/entries.md"] = entries_page()
    pages[ROOT / "docs/reference/rules.md"] = rules_page()
    pages[ROOT / "docs/reference/schema.md"] = schema_page()
    for path in (ROOT / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {*pages})):
        text = path.read_text(encoding="utf-8")
        if _BLOCK.search(text):
            pages[path] = _BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block[2]]()}\n\n{block[3]}", text)
    return pages


def main() -> None:
    """Write them, and remove pages of chips and codes that are gone."""
    wanted = files()
    for folder in ("docs/chips", "docs/reference", "docs/reference/errors"):
        (ROOT / folder).mkdir(exist_ok=True)
        for path in (ROOT / folder).glob("*.md"):
            if path not in wanted:
                path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


# Pages


def chip_page(chip: ChipProfile) -> str:
    """What a chip takes: its rules with its figures, and each figure with its source."""
    target = TARGETS.get(chip.target)
    rules = [
        (rule.code, rule.severity, rule.text_for(values), rule.fix and _upper(f"{rule.fix}."))
        for rule, values in target.rules(chip)
    ]
    numbers = [(f"`{path}`", in_text(figure.value), figure.source, figure.note) for path, figure in figures(chip)]
    sources = [(key, text) for key, text in chip.sources.items()]
    return _page(
        f"{chip.title} (`{chip.name}`)",
        f"Target `{chip.target}`. `spear-deploy chips {chip.name}` prints this page.",
        standing(chip),
        "## Rules",
        "A finding quotes the rule that it breaks, with the value found, the limit and a fix.",
        _table(("code", "kind", "rule", "fix"), rules),
        "## Figures",
        _table(("figure", "value", "source", "note"), numbers),
        "## Sources",
        _table(("", "source"), sources),
    )


def python_page() -> str:
    """The public names, from their docstrings."""
    parts = ["What `import spear_deploy` offers. A guide with examples: [From Python](../python.md)."]
    for name in spear_deploy.__all__:
        parts += _documented(f"spear_deploy.{name}", getattr(spear_deploy, name))
    parts += ["## Keywords of `deploy`", settings_table()]
    for each in (Recording, Placement, PopulationPlacement):
        parts += _documented(f"{each.__module__}.{each.__name__}", each)
    return _page("Python reference", *parts)


def commands_page() -> str:
    """Every command's help."""
    parts = ["What `spear-deploy COMMAND --help` prints."]
    for context in _contexts(click.Context(cli, info_name="spear-deploy", terminal_width=100, **cli.context_settings)):
        parts += [f"## {context.command_path}", f"```text\n{context.command.get_help(context)}\n```"]
    return _page("Command reference", *parts)


def errors_page() -> str:
    """The catalogue."""
    rows = [(f"[{code}](errors/{code}.md)", title, _blocks(text)[0]) for code, (title, text) in CATALOGUE.items()]
    return _page(
        "Errors and notes",
        "`spear-deploy explain CODE` prints one, with all causes, an example that raises it and what fixes it. Codes "
        "with E end a run, codes with N are notes.",
        _table(("code", "title", "what it means"), rows),
    )


def code_page(code: str) -> str:
    """One code: what it means, the rules behind it, an example and what mends it."""
    title, text = CATALOGUE[code]
    rules = rules_of(code)
    stated = ["## Rules", _table(("rule", "fix", "chips"), rules)] if rules else []
    heading = "## Example" if RAISED in example(code) else "## How it comes about"
    lead, *causes = _blocks(text)
    listed = ["\n".join(causes)] if causes else []
    return _page(f"{code}: {title}", lead, *listed, *stated, heading, example(code).rstrip())


def _blocks(text: str) -> list[str]:
    """Return the explanation of a code in Markdown: what it means, then its causes as items of a list."""
    lead, *causes = re.split(r"\n(?=- )", text.replace("*", r"\*"))
    return [_joined(lead), *map(_joined, causes)]


def rules_of(code: str) -> list[tuple[str, str, str]]:
    """Return the rules that a code stands for: text, fix, and the chips that state it so."""
    chips: dict[tuple[str, str], list[str]] = {}
    for chip in map(load_chip, chip_names()):
        for rule, values in TARGETS.get(chip.target).rules(chip):
            if rule.code == code:
                fix = rule.fix and _upper(f"{rule.fix}.")
                chips.setdefault((rule.text_for(values), fix), []).append(f"`{chip.name}`")
    return [(text, fix, ", ".join(names)) for (text, fix), names in chips.items()]


def rules_page() -> str:
    """All rules of all chips."""
    rows = [(f"[{code}](errors/{code}.md)", *rule) for code in CATALOGUE for rule in rules_of(code)]
    return _page(
        "Rules of chips",
        "The rules of chips on networks, data, integers and cores. A finding quotes the rule that is broken, with the "
        "value found and the limit. Codes with N are notes. Each chip's page has its own rules, with its figures and "
        "their sources.",
        _table(("code", "rule", "fix", "chips"), rows),
    )


def schema_page() -> str:
    """What ``report.json`` holds."""
    whole = schema()
    lead = (
        "`report.json` of a bundle, which `--json` prints too. Every property is required, and `null` where it does "
        "not apply; `[]` stands for each item of a list, `*` for each name."
    )
    parts = [lead, _table(("property", "type", "meaning"), _properties(whole, ""))]
    for name, definition in whole["$defs"].items():
        parts += [f"## {name}", definition.get("description", ""), _schema_table(definition)]
    return _page("report.json", *(part for part in parts if part))


def entries_page() -> str:
    """What the tables hold: targets, methods, backends, placements, augmentations, budgets, steps."""
    sections = [
        ("Targets", TARGETS, "a chip family; `--chip` names a profile of one", "targets/protocol.py"),
        ("Search methods", METHODS, "`--method`, `method=`", "search/protocol.py"),
        ("Backends", BACKENDS, "`--backend`, `backend=`", "backends/protocol.py"),
        ("Placements", PLACERS, "`--place`, `place=`", "placement/placers.py"),
        ("Augmentations", AUGMENTATIONS, "`--augment`, `augment=`", "train/augmentation.py"),
        ("Clusters", CLUSTERS, "the scheme of the address of `--cluster`, `cluster=`", "clusters/protocol.py"),
    ]
    forms = [(f"`{name}`", kind.form) for name, kind in KINDS.items()]
    parts = [
        (
            "Each is an entry of a table. Another distribution adds one through an entry point of the given group, a "
            "program through `add`; no file of this package is edited (tests/test_plugins.py does each)."
        )
    ]
    for title, table, use, protocol in sections:
        rows = [(f"`{name}`", _summary(entry)) for name, entry in table.items()]
        asked = f"{_upper(use)}. Entry points: `{table.group}`; protocol: `spear_deploy/{protocol}`."
        parts += [f"## {title}", asked, _table(("name", "what it is"), rows)]
    asked = "`--data`; tried from the last to the first; the first that recognises the name loads it. "
    asked += f"Entry points: `{KINDS.group}`; protocol: `spear_deploy/data/kind.py`."
    parts += ["## Kinds of data", asked, _table(("name", "is given as"), forms)]
    asked = f"Entry points: `{RESOURCES.group}`; protocol: `spear_deploy/budgets/resource.py`."
    parts += ["## Budgets", asked, budgets_table(), "## Steps of `deploy`"]
    parts += ["`--until STEP` stops after one.", steps_table()]
    return _page("Targets, methods, backends, budgets, steps", *parts)


# Tables


def budgets_table() -> str:
    """Return the budgets that can be asked for."""
    rows = [
        (f"`{each.option}`", f"`{each.name}=`", each.title, each.sense, " or ".join(each.takes))
        for _, each in RESOURCES.items()
    ]
    return _table(("option", "keyword", "what is limited", "sense", "given as"), rows)


def settings_table() -> str:
    """Return the keywords of ``deploy``."""
    described = _attributes(Settings)
    hints = inspect.get_annotations(Settings)
    rows = [(f"`{name}`", f"`{_type_name(hints[name])}`", described[name]) for name in hints]
    return _table(("keyword", "type", "meaning"), rows)


def placement_table() -> str:
    """Cores that compilers have printed, beside those that are counted here."""
    return str(_benchmark("placement").table())


def targets_tables() -> str:
    """Return what every chip says of the example networks."""
    return str(_benchmark("targets").tables())


def published_table() -> str:
    """Return the results of ``benchmarks/published.py`` beside those of ``benchmarks/pruning.py``."""
    benchmark = _benchmark("published")
    return "\n".join(benchmark.table(benchmark.known(benchmark.RESULTS), benchmark.known(benchmark.PRUNED)))


def results(benchmark: str, table: str) -> str:
    """Return what a function of ``benchmarks/NAME.py`` called ``table`` makes of its results that are checked in."""
    module = _benchmark(benchmark)
    made = getattr(module, table)(module.known(module.RESULTS))
    return made if isinstance(made, str) else "\n".join(made).strip()


def steps_table() -> str:
    """Return the steps of a deployment."""
    rows = [
        (
            f"`{step.name}`",
            step.does,
            ", ".join(step.needs) or "model, data, chip",
            ", ".join(step.yields),
            ", ".join(f"`{part}`" for part in step.parts),
        )
        for step in STEPS
    ]
    return _table(("step", "what it does", "needs", "yields", "parts that are timed"), rows)


def presets_table() -> str:
    """Return the presets of semantics."""
    rows = [(f"`{name}`", *_reading(preset), help_line) for name, (preset, help_line) in PRESETS.items()]
    return _table(("preset", "dt", "decay", "reset", "fires at", "spikes a step", "of"), rows)


def semantics_table() -> str:
    """Return the fields of semantics."""
    described, defaults = _attributes(Semantics), Semantics()
    inspect_command = cli.get_command(click.Context(cli), "inspect")
    options = {parameter.name for parameter in inspect_command.params}
    rows = []
    for name in get_type_hints(Semantics):
        option = f"`--{name.replace('_', '-')}`" if name in options else ""
        rows.append((f"`{name}`", option, described[name], f"`{getattr(defaults, name)}`"))
    return _table(("field (TOML)", "option", "meaning", "of `nir`"), rows)


def nodes_table() -> str:
    """Return NIR's nodes and what becomes of them."""
    firing = [name for name, fields in NEURON_TYPES.items() if {"threshold", "v_threshold"} & set(fields)]
    kinds = {
        "spiking neurons": firing,
        "readouts, which never fire": [name for name in NEURON_TYPES if name not in firing],
        "operations and delays between neurons": STEP_TYPES,
        "ports, and subgraphs, which are flattened": ("Input", "NIRGraph", "Output"),
    }
    return _table(("nodes", "become"), [(", ".join(f"`{n}`" for n in names), kind) for kind, names in kinds.items()])


BLOCKS: dict[str, Callable[[], str]] = {
    "agent": partial(results, "agent", "table"),
    "budgets": budgets_table,
    "headline": partial(results, "pruning", "headline"),
    "landscapes": partial(results, "agent", "methods_table"),
    "literature": partial(results, "literature", "table"),
    "lre": partial(results, "lre", "table"),
    "lre_curve": partial(results, "lre", "curve"),
    "lre_shared": partial(results, "lre", "shared"),
    "nodes": nodes_table,
    "one_file": partial(results, "one_file", "tables"),
    "placement": placement_table,
    "presets": presets_table,
    "pruning": partial(results, "pruning", "tables"),
    "published": published_table,
    "quantisation": partial(results, "quantisation", "table"),
    "recalibration": partial(results, "recalibration", "table"),
    "scores": partial(results, "scores", "table"),
    "semantics": semantics_table,
    "settings": settings_table,
    "steps": steps_table,
    "targets": targets_tables,
}
"""Tables that pages may hold."""


# Parts of them


def _benchmark(name: str) -> ModuleType:
    if str(ROOT) not in sys.path:  # as a script this file has only its own folder there
        sys.path.insert(0, str(ROOT))
    return importlib.import_module(f"benchmarks.{name}")


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((_NOTE, f"# {title}", *parts)) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: Any) -> str:
    return _prose(str(value)).replace("|", "\\|").replace("\n", " ")


def _prose(text: str) -> str:
    """Return a docstring's text in Markdown."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def _schema_table(definition: Mapping[str, Any]) -> str:
    """Return the properties of a part of the schema; of a plain value its type."""
    rows = list(_properties(definition, ""))
    return _table(("property", "type", "meaning"), rows) if rows else f"{_upper(_schema_type(definition))}."


def _properties(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """Yield every property below a part of the schema: path, type, description."""
    for name, child in node.get("properties", {}).items():
        yield from _property(child, f"{path}.{name}".lstrip("."))
    if isinstance(child := node.get("additionalProperties"), dict):
        yield from _property(child, f"{path}.*".lstrip("."))
    for choice in (*node.get("oneOf", ()), *node.get("anyOf", ())):
        yield from _properties(choice, path)


def _property(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    yield f"`{path}`", _schema_type(node), node.get("description", "")
    yield from _properties(node, path)
    if isinstance(items := node.get("items"), dict):
        yield from _properties(items, f"{path}[]")


def _schema_type(node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node["enum"])
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if choices := node.get("oneOf") or node.get("anyOf"):
        return " or ".join(_schema_type(choice) for choice in choices)
    kinds = node.get("type", "any")
    listed = " or ".join(kinds if isinstance(kinds, list) else [kinds])
    if isinstance(items := node.get("items"), dict):
        return f"{listed} of {_schema_type(items)}"
    return listed


def _joined(text: str) -> str:
    return " ".join(text.split())


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _summary(entry: Any) -> str:
    """Return the first paragraph of an entry's docstring, its class's if it is an instance."""
    text = inspect.getdoc(entry if inspect.isclass(entry) or inspect.isfunction(entry) else type(entry)) or ""
    return " ".join(text.split("\n\n")[0].split())


def _documented(name: str, thing: Any) -> list[str]:
    """Return heading, signature and docstring of a function, class or module, with a class's public members."""
    if inspect.ismodule(thing):
        return [f"## `{name}`", f"```text\n{inspect.getdoc(thing)}\n```", "All codes: [errors](errors.md)."]
    parts = [f"## `{name}`", _signature(thing), _docstring(thing)]
    if not inspect.isclass(thing):
        return parts
    members = []
    for key, member in vars(thing).items():
        function = member.fget if isinstance(member, property) else getattr(member, "func", member)
        function = getattr(function, "__func__", function)
        if key.startswith("_") or not inspect.isfunction(function):
            continue
        is_property = function is not member and not isinstance(member, classmethod | staticmethod)
        shown = key if is_property else f"{key}({_parameters(function)})"
        members.append((f"`{shown}`", " ".join((inspect.getdoc(function) or "").split())))
    return [*parts, _table(("member", "meaning"), members)] if members else parts


def _signature(thing: Any) -> str:
    returned = "" if inspect.isclass(thing) else f" -> {inspect.get_annotations(thing)['return']}"
    return f"```python\n{thing.__name__}({_parameters(thing)}){returned}\n```"


def _parameters(function: Any) -> str:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return "..."
    hidden = ("self", "cls")
    shown = [_parameter(each) for each in parameters if each.name not in hidden and not each.name.startswith("_")]
    return ", ".join(shown)


def _parameter(parameter: inspect.Parameter) -> str:
    """Return it as source code has it: annotations are text already, defaults made by a factory are left open."""
    text = str(parameter).replace("<factory>", "...")
    return re.sub(r": '([^']*)'", r": \1", text)


def _docstring(thing: Any) -> str:
    """Return a docstring in Markdown; its sections of attributes and errors become lists."""
    lines: list[str] = []
    section = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line in ("Attributes:", "Raises:"):
            section = True
            lines += [f"**{line[:-1]}**", ""]
        elif section and (entry := re.fullmatch(r"    (\w+): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("        "):
            lines[-1] += f" {line.strip()}"
        else:
            section = section and line.startswith(" ")
            lines.append(line)
    return _prose("\n".join(lines).replace("::\n", ":\n"))


def _attributes(thing: Any) -> dict[str, str]:
    """Return what a docstring's section of attributes says of each."""
    _, _, section = (inspect.getdoc(thing) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    for line in section.splitlines():
        if entry := re.fullmatch(r"    (\w+): (.*)", line):
            name = entry[1]
            found[name] = entry[2]
        elif line.startswith("        "):
            found[name] += f" {line.strip()}"
    return found


def _reading(semantics: Semantics) -> tuple[str, str, str, str, str]:
    decay = {"euler": "1 - dt/tau", "exponential": "exp(-dt/tau)"}[semantics.integration]
    reset = {"value": "to v_reset", "zero": "to 0", "subtract": "subtract"}[semantics.reset]
    late = ", a step late" if semantics.reset_delay else ""
    fires = {"gt": "v > threshold", "ge": "v >= threshold"}[semantics.compare]
    dt = "implied, or asked for" if semantics.dt is None else f"{semantics.dt:g}"
    return dt, decay, f"{reset}{late}", fires, {"binary": "1", "integer": "several"}[semantics.spikes]


def _type_name(hint: Any) -> str:
    """Return an annotation as it is written: a TypedDict keeps references to them."""
    return str(getattr(hint, "__forward_arg__", hint))


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """Yield the context of a command and of all commands below it."""
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            yield from _contexts(click.Context(command, context, name, terminal_width=100, **command.context_settings))


if __name__ == "__main__":
    main()
