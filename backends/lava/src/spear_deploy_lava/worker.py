"""The process that Lava's processes are forked from: ``python -m spear_deploy_lava.worker ORDER``.

Started by the supervisor.  Writes a :class:`~spear_deploy_lava.job.Failure` as JSON to its standard
output, or nothing on success; whatever Lava prints goes to standard error.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import traceback
from dataclasses import asdict

from spear_deploy_lava import compat
from spear_deploy_lava.errors import BadInputError, ExitCode
from spear_deploy_lava.job import CLOCK_BYTES, Failure, Order
from spear_deploy_lava.lifecycle import children_die_with_this_process, die_with_parent


def main() -> ExitCode:
    """Run the order on the command line."""
    order = Order.from_json(sys.argv[1])
    die_with_parent(signal.SIGKILL, order.supervisor)
    children_die_with_this_process()
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _run(order)
    except BadInputError as error:
        failure, code = Failure("input", str(error)), ExitCode.BAD_INPUT
    except Exception as error:
        # Lava attaches the trace of a process that could not be built.
        trace = getattr(error, "trace", None) or traceback.format_exc()
        failure, code = Failure("exception", _last_line(error), trace), ExitCode.EXCEPTION
    else:
        return ExitCode.DONE
    os.write(answer, json.dumps(asdict(failure)).encode())
    return code


def _run(order: Order) -> None:
    compat.import_lava()
    import numpy as np

    # Lava has to be imported after the shim, and where a failure of the import is reported.
    if order.job.kind == "net":
        from spear_deploy_lava.net_simulation import simulate
    elif order.job.kind == "sigma-delta":
        from spear_deploy_lava.sigma_delta_simulation import simulate
    else:
        from spear_deploy_lava.simulation import simulate

    simulate(order.job, np.frombuffer(mmap.mmap(order.clock, CLOCK_BYTES), dtype=np.int64))


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Not sys.exit: with Lava's processes alive the interpreter never gets through its own shutdown.
    os._exit(status)
