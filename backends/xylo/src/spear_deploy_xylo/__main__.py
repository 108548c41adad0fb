"""``python -m spear_deploy_xylo``."""

import sys

from spear_deploy_xylo.cli import main

if __name__ == "__main__":
    sys.exit(main())
