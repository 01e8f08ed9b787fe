"""A process with opened keys leaves no copy of its memory."""

import subprocess
import sys

CODE = """
import os, resource
from overt.recorder.person.hardening import harden, is_dumpable
assert is_dumpable()
done = harden()
assert done.no_core and done.undumpable
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert not is_dumpable()
if done.locked:
    kb = [l for l in open("/proc/self/status") if l.startswith("VmLck")][0].split()[1]
    assert int(kb) > 0
os.abort()
"""


def test_no_core_and_no_reader(tmp_path: object) -> None:
    command = [sys.executable, "-c", CODE]
    ended = subprocess.run(
        command, cwd=str(tmp_path), capture_output=True, text=True, check=False
    )
    assert ended.returncode == -6, ended.stderr
    assert "Assertion" not in ended.stderr
    assert not any(tmp_path.iterdir())  # type: ignore[attr-defined]
