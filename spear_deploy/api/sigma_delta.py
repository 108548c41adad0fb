"""``spear_deploy.load_sigma_delta``: a ``.net`` file of sigma-delta neurons as one chip's program."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path

from spear_deploy.chips import ChipProfile
from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.net.sigma_delta import read_sigma_delta
from spear_deploy.targets import TARGETS, LoweredSigmaDelta, SigmaDeltaTarget, load_chip


def load_sigma_delta(
    source: str | PathLike[str], chip: str | PathLike[str] | ChipProfile = "loihi2"
) -> LoweredSigmaDelta:
    """Read a ``.net`` file of lava-dl whose neurons are sigma-delta, and place it on a chip unchanged.

    ``chip`` is a profile, or the name or file of one.  The result has ``.network``, the integers, ``.program``,
    ``.placement``, ``.findings``, ``.simulate(x)``, in real numbers, and ``.emulate(x)``.  ``x`` are integers (steps,
    samples, *shape) for netx's delta encoder, or messages if the file has no encoder; the recording has messages as
    ``spikes`` and the sums of every population as ``membrane``.

    Raises :class:`~spear_deploy.errors.InputError` (E001, E008, E011, E013) and
    :class:`~spear_deploy.errors.UnsupportedError` (E021, E026: unsupported parts of the file; E021 for a family of
    chips that runs none, E034 for a chip whose spikes carry too few bits).
    """
    network, notes = read_sigma_delta(Path(fspath(source)))
    profile = chip if isinstance(chip, ChipProfile) else load_chip(chip)
    target = TARGETS.get(profile.target)
    if not isinstance(target, SigmaDeltaTarget):
        message = f"sigma-delta networks are not run on chips of {target.name}"
        raise UnsupportedError.of("E021", profile.name, message, "choose a chip of Loihi 2, such as loihi2")
    lowered = target.lower_sigma_delta(profile, network)
    return replace(lowered, notes=(*notes, *lowered.notes))
