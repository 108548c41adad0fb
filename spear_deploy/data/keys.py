"""Finding the samples and labels among the arrays of a file or mapping, and fixes for other names."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spear_deploy.errors import Finding
from spear_deploy.network.ops import Shape

SPLIT = ("x_train", "y_train", "x_test", "y_test")
WHOLE = ("x", "y")
_SAMPLES = ("x", "data", "samples", "images", "image", "inputs", "input", "spikes", "events", "frames", "features")
_LABELS = ("y", "labels", "label", "targets", "target", "classes", "class", "digits")
_PARTS = {
    "train": ("train", "training", "tr"),
    "test": ("test", "testing", "te", "val", "valid", "validation", "eval", "dev"),
    "": ("", "all"),
}


def wanted_names(held: Collection[str]) -> tuple[str, ...]:
    """Return the names of the arrays to use: :data:`SPLIT`, or :data:`WHOLE` without any array of a split.

    None if neither is complete.
    """
    if set(SPLIT) <= set(held):
        return SPLIT
    return WHOLE if set(WHOLE) <= set(held) and not set(SPLIT) & set(held) else ()


def unread_arrays(held: Collection[str], where: str) -> list[Finding]:
    """Return a note (N006) on arrays that look like samples or labels but are not used."""
    taken = wanted_names(held)
    unread = [name for name in held if name not in taken and _meanings(name)]
    if not unread:
        return []
    message = f"{', '.join(unread)} are not read: {', '.join(taken)} are"
    if any("val" in name.lower() for name in unread):
        message += "; samples for validation are drawn from x_train"
    return [Finding("N006", where, message, severity="note")]


def missing_arrays(held: Mapping[str, Shape], where: str) -> Finding:
    """Return the finding (E005) for arrays (shapes by name) that are neither; the fix names the likely ones."""
    listed = ", ".join(f"{name} {shape}" for name, shape in held.items()) or "nothing usable"
    message = f"it holds {listed} instead of {', '.join(SPLIT)} (or {', '.join(WHOLE)})"
    return Finding("E005", where, message, _fix(held))


def _fix(held: Mapping[str, Shape]) -> str:
    if set(WHOLE) <= set(held) and set(SPLIT) & set(held):
        return "call x and y x_train and y_train, with x_test and y_test beside them; or give x and y alone"
    meant = _meant(held)
    for names in (SPLIT, WHOLE):
        if all(name in meant for name in names):
            renamed = ", ".join(f"{name}=d[{meant[name]!r}]" for name in names)
            return f"with d = numpy.load(...) the old file: numpy.savez('renamed.npz', {renamed})"
    if {"x_train", "y_train"} <= set(meant):
        lacking = " and ".join(name for name in ("x_test", "y_test") if name not in meant)
        return f"add {lacking}, or call the arrays x and y: a test part is then drawn"
    lacking = next((name for name in WHOLE if name not in meant), "")
    return f"save it with numpy.savez{f': {lacking} is missing' if lacking and meant else ''}"


def _meant(held: Mapping[str, Shape]) -> dict[str, str]:
    """Return, for each name, the only array whose own name suggests it."""
    meanings: dict[str, list[str]] = {}
    for name in held:
        for meaning in _meanings(name):
            meanings.setdefault(meaning, []).append(name)
    for meaning in ("x_test", "y_test"):  # where there are validation samples beside those for the test
        spoken = [name for name in meanings.get(meaning, []) if "te" in name.lower()]
        meanings[meaning] = spoken or meanings.get(meaning, [])
    meant = {meaning: names[0] for meaning, names in meanings.items() if len(names) == 1}
    if not meant and len(held) == 2:  # numpy.savez(path, x, y) calls them arr_0 and arr_1
        x, y = sorted(held, key=lambda name: -len(held[name]))
        meant = {"x": x, "y": y} if len(held[x]) > len(held[y]) and held[x][:1] == held[y][:1] else {}
    return meant


def _meanings(name: str) -> list[str]:
    """Return the standard name that a name suggests: ``Train_Images`` gives x_train."""
    bare = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return [
        f"{kind}_{part}" if part else kind
        for kind, words in (("x", _SAMPLES), ("y", _LABELS))
        for part, parts in _PARTS.items()
        if any(bare in (word + each, each + word) for word in words for each in parts)
    ]
