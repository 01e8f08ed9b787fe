"""What is installed: a wheel with all it needs, a Debian package, nothing else."""

import email
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
pytestmark = pytest.mark.long


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [str(one) for one in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "-q", "--wheel", "-o", folder, ".")
    (made,) = folder.glob("overt-*.whl")
    return made


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    tracked = run("git", "ls-files", "src/overt").splitlines()
    wanted = {name.removeprefix("src/") for name in tracked}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("overt/")}
        (about,) = [n for n in archive.namelist() if n.endswith("METADATA")]
        facts = email.message_from_bytes(archive.read(about))
    assert held == wanted
    assert facts["License-Expression"] == "Apache-2.0"


def test_it_runs_from_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(UV, "venv", "-q", "--python", sys.executable, venv)
    run(
        *(UV, "pip", "install", "-q", "--python", venv / "bin" / "python"),
        *("-c", ROOT / "requirements" / "app.lock", f"overt[mask] @ file://{wheel}"),
    )
    overt = venv / "bin" / "overt"
    assert run(overt, "--version", cwd=tmp_path).startswith("overt, version")
    done = subprocess.run(
        [overt, "doctor", "--json"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr  # no display, nobody enrolled
    states = {one["what"]: one["state"] for one in json.loads(done.stdout)["findings"]}
    assert states["display"] == "bad"
    assert states["home"] == "ok"


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no Debian")
def test_the_debian_package_installs_into_a_clean_root(tmp_path: Path) -> None:
    run(ROOT / "packaging" / "deb.sh", tmp_path / "out")
    (package,) = (tmp_path / "out").glob("overt_*.deb")
    run("dpkg-deb", "--control", package, tmp_path / "control")
    held = [path.name for path in (tmp_path / "control").iterdir()]
    assert held == ["control"]  # no script runs at installation
    root = tmp_path / "root"
    for folder in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"):
        (root / folder).mkdir(parents=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).touch()
    dpkg = ("dpkg", f"--root={root}", "--force-depends", "--force-not-root")
    run(*dpkg, "--install", package)
    overt = root / "usr" / "bin" / "overt"
    assert run(overt, "--version", cwd=tmp_path).startswith("overt, version")
    command = "from overt.redact.pixels import mask; import keyring; print('works')"
    library = root / "usr" / "lib" / "overt"
    shown = run(
        "/usr/bin/python3", "-c", command, cwd=tmp_path, PYTHONPATH=str(library)
    )
    assert shown == "works\n"
    run(*dpkg, "--purge", "overt")
    left = [path for path in (root / "usr").rglob("*") if path.is_file()]
    assert [path for path in left if path.suffix != ".pyc"] == []
