"""`overt serve`: both servers come and go together, and say what is in the way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.loopback


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def is_free(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rsplit(":", 1)[1]))) != 0


def refused(own: Any, *more: str | Path, **env: str) -> tuple[int, str]:
    """Serve where it cannot be served; return exit code and what is said."""
    done = subprocess.run(
        own.serve_command(*more), env=os.environ | own.env | env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert not (own.data / "addresses.json").exists()
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_come_at_the_ports_given_and_end_at_a_signal(
    town: Any, number: int
) -> None:
    with taken_port() as one, taken_port() as two:
        pass
    ports = ["--port", str(one), "--broker-port", str(two), "--json"]
    with town.serving(*ports) as served:
        assert json.loads(served.process.stdout.readline()) == served.urls
        assert served.urls["vault"].endswith(f":{one}")
        assert served.urls["broker"].endswith(f":{two}")
        children = served.children()
        assert len(children) == 2
        assert all(map(is_there, children))
        assert not is_free(served.urls["vault"])
        assert served.end(number) == 0
        assert not any(map(is_there, children))
        assert is_free(served.urls["vault"])
        assert is_free(served.urls["broker"])
        assert not served.notes.exists()
        assert served.process.stderr.read() == ""


def test_where_one_is_killed_the_other_ends(town: Any) -> None:
    with town.serving() as served:
        first, second = served.children()
        os.kill(first, signal.SIGKILL)
        assert served.process.wait(20) == 6
        assert not is_there(second)
        assert "ended unasked" in served.process.stderr.read()


def test_where_the_command_is_killed_both_end(town: Any) -> None:
    with town.serving() as served:
        children = served.children()
        served.end(signal.SIGKILL)
        until = time.monotonic() + 15
        while any(map(is_there, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_there, children))
        served.notes.unlink()


def test_a_signal_before_they_listen_leaves_nothing(town: Any) -> None:
    process = subprocess.Popen(
        town.serve_command(), env=os.environ | town.env, stderr=subprocess.DEVNULL
    )
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children: list[int] = []
    while len(children) < 2 and process.poll() is None:
        time.sleep(0.01)
        children = [int(word) for word in listing.read_text().split()]
    process.terminate()
    assert process.wait(20) == 0
    assert not any(map(is_there, children))


@pytest.mark.parametrize("option", ["--port", "--broker-port"])
def test_a_port_that_is_taken_is_named(town: Any, option: str) -> None:
    with taken_port() as port:
        code, said = refused(town, option, str(port))
        alone = "vault" if option == "--port" else "broker"
        again, also = refused(town, option, str(port), "--only", alone)
    assert (code, again) == (2, 2)
    assert f"Port {port} cannot be used: Address already in use." in said
    assert f"Port {port} cannot be used" in also


def test_another_passphrase_is_told_once(new_town: Any, tmp_path: Path) -> None:
    own = new_town()
    with own.serving() as served:
        keys = [
            word
            for name in ("stella", "rita")
            for word in (
                "--programme-key", own.programme / f"keys/programme-{name}.key"
            )
        ]  # fmt: skip
        own.json(
            "programme", "invite", "--as", own.key("stella"), *keys,
            "--folder", own.programme, "-o", tmp_path / "i.json", **served.env,
        )  # fmt: skip
    other = tmp_path / "other"
    other.write_text("not the passphrase\n")
    other.chmod(0o600)
    code, said = refused(own, "--json", OVERT_PASSPHRASE_FILE=str(other))
    told = json.loads(said)
    assert code == told["exit_code"] == 5
    assert "keyring.json does not open" in told["error"]


def test_two_brokers_on_one_keyring_are_refused(town: Any) -> None:
    with town.serving():
        done = subprocess.run(
            town.serve_command("--only", "broker"), env=os.environ | town.env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        code, said = done.returncode, done.stderr
    assert code == 6
    assert "is in use" in said


def test_service_keys_are_made_once_and_whole(tmp_path: Path, town: Any) -> None:
    data = tmp_path / "data"
    made = town.json("serve", "--data", data, "--init")
    assert set(made) == {"receipt", "lease", "log"}
    for path in [*data.rglob("*.key"), *data.rglob("service-token")]:
        assert path.stat().st_mode & 0o777 == 0o600
    town.json("serve", "--data", data, "--init", code=2)
    assert town.json("serve", "--data", data, code=2)["error"].startswith("--programme")
    (data / "services.json").unlink()
    told = town.json("serve", "--data", data, "--init", code=2)
    assert "without services.json" in told["error"]
    file = tmp_path / "file"
    file.touch()
    town.json("serve", "--data", file / "data", "--init", code=2)
    assert file.read_bytes() == b""


def test_a_programme_made_for_another_vault_is_refused(
    town: Any, tmp_path: Path
) -> None:
    serve = ["serve", "--data", tmp_path / "data", "--programme", town.programme]
    assert "--init" in town.json(*serve, code=2)["remedy"]
    town.json(*serve, "--init")
    assert "other service keys" in town.json(*serve, code=2)["error"]
    missing = ["serve", "--data", town.data, "--programme", tmp_path / "none"]
    assert "anchor.json" in town.json(*missing, code=2)["error"]
