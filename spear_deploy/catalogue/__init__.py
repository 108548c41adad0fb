"""Every code of a finding, with its title and its explanation: what ``spear-deploy explain`` prints."""

from __future__ import annotations

from spear_deploy.catalogue.chips import CHIPS
from spear_deploy.catalogue.errors import ERRORS
from spear_deploy.catalogue.notes import NOTES
from spear_deploy.catalogue.reading import READING

CATALOGUE: dict[str, tuple[str, str]] = {**READING, **ERRORS, **CHIPS, **NOTES}
"""Every code with its title and explanation."""
