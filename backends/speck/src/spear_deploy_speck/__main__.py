"""``python -m spear_deploy_speck``."""

import sys

from spear_deploy_speck.cli import main

if __name__ == "__main__":
    sys.exit(main())
