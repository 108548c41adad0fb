"""Networks in and out: NIR files, and the semantics that NIR does not carry."""

from spear_deploy.frontends.nir_reader import Imported, load
from spear_deploy.frontends.nir_writer import save
from spear_deploy.frontends.semantics import PRESETS, Semantics

__all__ = ["PRESETS", "Imported", "Semantics", "load", "save"]
