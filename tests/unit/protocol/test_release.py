"""A release that was interrupted or altered is refused."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.protocol import release, sealing
from overt.protocol.errors import DataError, SealError
from overt.protocol.ids import check_id

NAMES = release.ReleaseNames(b"k" * 32)


def a_header(name: str = "b", segments: int = 2) -> release.ReleaseHeader:
    return release.ReleaseHeader(
        "rel_" + name * 26, "prog_" + "b" * 26, "req_" + "b" * 26, "0" * 64,
        1_800_000_000, segments,
    )  # fmt: skip


def a_segment(world: Any, number: int) -> bytes:
    return sealing.seal_segment(
        b"segment %d" % number,
        replace(world.header, sequence=number),
        world.person.public,
        world.device,
    )


def a_release(world: Any, segments: int = 2, announced: int = 2) -> bytes:
    job = world.sealing_key("job").public
    writer = release.ReleaseWriter(a_header(segments=announced), job)
    parts = [writer.head]
    for number in range(segments):
        sealed = sealing.parse_sealed(a_segment(world, number))
        secret = sealing.open_box(sealed, world.person)
        before = writer.part(NAMES.of(sealed.header), secret, len(sealed.ciphertext))
        parts += [before, sealed.ciphertext]
    return b"".join(parts)


def test_a_release_opens_for_its_job(world: Any) -> None:
    data = a_release(world)
    header, parts = release.read_release(data)
    assert (header.segments, len(parts)) == (2, 2)
    opened = release.open_release(data, world.sealing_key("job"))
    assert list(opened) == [b"segment 0", b"segment 1"]


def test_an_empty_release_is_one(world: Any) -> None:
    assert release.read_release(a_release(world, 0, 0))[1] == []


def test_another_job_opens_nothing(world: Any) -> None:
    with pytest.raises(SealError):
        list(release.open_release(a_release(world), world.sealing_key("other")))


@pytest.mark.parametrize(("segments", "announced"), [(1, 2), (2, 1), (0, 1)])
def test_fewer_or_more_segments_than_announced_are_refused(
    world: Any, segments: int, announced: int
) -> None:
    with pytest.raises(DataError, match=f"has {segments} of {announced} segments"):
        release.read_release(a_release(world, segments, announced))


def test_every_truncation_is_refused(world: Any) -> None:
    data = a_release(world)
    for size in range(0, len(data), 13):
        with pytest.raises(DataError):
            release.read_release(data[:size])


def test_a_key_moved_within_a_release_does_not_open(world: Any) -> None:
    data, job = a_release(world), world.sealing_key("job")
    one, two = release.read_release(data)[1]
    assert list(release.open_parts(data, [one], job)) == [b"segment 0"]
    for moved in (
        [replace(one, wrapped=two.wrapped)], [two], [replace(two, wrapped=one.wrapped)],
        [replace(one, head=two.head)], [replace(one, ciphertext=two.ciphertext)],
    ):  # fmt: skip
        with pytest.raises(SealError):
            list(release.open_parts(data, moved, job))


def test_a_key_moved_to_another_release_does_not_open(world: Any) -> None:
    data, other, job = a_release(world), a_release(world), world.sealing_key("job")
    with pytest.raises(SealError):
        list(release.open_parts(other, release.read_release(data)[1], job))
    # nor under a header that somebody changed, whatever in it
    for change in (b"1800000000", b"req_"):
        at = data.index(change) + len(change) - 1
        forged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises((SealError, DataError)):
            list(release.open_release(forged, job))


@given(
    raw=st.binary(min_size=32, max_size=32),
    place=st.integers(0, 1 << 40),
    other=st.integers(0, 1 << 40),
    info=st.binary(max_size=50),
    another=st.binary(max_size=50),
    bit=st.integers(0, 8 * release.WRAPPED_BYTES - 1),
)
def test_a_wrapped_key_opens_where_it_was_wrapped_and_nowhere_else(
    raw: bytes, place: int, other: int, info: bytes, another: bytes, bit: int
) -> None:
    key, secret = release.ReleaseKey(raw, "rel_a"), bytes(range(32))
    wrapped = key.wrap(place, info, secret)
    assert len(wrapped) == release.WRAPPED_BYTES
    assert key.unwrap(place, info, wrapped) == secret
    altered = bytearray(wrapped)
    altered[bit // 8] ^= 1 << bit % 8
    elsewhere = [
        lambda: key.unwrap(place, info, bytes(altered)),
        lambda: key.unwrap(place, info, wrapped[:-1]),
        lambda: release.ReleaseKey(raw, "rel_b").unwrap(place, info, wrapped),
        lambda: release.ReleaseKey(raw, "").unwrap(place, info, wrapped),
    ]
    if other != place:
        elsewhere.append(lambda: key.unwrap(other, info, wrapped))
    if another != info:
        elsewhere.append(lambda: key.unwrap(place, another, wrapped))
    for unwrap in elsewhere:
        with pytest.raises(SealError):
            unwrap()


@pytest.mark.parametrize("version", [b"2", b"4", b"Z"])
def test_another_version_is_named(version: bytes) -> None:
    said = f"version {version.decode()}; this overt reads version 3"
    with pytest.raises(DataError, match=said):
        release.read_release(release.MAGIC[:-1] + version + bytes(100))


@given(
    key=st.binary(min_size=32, max_size=32),
    text=st.text("abc234xyz", min_size=26, max_size=26),
)
def test_a_name_leads_back_to_its_id_and_to_no_other(key: bytes, text: str) -> None:
    names, told = release.ReleaseNames(key), f"seg_{text}"
    name = names.name(told)
    assert check_id(name, "seg") != told
    assert names.name(told) == name
    assert names.resolve(name) == told
    other = release.ReleaseNames(bytes([key[0] ^ 1]) + key[1:])
    assert other.name(told) != name
    assert other.resolve(name) != told


@pytest.mark.parametrize(
    "odd", ["", "seg_", "seg", "seg_" + "A" * 26, "seg_" + "a" * 27]
)
def test_what_is_no_id_has_no_name(odd: str) -> None:
    with pytest.raises(DataError):
        NAMES.name(odd)


def test_a_release_says_nothing_that_the_vault_calls_anybody(world: Any) -> None:
    data, header = a_release(world), world.header
    said = release.read_release(data)[1][0].header
    for kind in ("segment", "session", "person", "consent"):
        assert NAMES.resolve(getattr(said, kind)) == getattr(header, kind)
    for told in ("segment", "session", "person", "consent", "device"):
        assert getattr(header, told).encode() not in data


@pytest.mark.parametrize("head", [b"", b"[]", b"{}", b'{"release":1}', b"\xff"])
def test_a_header_of_another_form_is_refused(head: bytes) -> None:
    with pytest.raises(DataError):
        release.read_release(release.MAGIC + struct.pack("<I", len(head)) + head)
