"""The process that runs xylosim: ``python -m spear_deploy_xylo.worker ORDER``.

Started by the supervisor.  Writes events as JSON lines to its standard output; all else goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback

from spear_deploy_xylo.errors import BadInputError, ExitCode
from spear_deploy_xylo.lifecycle import die_with_parent
from spear_deploy_xylo.supervisor import Job

_PROGRESS_INTERVAL = 0.25


def main() -> ExitCode:
    """Run the order on the command line."""
    order = json.loads(sys.argv[1])
    die_with_parent(signal.SIGKILL, order["supervisor"])
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    told = 0.0

    def tell(**event: object) -> None:
        answer.write(json.dumps(event) + "\n")
        answer.flush()

    def progress(done: int, total: int) -> None:
        nonlocal told
        if done == total or time.monotonic() - told > _PROGRESS_INTERVAL:
            told = time.monotonic()
            tell(event="progress", done=done, total=total)

    try:
        from spear_deploy_xylo.simulation import simulate  # imports xylosim, whose failure is reported

        simulate(Job(**order["job"]), progress)
    except BadInputError as error:
        tell(event="error", kind="input", message=str(error), traceback="")
        return ExitCode.BAD_INPUT
    except Exception as error:
        message = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        tell(event="error", kind="exception", message=message, traceback=traceback.format_exc())
        return ExitCode.EXCEPTION
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
