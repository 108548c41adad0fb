"""The frameworks that tests compare with but cannot install beside one another: each in a folder of its own.

    python -m tests.frameworks [FOLDER]          $SPEAR_DEPLOY_FRAMEWORKS or build/frameworks by default

sinabs and Rockpool pin nir <= 1.0.4, SpikingJelly needs a newer one; sinabs declares samna, which starts pip when it is
imported; lava-dl asks for torch, of which its netx needs nothing.  So each is installed without its dependencies; a
child interpreter with that folder on its path brings the rest.  Source distributions, which hold trained networks, lie
beside them as archives.  Does nothing where the pins are installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PINS = {
    "lava-dl": ("lava-dl==0.6.0",),
    "norse": ("norse==1.1.0",),
    "rockpool": ("rockpool==3.1.0",),
    "sanafe": ("sanafe==2.2.9",),
    "sinabs": ("sinabs==3.1.3", "pbr==7.1.3"),
    "spikingjelly": ("spikingjelly==2.0.0", "loguru==0.7.3"),
}
SOURCES = ("sinabs==3.1.3",)
ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("SPEAR_DEPLOY_FRAMEWORKS", ROOT / "build" / "frameworks"))


def home(framework: str) -> Path:
    """Return the folder of an installed framework; skip the test that asks where there is none."""
    folder = FOLDER / framework
    if not folder.is_dir():
        pytest.skip(f"{framework} is not in {FOLDER}: run python -m tests.frameworks")
    return folder


def source(framework: str) -> Path:
    """Return the archive of a framework's source distribution; skip the test that asks where there is none."""
    (pin,) = (pin for pin in SOURCES if pin.startswith(framework))
    archive = _archive(FOLDER, pin)
    if not archive.is_file():
        pytest.skip(f"{archive} is not there: run python -m tests.frameworks")
    return archive


def _archive(folder: Path, pin: str) -> Path:
    return folder / "sources" / f"{pin.replace('==', '-')}.tar.gz"


def install(folder: Path) -> None:
    """Install every framework into ``folder`` unless its stamp names the same pins, and fetch the sources."""
    for name, pins in PINS.items():
        target, stamp = folder / name, folder / name / ".pins"
        if stamp.is_file() and stamp.read_text(encoding="utf-8").split() == list(pins):
            continue
        shutil.rmtree(target, ignore_errors=True)
        # lava-dl 0.6.0 admits Python 3.10 only; netx runs on 3.11 and 3.12 through the backend's import shim.
        options = ["-qq", "--disable-pip-version-check", "--no-deps", "--no-compile", "--ignore-requires-python"]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(target), *pins], check=True)
        stamp.write_text("\n".join(pins), encoding="utf-8")
    for pin in SOURCES:
        archive = _archive(folder, pin)
        if not archive.is_file():
            options = ["-qq", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
            command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(archive.parent), pin]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
