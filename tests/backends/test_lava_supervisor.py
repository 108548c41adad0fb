"""What the supervisor of Lava's processes concludes from what it sees of them; it needs no Lava itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "backends" / "lava" / "src"
WORKER = """
import ctypes
import os
import threading
import time

from spear_deploy_lava.lifecycle import children_die_with_this_process

children_die_with_this_process()
if os.fork() == 0:
    time.sleep(60)

def end_late():
    time.sleep(4)
    os._exit(0)

threading.Thread(target=end_late).start()
ctypes.CDLL(None).pthread_exit(None)
"""
SUPERVISOR = """
import subprocess
import sys

from spear_deploy_lava import supervisor
from spear_deploy_lava.job import Job

supervisor._start = lambda job, files: subprocess.Popen([sys.executable, "-c", sys.argv[1]])
outcome = supervisor.supervise(Job("program", "", "", ""), None, lambda done, total: None)
print(outcome.code, outcome.failure)
"""


def test_a_worker_that_ends_slowly_has_not_lost_a_child() -> None:
    """Its children are killed with its first thread; until the last thread ends too, nothing has failed."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", SUPERVISOR, WORKER]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split() == ["0", "None"]
