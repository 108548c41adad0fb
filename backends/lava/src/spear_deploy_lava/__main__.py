"""``python -m spear_deploy_lava``."""

import sys

from spear_deploy_lava.cli import main

if __name__ == "__main__":
    sys.exit(main())
