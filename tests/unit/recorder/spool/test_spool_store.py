"""The spool keeps what was committed, opens for its owner only, and forgets."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from overt.protocol import records as r
from overt.protocol import segment as s
from overt.protocol.errors import CaptureError, DataError, SealError
from overt.protocol.sealing import BOX_BYTES, SealingKey
from overt.recorder.spool import Spool, SpoolState, write_private

OWN = SealingKey(bytes(range(96)))
SEGMENT = "seg_" + "a" * 26
WORDS = "what the screen said"


def header(segment: str = SEGMENT, sequence: int = 0) -> s.SegmentHeader:
    return s.SegmentHeader(
        segment, "sess_" + "a" * 26, sequence, "part_a", "dev_a", "prog_a", "cons_a",
        "clear", 64, 64, 1_800_000_000_123_456_789, 1,
    )  # fmt: skip


def record(number: int) -> bytes:
    body = {"title": WORDS, "number": number}
    return s.encode_record(r.ContextRecord(number, "window", body))


def filled(folder: Path, records: int = 3) -> Spool:
    spool = Spool(folder)
    writer = spool.begin(header(), OWN.public)
    for number in range(records):
        writer.append(record(number))
        writer.commit()
    writer.close()
    return spool


def refuse_sync(handle: int) -> None:
    del handle
    raise OSError(errno.ENOSPC, "No space left on device")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_written_is_read_by_its_owner(tmp_path: Path) -> None:
    spool = filled(tmp_path / "spool")
    parsed = s.read_segment(spool.read(SEGMENT, OWN))
    assert parsed.header == header()
    assert [one.t_ns for one in parsed.records] == [0, 1, 2]  # type: ignore[union-attr]


def test_nothing_is_readable_on_disk(tmp_path: Path) -> None:
    spool = filled(tmp_path / "spool")
    spool.set_state(SEGMENT, SpoolState.WAITING)
    assert mode(spool.folder) == 0o700
    for path in spool.folder.iterdir():
        assert mode(path) == 0o600
        assert WORDS.encode() not in path.read_bytes()
    with pytest.raises(SealError):
        spool.read(SEGMENT, SealingKey(bytes(96)))


def test_a_commit_is_durable_and_the_rest_is_not_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    writer = spool.begin(header(), OWN.public)
    writer.append(record(0))
    assert (writer.last_commit_records, writer.pending_bytes > 0) == (0, True)
    writer.commit()
    assert (writer.last_commit_records, writer.pending_bytes) == (1, 0)
    writer.append(record(1))
    # what a crash would leave now
    parsed = s.read_segment(spool.read(SEGMENT, OWN), recover=True)
    assert len(parsed.records) == 1
    assert not parsed.complete
    writer.abandon()


def test_every_truncation_gives_a_prefix_or_a_clear_error(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    path = tmp_path / f"{SEGMENT}.ovsp"
    data, whole = path.read_bytes(), spool.read(SEGMENT, OWN)
    for size in range(0, len(data), 11):
        path.write_bytes(data[:size])
        try:
            found = spool.read(SEGMENT, OWN)
        except (DataError, SealError):
            assert size < 12 + 300 + BOX_BYTES  # the head or the box is torn
            continue
        assert whole.startswith(found)


def test_altered_files_give_no_false_content(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    path = tmp_path / f"{SEGMENT}.ovsp"
    data, whole = path.read_bytes(), spool.read(SEGMENT, OWN)
    for at in range(0, len(data), 29):
        changed = bytearray(data)
        changed[at] ^= 0x20
        path.write_bytes(bytes(changed))
        try:
            found = spool.read(SEGMENT, OWN)
        except (DataError, SealError):
            continue
        assert whole.startswith(found)


def test_frames_of_one_file_cannot_be_exchanged(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    path = tmp_path / f"{SEGMENT}.ovsp"
    data = path.read_bytes()
    start = 12 + int.from_bytes(data[8:12], "little") + BOX_BYTES
    first = start + 8 + int.from_bytes(data[start : start + 4], "little")
    second = first + 8 + int.from_bytes(data[first : first + 4], "little")
    path.write_bytes(
        data[:start] + data[first:second] + data[start:first] + data[second:]
    )
    with pytest.raises(SealError, match="altered"):
        spool.read(SEGMENT, OWN)


def test_states_follow_a_segment(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    assert spool.entry(SEGMENT).state is SpoolState.RECORDING
    spool.set_state(SEGMENT, SpoolState.SENT, {"payload": "x"})
    entry = spool.entry(SEGMENT)
    assert (entry.state, entry.receipt) == (SpoolState.SENT, {"payload": "x"})
    assert entry.started_utc_ns == header().started_utc_ns
    assert entry.until_utc_ns == 1_800_000_060_000_000_000
    assert entry.size_bytes == (tmp_path / f"{SEGMENT}.ovsp").stat().st_size


def test_a_segment_without_a_state_waits_for_review(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    (tmp_path / f"{SEGMENT}.state.json").unlink()
    assert spool.entry(SEGMENT).state is SpoolState.WAITING


def test_entries_are_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    names = ["seg_" + letter * 26 for letter in "cab"]
    for sequence, name in enumerate(names):
        spool.begin(header(name, sequence), OWN.public).close()
    assert [entry.segment for entry in spool.entries()] == names


def test_forgetting_leaves_nothing(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    # whoever holds the file open sees the sealed key overwritten
    with (tmp_path / f"{SEGMENT}.ovsp").open("rb") as held:
        box = held.read()[12:][:BOX_BYTES]
        spool.forget(SEGMENT)
        held.seek(0)
        left = held.read()
    assert list(tmp_path.iterdir()) == []
    assert box not in left or left == b""
    with pytest.raises(DataError, match="no segment"):
        spool.entry(SEGMENT)
    with pytest.raises(DataError, match="no segment"):
        spool.read(SEGMENT, OWN)
    spool.forget(SEGMENT)  # twice is no error


@pytest.mark.parametrize("name", ["../x", "seg_1", "", "sess_" + "a" * 26])
def test_only_segment_ids_name_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="not an id"):
        Spool(tmp_path).read(name, OWN)


def test_a_segment_is_begun_once(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    with pytest.raises(CaptureError, match="cannot be written"):
        spool.begin(header(), OWN.public)


def test_a_full_disk_loses_nothing_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    writer = spool.begin(header(), OWN.public)
    writer.append(record(0))
    writer.commit()
    writer.append(record(1))
    real = os.fsync
    monkeypatch.setattr(os, "fsync", refuse_sync)
    with pytest.raises(CaptureError, match=r"No space left on device\. Free disk"):
        writer.commit()
    assert writer.last_commit_records == 1
    monkeypatch.setattr(os, "fsync", real)
    writer.close()  # space came back
    assert len(s.read_segment(spool.read(SEGMENT, OWN)).records) == 2


def test_a_write_that_fails_is_repeated_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, written = Spool(tmp_path), []
    writer = spool.begin(header(), OWN.public)
    writer.append(record(0))
    writer.commit()
    size = (tmp_path / f"{SEGMENT}.ovsp").stat().st_size

    def half(data: bytes) -> None:
        written.append(bytes(data))
        writer._file.write(data[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    writer.append(record(1))
    with monkeypatch.context() as full:
        full.setattr(writer, "_write", half)
        for _ in range(2):
            with pytest.raises(CaptureError, match=r"No space left.*Free disk"):
                writer.flush()
    assert len(s.read_segment(spool.read(SEGMENT, OWN), recover=True).records) == 1
    assert (tmp_path / f"{SEGMENT}.ovsp").stat().st_size == size
    assert written[0] == written[1]  # one text under one nonce
    writer.append(record(2))
    writer.close()
    assert written[0] in (tmp_path / f"{SEGMENT}.ovsp").read_bytes()
    assert len(s.read_segment(spool.read(SEGMENT, OWN)).records) == 3


def test_a_commit_without_a_write_proves_nothing_until_a_beat_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Spool(tmp_path).begin(header(), OWN.public)
    assert writer.commit()
    assert not writer.commit()
    monkeypatch.setattr("overt.recorder.spool.writer.BEAT_S", 0.0)
    assert writer.commit()
    monkeypatch.setattr("overt.recorder.spool.writer.BEAT_S", 9.0)
    assert not writer.commit()
    writer.append(record(0))
    writer.close()
    assert len(s.read_segment(Spool(tmp_path).read(SEGMENT, OWN)).records) == 1


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    old = Path(__file__).parents[3] / "vectors" / "files" / "spool-1.bin"
    key = SealingKey(
        bytes.fromhex(
            json.loads((old.parents[1] / "keys.json").read_text())["sealing_keys"][
                "person"
            ]
        )
    )
    path = tmp_path / f"{SEGMENT}.ovsp"
    path.write_bytes(old.read_bytes())
    spool = Spool(tmp_path)
    assert s.read_segment(spool.read(SEGMENT, key)).complete
    assert spool.entry(SEGMENT).until_utc_ns == path.stat().st_mtime_ns


def test_a_file_of_a_newer_recorder_says_so(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    path = tmp_path / f"{SEGMENT}.ovsp"
    path.write_bytes(b"OVERTSP3" + path.read_bytes()[8:])
    with pytest.raises(DataError, match="newer recorder"):
        spool.read(SEGMENT, OWN)
    assert list(spool.damaged()) == [SEGMENT]


def test_a_full_disk_at_the_start_leaves_no_half_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    monkeypatch.setattr(spool, "set_state", lambda *_: None)
    monkeypatch.setattr(os, "fsync", refuse_sync)
    with pytest.raises(CaptureError, match="cannot be written"):
        spool.begin(header(), OWN.public)
    assert list(tmp_path.iterdir()) == []


def test_a_private_file_is_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    write_private(path, b"old")
    assert mode(path) == 0o600
    monkeypatch.setattr(os, "fsync", refuse_sync)
    with pytest.raises(CaptureError, match="x cannot be written"):
        write_private(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])


@pytest.mark.parametrize(
    "data", [b"", b"OVERTSP1", b"OVERTSP1\xff\xff\x00\x00", b"x" * 100]
)
def test_malformed_files_are_clear_errors(tmp_path: Path, data: bytes) -> None:
    spool = Spool(tmp_path)
    (tmp_path / f"{SEGMENT}.ovsp").write_bytes(data)
    with pytest.raises(DataError):
        spool.entry(SEGMENT)
    with pytest.raises(DataError):
        spool.read(SEGMENT, OWN)


@pytest.mark.parametrize("head", [b"{}", b'{"session":1}', b"[]", b"x"])
def test_malformed_heads_are_clear_errors(tmp_path: Path, head: bytes) -> None:
    spool = Spool(tmp_path)
    data = b"OVERTSP1" + len(head).to_bytes(4, "little") + head + bytes(2000)
    (tmp_path / f"{SEGMENT}.ovsp").write_bytes(data)
    with pytest.raises(DataError):
        spool.entry(SEGMENT)


@pytest.mark.parametrize("state", [b"{}", b'{"state":"lost","receipt":null}', b"x"])
def test_a_malformed_state_is_a_clear_error(tmp_path: Path, state: bytes) -> None:
    spool = filled(tmp_path)
    (tmp_path / f"{SEGMENT}.state.json").write_bytes(state)
    with pytest.raises(DataError):
        spool.entry(SEGMENT)
