"""``--augment``: images change at random in fine-tuning; what is not an image is refused before the work starts."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_vectors_and_unknown_names(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """E007 for samples without sides, E008 with what is near for a name that there is not; nothing is written."""
    wanted = ["compile", tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "70%", "-o", tmp_path / "out"]
    refused = spear(*wanted, "--augment", "mirror,shift")
    assert refused.code == 2
    assert "E007 --augment mirror,shift: changes images" in refused.err
    assert "(12,)" in refused.err
    unknown = spear(*wanted, "--augment", "miror")
    assert unknown.code == 2
    assert "E008 miror" in unknown.err
    assert "did you mean mirror?" in unknown.err
    assert not (tmp_path / "out").exists()
