"""Ways of placing by name."""

from __future__ import annotations

import pytest

from spear_deploy.errors import InputError
from spear_deploy.placement.placers import PLACERS, keeps_rule


def test_one_way_alone_is_the_targets_own_rule() -> None:
    """The default; a name that there is not is E008."""
    assert [name for name in PLACERS.names() if keeps_rule(name)] == ["default"]
    with pytest.raises(InputError, match="E008"):
        keeps_rule("nowhere")
