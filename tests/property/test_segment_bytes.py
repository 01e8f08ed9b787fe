"""Segments and sealed files under arbitrary records and arbitrary damage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.protocol import events as e
from overt.protocol import records as r
from overt.protocol import sealing
from overt.protocol import segment as s
from overt.protocol.errors import DataError, SealError

HEADER = s.SegmentHeader(
    "seg_a", "sess_a", 0, "part_a", "dev_a", "prog_a", "cons_a", "clear", 64, 64, 1, 2
)
I8 = st.integers(-(2**63), 2**63 - 1)
I2 = st.integers(-(2**15), 2**15 - 1)
U1, U2, U4 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**53) + 1, 2.0**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3
        )
    ),
    max_leaves=6,
)
bodies = st.dictionaries(st.text("abcé😂", max_size=4), json_values, max_size=4)
kinds = st.text("abc_", max_size=8)


@st.composite
def event_batches(draw: st.DrawFn) -> r.InputRecord:
    kind = U1 | st.integers(1, 5)
    time = I8 | st.integers(-(2**43), 2**43).map(lambda ms: ms * 10**6)
    detail = U4 | st.just(0)
    rows = draw(st.lists(st.tuples(time, kind, U1, U2, I2, I2, detail), max_size=12))
    return r.InputRecord(np.array(rows, r.EVENT_DTYPE))


@st.composite
def frames(draw: st.DrawFn) -> r.FrameRecord:
    rows = draw(st.lists(st.tuples(U4, U4), max_size=5))
    return r.FrameRecord(
        draw(I8),
        draw(st.sampled_from(list(r.FrameCause))),
        draw(st.booleans()),
        draw(U2),
        draw(U2),
        np.array(rows, np.uint32).reshape(-1, 2),
        draw(U4),
    )


@st.composite
def tiles(draw: st.DrawFn) -> r.TileRecord:
    rng = np.random.default_rng(draw(U4))
    shape = (draw(st.integers(0, 2)), 64, 64, 3)
    return r.TileRecord(draw(U4), rng.integers(0, 3, shape, np.uint8))


small_record = st.one_of(
    event_batches(),
    frames(),
    st.builds(r.DirtyRecord, I8),
    st.builds(r.ContextRecord, I8, kinds, bodies),
    st.builds(r.MarkRecord, I8, kinds, bodies, st.binary(max_size=64)),
)
any_record = small_record | tiles()


def container(records: list[Any]) -> bytes:
    parts = [s.encode_record(record) for record in records]
    return b"".join([s.begin_segment(HEADER), *parts, s.end_segment(len(parts))])


def plain(record: Any) -> Any:
    values = {name: getattr(record, name) for name in record.__slots__}
    return type(record), {
        name: (item.shape, item.tobytes()) if isinstance(item, np.ndarray) else item
        for name, item in values.items()
    }


@settings(max_examples=150)
@given(st.lists(any_record, max_size=5))
def test_any_records_are_read_as_written(records: list[Any]) -> None:
    parsed = s.read_segment(container(records))
    assert list(map(plain, parsed.records)) == list(map(plain, records))


@settings(max_examples=300)
@given(event_batches())
def test_any_times_and_places_survive(batch: r.InputRecord) -> None:
    (read,) = s.read_segment(container([batch])).records
    assert isinstance(read, r.InputRecord)
    assert read.events.tobytes() == batch.events.tobytes()


@settings(max_examples=300)
@given(st.data())
def test_any_short_batch_of_hands_is_rows(data: st.DataObject) -> None:
    kind = st.integers(1, 5)
    rows = data.draw(
        st.lists(st.tuples(I8, kind, U1, U2, I2, I2, U4), min_size=1, max_size=12)
    )
    events = np.array(rows, r.EVENT_DTYPE)
    events["detail"][events["kind"] == 1] = 0
    assert e.can_be_rows(events)
    assert e.unpack_rows(e.pack_rows(events)).tobytes() == events.tobytes()


@settings(max_examples=15)
@given(st.lists(small_record, max_size=4))
def test_every_truncation_is_an_error_or_a_prefix(records: list[Any]) -> None:
    data, whole = container(records), list(map(plain, records))
    first = len(s.begin_segment(HEADER))
    for size in range(len(data)):
        with pytest.raises(DataError):
            s.read_segment(data[:size])
        if size < first:
            with pytest.raises(DataError):
                s.read_segment(data[:size], recover=True)
        else:
            parsed = s.read_segment(data[:size], recover=True)
            assert list(map(plain, parsed.records)) == whole[: len(parsed.records)]


@settings(max_examples=200)
@given(st.lists(any_record, min_size=1, max_size=3), st.data())
def test_flipped_bits_never_crash(records: list[Any], data: st.DataObject) -> None:
    changed = bytearray(container(records))
    bit = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    try:
        parsed = s.read_segment(bytes(changed))
    except DataError:
        return
    assert list(map(plain, parsed.records)) == list(map(plain, records))


@settings(max_examples=200)
@given(st.integers(1, 9) | st.integers(128, 138), st.binary(max_size=120))
def test_any_payload_under_a_right_checksum_never_crashes(
    kind: int, payload: bytes
) -> None:
    data = s.begin_segment(HEADER) + s._frame(kind, payload)
    for recover in (False, True):
        try:
            s.read_segment(data, recover=recover)
        except DataError:
            continue


PERSON = sealing.SealingKey(bytes(range(96)))
DEVICE = sealing.SealedHeader("seg_a", "s", 1, "p", "d", "g", "c", "2026-11-23")


@settings(max_examples=60)
@given(st.binary(max_size=3000), st.data())
def test_sealed_blobs_open_or_refuse(content: bytes, data: st.DataObject) -> None:
    blob = sealing.seal_blob(content, PERSON.public, {"kind": "x"})
    assert sealing.open_blob(blob, PERSON) == content
    changed = bytearray(blob)
    bit = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((DataError, SealError)):
        sealing.open_blob(bytes(changed), PERSON)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_behind_a_magic_never_crash(content: bytes) -> None:
    for magic in (sealing.MAGIC, sealing.BLOB_MAGIC, s.MAGIC):
        for read in (sealing.parse_sealed, sealing.blob_context, s.read_segment):
            with pytest.raises(DataError):
                read(magic + content)


@given(st.integers(0, 1 << 40))
def test_padding_costs_at_most_12_percent(size: int) -> None:
    padded = sealing.padded_size(size)
    assert size <= padded <= size * 1.12 or size < 2
    assert sealing.padded_size(padded) == padded


@given(st.integers(2, 1 << 40))
def test_few_sizes_are_left(size: int) -> None:
    exponent = size.bit_length() - 1
    kept = sealing.padded_size(size) >> max(exponent - exponent.bit_length(), 0)
    assert kept << max(exponent - exponent.bit_length(), 0) == sealing.padded_size(size)
