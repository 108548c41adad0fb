"""``python -m spear_deploy``: the command line."""

from spear_deploy.cli.main import main

main()
