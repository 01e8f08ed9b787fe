"""A release that was interrupted or altered is refused."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from overt.protocol import release, sealing
from overt.protocol.errors import DataError, SealError


def a_release(world: Any, segments: int = 2, announced: int = 2) -> bytes:
    job = world.sealing_key("job")
    header = release.ReleaseHeader(
        "rel_" + "b" * 26, world.programme.programme, "req_" + "b" * 26, "0" * 64,
        1_800_000_000, announced,
    )  # fmt: skip
    parts = [release.begin_release(header)]
    for number in range(segments):
        data = sealing.seal_segment(
            b"segment %d" % number,
            replace(world.header, sequence=number),
            world.person.public,
            world.device,
        )
        box = sealing.rewrap(sealing.parse_sealed(data), world.person, job.public)
        parts.append(release.release_part(box, data))
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


def test_swapped_boxes_do_not_open(world: Any) -> None:
    header, parts = release.read_release(a_release(world))
    (first, one), (second, two) = parts
    job = world.sealing_key("job")
    assert sealing.open_released(one, first, job) == b"segment 0"
    for box, parsed in ((first, two), (second, one)):
        with pytest.raises(SealError):
            sealing.open_released(parsed, box, job)
    assert header.segments == 2


@pytest.mark.parametrize("head", [b"", b"[]", b"{}", b'{"release":1}', b"\xff"])
def test_a_header_of_another_form_is_refused(head: bytes) -> None:
    with pytest.raises(DataError):
        release.read_release(release.MAGIC + struct.pack("<I", len(head)) + head)
