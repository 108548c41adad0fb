"""Importing live modules of the training frameworks, each checked against the module itself.

Every ``from_*`` function works on a copy of the module, traces its ``forward`` (:mod:`spear_deploy.importers.trace`),
reads from the live layers how the neurons integrate, compare and reset, and runs the resulting network beside the
module (:mod:`spear_deploy.importers.check`).
"""

from spear_deploy.importers.norse import from_norse
from spear_deploy.importers.sinabs import from_sinabs
from spear_deploy.importers.snntorch import from_snntorch
from spear_deploy.importers.spikingjelly import from_spikingjelly

__all__ = ["from_norse", "from_sinabs", "from_snntorch", "from_spikingjelly"]
