"""Bad input and bad luck against the real processes: clear error, nothing lost.

Each test plays one misfortune and asserts the documented exit code, a message that
names the input and the remedy, that no half-written file stays, and that what was
recorded is sent afterwards exactly once, with receipts that verify.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol.errors import DataError
from overt.recorder.person.identity import unlock
from overt.recorder.person.vault_client import VaultClient
from tests.fakes.court import LEASE_S, finish

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.journey, pytest.mark.display, pytest.mark.timeout(120)]
FAKES = Path(__file__).parents[1] / "fakes" / "vault.py"


@pytest.fixture(autouse=True)
def _alive(court: Any) -> None:
    """Let no test stand on what another left dead."""
    court.restart()


@pytest.fixture
def person(court: Any) -> Any:
    return court.person()


def send_and_check(person: Any, *segments: str) -> None:
    """What waits is sent, once; a second time there is nothing to send."""
    sent = [one["segment"] for one in person.run("send")["sent"]]
    assert set(sent) <= set(segments)
    assert person.run("send") == {"sent": []}
    person.check_sent(*segments)


# The display ------------------------------------------------------------------


def test_a_display_that_cannot_be_recorded_is_refused(
    person: Any, other_screen: Any, old_display: str
) -> None:
    deaf = other_screen("-extension", "RECORD").name
    plain = other_screen().name
    wayland = {"XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": "wayland-0"}
    cases = [
        ({"DISPLAY": ""}, ("No display is set", "Set DISPLAY")),
        ({"DISPLAY": ":54321"}, (":54321 cannot be opened", "Start an X server")),
        ({"DISPLAY": plain, **wayland}, ("Wayland session", "X11 (Xorg) session")),
        ({"DISPLAY": deaf}, (deaf, "lacks the extension RECORD", "+extension RECORD")),
        ({"DISPLAY": old_display}, (old_display, "lacks the extension XInput")),
    ]
    running = [person.start("record", **env) for env, _ in cases]
    for (env, words), process in zip(cases, running, strict=True):
        told = finish(process, 4)
        said = f"{told['error']} {told['remedy']}"
        assert all(word in said for word in words), (env, said)
        assert "overt doctor" in said
    assert not person.states()
    assert not person.half_files()
    doctor = person.start("doctor", DISPLAY=deaf)
    found, _ = doctor.communicate(timeout=30)
    assert doctor.returncode == 4
    displays = [f for f in json.loads(found)["findings"] if f["what"] == "display"]
    assert "RECORD" in displays[0]["text"]


@pytest.fixture
def old_display(other_screen: Any) -> Iterator[str]:
    """A display that knows no XInputExtension: questions for it go by another name."""
    real = other_screen().name
    number = next(n for n in range(700, 800) if not _socket_of(n).exists())
    _socket_of(number).parent.mkdir(exist_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(_socket_of(number)))
    listening.listen()
    thread = threading.Thread(target=_pass_on, args=(listening, int(real[1:])))
    thread.start()
    yield f":{number}"
    listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    listening.close()
    _socket_of(number).unlink()


def _socket_of(number: int) -> Path:
    return Path(f"/tmp/.X11-unix/X{number}")  # noqa: S108 - fixed by X11


def _pass_on(listening: socket.socket, real: int) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(_socket_of(real)))
        back = threading.Thread(target=_pump, args=(server, client))
        back.start()
        _pump(client, server)
        back.join()
        client.close()
        server.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(1 << 16):
        target.sendall(data.replace(b"XInputExtension", b"XInputForgotten"))
    target.shutdown(socket.SHUT_WR)


# The server -------------------------------------------------------------------


def test_a_vault_killed_while_it_takes_something_in_loses_nothing(
    court: Any, proxy: Any, record: Any
) -> None:
    person = court.person(proxy.url)
    recording = record(person)
    recording.wait_until_alive()
    recording.work()
    segments = [person.write_segment(2_000_000) for _ in range(2)]
    proxy.fault, proxy.then = "cut", court.kill_vault
    sending = person.start("send")
    told = finish(sending, 9)
    killed_s = time.monotonic()
    assert proxy.url in told["error"]
    assert "kept" in told["remedy"]
    told = finish(recording.process, 3)
    assert time.monotonic() - killed_s < LEASE_S + 4  # and the farewell
    assert "No fresh word from the server" in told["error"]
    assert f"The server {proxy.url} is away" in told["error"]
    recorded = person.states().keys() - set(segments)  # one a minute
    assert {person.states()[name] for name in recorded} == {"waiting"}
    assert set(person.run("review", "--approve-all")["approved"]) == recorded
    assert person.run("send", code=9)["error"]
    assert set(person.states().values()) == {"approved"}
    proxy.fault = ""
    court.start()
    court.check_store()
    send_and_check(person, *recorded, *segments)


@pytest.mark.parametrize("fault", ["cut", "deaf"])
def test_an_upload_that_breaks_off_counts_once(
    court: Any, proxy: Any, fault: str
) -> None:
    person = court.person(proxy.url)
    segments = [person.write_segment() for _ in range(3)]
    proxy.fault = fault
    told = person.run("send", code=9)
    assert proxy.url in told["error"]
    assert "kept" in told["remedy"]
    assert set(person.states().values()) == {"approved"}
    assert len(court.rows().keys() & set(segments)) == (fault == "deaf")
    court.check_store()
    proxy.fault = ""
    send_and_check(person, *segments)


def test_a_sender_killed_in_the_middle_goes_on_with_the_same_bytes(
    court: Any, proxy: Any
) -> None:
    person = court.person(proxy.url)
    segments = [person.write_segment() for _ in range(2)]
    sending = person.start("send")
    proxy.fault, proxy.then = "deaf", lambda: os.kill(sending.pid, signal.SIGKILL)
    sending.communicate(timeout=30)
    (sealed,) = person.home.outbox.iterdir()
    before = sealed.read_bytes()
    proxy.fault = ""
    assert court.rows()[sealed.stem]
    send_and_check(person, *segments)
    name, _, _ = court.rows()[sealed.stem]
    assert (court.objects / name).read_bytes() == before


# Disks ------------------------------------------------------------------------


def test_a_full_disk_ends_recording_and_loses_nothing(
    court: Any, record: Any, screen: Any, small_disk: Any
) -> None:
    disk = small_disk(2500)
    person = court.person(root=disk.folder / "home")
    recording = record(person)
    recording.wait_until_alive()
    until = time.monotonic() + 20
    while recording.process.poll() is None and time.monotonic() < until:
        screen.paint_noise()
        time.sleep(0.15)
    told = finish(recording.process, 4)
    assert "No space left on device" in told["error"]
    assert "Free disk space" in told["remedy"]
    assert not person.half_files()
    assert person.run("status", DISPLAY=screen.name)["running"] is False
    disk.free()
    seen = person.run("review", "--approve-all")
    assert seen["segments"]
    assert sum(one["frames"] for one in seen["segments"]) > 0
    send_and_check(person, *seen["approved"])


def test_a_full_disk_enrols_nobody_by_half(court: Any, small_disk: Any) -> None:
    disk = small_disk(64)
    invitation = court.invitation()
    root = disk.folder / "home"
    disk.fill()
    told = court.answer(4, "enrol", invitation, OVERT_HOME=str(root))
    assert "No space left on device" in told["error"]
    assert [path.name for path in disk.files()] == ["filler"]
    disk.free()
    assert court.answer(0, "enrol", invitation, OVERT_HOME=str(root))["device"]


def test_a_full_vault_takes_nothing_by_half(
    court: Any, person: Any, small_disk: Any
) -> None:
    segments = [person.write_segment(400_000) for _ in range(2)]
    court.objects.mkdir(mode=0o700, exist_ok=True)
    disk = small_disk(600, court.objects)
    disk.fill()
    told = person.run("send", code=9)
    assert "cannot be stored" in told["error"]
    assert "space" in told["remedy"]
    assert [path.name for path in disk.files()] == ["filler"]
    assert not court.rows().keys() & set(segments)
    disk.close()
    send_and_check(person, *segments)


# Clocks -----------------------------------------------------------------------


def test_a_clock_that_jumps_ends_recording_and_says_so(
    person: Any, record: Any, clock: Any
) -> None:
    recording = record(person, **clock.env)
    recording.wait_until_alive()
    recording.work(1.2)
    clock.set(2 * 3600)
    told = finish(recording.process, 3)
    assert "time is off; set the clock" in told["error"]
    segments = person.states()  # one a minute
    assert set(segments.values()) == {"waiting"}
    # two months ahead: what waits has not outlived its time
    clock.set(61 * 86400)
    name = recording.screen.name
    told = person.run("record", code=3, DISPLAY=name, **clock.env)
    assert "set the clock" in told["error"]
    assert person.states() == segments
    person.run("review", "--approve-all")
    told = person.run("send", code=7, **clock.env)
    assert "set the clock" in told["error"]
    clock.set(0)
    send_and_check(person, *segments)


def test_minutes_to_forget_are_those_that_passed(
    person: Any, record: Any, clock: Any
) -> None:
    recording = record(person, **clock.env)
    recording.wait_until_alive()
    recording.work(0.5)
    clock.set(100)  # within what the server bears, beyond what is to be forgotten
    time.sleep(0.3)
    recording.control.call("pause")
    before = set(person.states())
    assert set(recording.control.call("forget", minutes=1)["segments"]) == before
    assert not person.states()


# The recorder -----------------------------------------------------------------


def test_a_recorder_killed_while_it_writes_is_recovered_by_review(
    person: Any, record: Any, screen: Any
) -> None:
    recording = record(person)
    recording.wait_until_alive()
    recording.control.call("task_begin", text="Go", source="me")
    recording.work(2.2)
    recording.kill()
    status = person.run("status", DISPLAY=screen.name)
    assert (status["running"], status["phase"]) == (False, "stopped")
    assert "overt record" in status["reason"]
    seen = person.run("review")
    minutes = seen["segments"]
    assert {one["state"] for one in minutes} == {"waiting"}
    assert sum(one["events"] for one in minutes) > 0
    assert [one["text"] for one in seen["episodes"]] == ["Go"]
    names = [one["segment"] for one in minutes]
    assert person.run("review", "--approve-all")["approved"] == names
    send_and_check(person, *names)


def test_truncated_files_are_named_and_hide_no_other(court: Any, person: Any) -> None:
    torn, tailless, whole = (person.write_segment() for _ in range(3))
    files = {
        name: person.home.spool.folder / f"{name}.ovsp" for name in person.states()
    }
    os.truncate(files[torn], 50)
    os.truncate(files[tailless], files[tailless].stat().st_size - 20)
    seen = person.run("review")
    assert {one["segment"] for one in seen["segments"]} <= {tailless, whole}
    assert [one["segment"] for one in seen["unreadable"]] == [torn]
    status = person.run("status")
    assert status["waiting"] == {"approved": 2, "damaged": 1}
    court.answer(8, "inspect", files[torn])
    person.run("review", "--discard", torn)
    identity = unlock(person.home, (court.passphrase_file.read_text().strip()))
    with VaultClient(person.enrolment.server, identity.device) as client:
        with pytest.raises(DataError):
            client.put_segment(whole, b"OVERTSL1 cut")
        assert client.health()
    (person.home.outbox / f"{whole}.ovsl").write_bytes(b"OVERTSL1 torn")
    send_and_check(person, tailless, whole)


# Papers -----------------------------------------------------------------------


def test_a_server_of_another_programme_enrols_nobody(
    court: Any, tmp_path: Path
) -> None:
    other = runpy.run_path(str(FAKES))["FakeVault"]()
    body = other.invitation() | {"server": court.servers.vault}
    other.close()
    file = tmp_path / "invitation.json"
    file.write_text(json.dumps(body), "utf-8")
    home = tmp_path / "home"
    told = court.answer(5, "enrol", file, OVERT_HOME=str(home))
    assert court.servers.vault in told["error"]
    assert "another programme than the invitation pins" in told["error"]
    assert "nothing was sent or kept" in told["remedy"]
    assert not home.exists()


def test_an_expired_invitation_admits_nobody(court: Any, tmp_path: Path) -> None:
    file = court.invitation(days=0)
    home = tmp_path / "home"
    told = court.answer(7, "enrol", file, OVERT_HOME=str(home))
    assert "expired" in told["error"]
    assert "Ask for a new one" in told["remedy"]
    assert not home.exists()
    body = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(body | {"expires_utc_s": 2**33}), "utf-8")
    told = court.answer(7, "enrol", file, OVERT_HOME=str(home))
    assert court.servers.vault in told["error"]
    assert not [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'title = "x\n', ("is not TOML", "line 1")),
        (b"\xff\xfe", ("is not UTF-8",)),
        (b'title = "x"\n', ("lacks",)),
    ],
)
def test_a_malformed_programme_file_makes_nothing(
    court: Any, tmp_path: Path, text: bytes, words: tuple[str, ...]
) -> None:
    file = tmp_path / "programme.toml"
    file.write_bytes(text)
    services = court.folder / "server" / "services.json"
    told = court.answer(
        2, "programme", "create", file, "--services", services,
        "-o", tmp_path / "out", "--holder", "a", "--holder", "b",
    )  # fmt: skip
    assert str(file) in told["error"]
    assert all(word in told["error"] for word in words), told
    assert "Mend" in told["remedy"]
    assert not (tmp_path / "out").exists()


def test_the_log_holds_after_all_this(court: Any) -> None:
    folder = court.folder / "server" / "vault" / "log"
    programme = court.folder / "programme"
    report = court.answer(0, "log", "verify", folder, "--folder", programme)
    assert report["ok"]
    court.check_store()


def test_servers_whose_command_is_killed_leave_no_port_taken(court: Any) -> None:
    court.kill()  # waits until both are gone
    for address in (court.servers.vault, court.servers.broker):
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", int(address.rsplit(":", 1)[1])))
