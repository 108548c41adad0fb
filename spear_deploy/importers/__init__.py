"""Networks from live modules of the training frameworks, each checked against the module that it came from.

Every ``from_*`` function works on a copy of the module, has the framework's own NIR exporter write it, mends what
that exporter is known to lose, reads how the neurons integrate, compare and reset from the live layers, and runs
the result beside the module (:mod:`spear_deploy.importers.check`).
"""

from spear_deploy.importers.norse import from_norse
from spear_deploy.importers.sinabs import from_sinabs
from spear_deploy.importers.snntorch import from_snntorch
from spear_deploy.importers.spikingjelly import from_spikingjelly

__all__ = ["from_norse", "from_sinabs", "from_snntorch", "from_spikingjelly"]
