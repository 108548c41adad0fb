"""Networks in and out: NIR and .net files, live modules, and the semantics that files do not carry."""

from spear_deploy.frontends.files import load
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.writer import save
from spear_deploy.frontends.semantics import PRESETS, Semantics

__all__ = ["PRESETS", "Imported", "Semantics", "load", "save"]
