"""Which chips take the example networks, at what cost, and what is in the way: figures of ``inspect``, nothing is run.

    python -m benchmarks.targets    # the tables of docs/checked.md, in Markdown

``python docs/generate.py`` writes them there, and tests/test_docs.py fails where they are stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import spear_deploy
from spear_deploy.api.chips import ChipCheck
from spear_deploy.report.formats import percent, plural
from spear_deploy.resources import resource

NETWORKS: Mapping[str, tuple[str, str]] = {
    "digits": ("examples/digits/digits.nir", "examples/digits/semantics.toml"),
    "JapaneseVowels": ("examples/japanese_vowels/japanese_vowels.nir", ""),
}
"""Files of networks, and of how they are to be read; none where the file says it itself."""
_HEAD = ("chip", "takes it", "cores", "of", "synaptic memory", "fullest core", "in the way")


def main() -> None:
    """Print the tables."""
    print(tables())


def tables() -> str:
    """Return a table for each network, in Markdown."""
    return "\n\n".join(f"**{name}** (`{file}`)\n\n{table(file, read)}" for name, (file, read) in NETWORKS.items())


def table(file: str, semantics: str) -> str:
    """Return what every chip says of one network."""
    imported = spear_deploy.load(resource(file), resource(semantics) if semantics else None)
    lines = [_HEAD, ("---",) * len(_HEAD), *(row(check) for check in spear_deploy.check_chips(imported))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def row(check: ChipCheck) -> tuple[str, ...]:
    """Return a chip's row."""
    link = f"[`{check.chip}`](chips/{check.chip}.md)"
    placed, busiest = check.placement, check.busiest
    cores = "" if placed is None else f"{placed.cores:,}"
    memory = f"{placed.memory_bits / 8192:,.1f} KiB" if placed is not None and placed.memory_bits else ""
    fullest = "" if busiest is None else f"{busiest[1].replace('_', ' ')} {percent(busiest[2], 0)}"
    return link, check.answer, cores, f"{check.of_cores:,}", memory, fullest, ", ".join(reasons(check))


def reasons(check: ChipCheck) -> Iterator[str]:
    """Yield the codes of what is in the way, how often each, and how many figures are missing."""
    for code, same in groupby(sorted(finding.code for finding in check.findings)):
        count = len(list(same))
        yield f"[{code}](reference/errors/{code}.md)" + (f" x {count}" if count > 1 else "")
    if check.unmade:
        yield f"{plural(len(check.unmade), 'figure')} not published"


if __name__ == "__main__":
    main()
