"""A disk that fails at any write below the vault's folder: nothing said is untrue.

The vault runs in a process of its own under a library that fails its writes, syncs,
renames and links: those of SQLite and of the object store too.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAKES = Path(__file__).parents[2] / "fakes"
DEEDS = {
    *("upload", "release", "enrolment", "consent", "erasure"),
    *("registration", "opening"),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("No C compiler: install gcc to let a disk fail.")
    made = tmp_path_factory.mktemp("faults") / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    subprocess.run([*command, "-o", made, FAKES / "faults.c", "-ldl"], check=True)
    return made


def run(
    library: Path, folder: Path, code: int, stride: int, *rest: str
) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    arguments = [str(library), str(folder), str(code), str(stride), *rest]
    return subprocess.run(
        [sys.executable, "-m", "tests.fakes.failing", *arguments],
        env=os.environ | {"LD_PRELOAD": str(library)},
        cwd=FAKES.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("code", "stride"),
    [
        (errno.ENOSPC, 41),
        pytest.param(errno.ENOSPC, 1, marks=pytest.mark.long),
        pytest.param(errno.EIO, 1, marks=pytest.mark.long),
    ],
)
def test_at_every_write_a_failing_disk_costs_an_answer_and_nothing_else(
    library: Path, tmp_path: Path, code: int, stride: int
) -> None:
    done = run(library, tmp_path / "vault", code, stride)
    assert done.returncode == 0, done.stderr[-2000:]
    writes = json.loads(done.stdout)
    assert set(writes) == DEEDS
    assert min(writes.values()) > 10


def test_a_vault_that_takes_no_notice_of_its_disk_is_found_out(
    library: Path, tmp_path: Path
) -> None:
    done = run(library, tmp_path / "vault", errno.ENOSPC, 2, "careless")
    assert done.returncode != 0
    assert "There is no object" in done.stderr
