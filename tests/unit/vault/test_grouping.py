"""Group commit: one run for many, each with its own result."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from overt.protocol.errors import VaultError
from overt.vault.store.grouping import MOST, Grouped

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_one_caller_is_served_at_once_and_alone() -> None:
    runs: list[Sequence[int]] = []

    def run(items: Sequence[int]) -> list[int | Exception]:
        runs.append(items)
        return [item * 2 for item in items]

    assert Grouped(run)(4) == 8
    assert runs == [[4]]


def test_those_who_come_meanwhile_share_runs_and_get_their_own() -> None:
    sizes: list[int] = []
    first, go = threading.Event(), threading.Event()

    def run(items: Sequence[int]) -> list[int | Exception]:
        sizes.append(len(items))
        first.set()
        assert go.wait(60)
        return [VaultError(f"{item}") if item % 2 else item for item in items]

    grouped, results = Grouped(run), {}

    def call(item: int) -> None:
        try:
            results[item] = grouped(item)
        except VaultError as error:
            results[item] = str(error)

    threads = [threading.Thread(target=call, args=(at,)) for at in range(100)]
    threads[0].start()
    assert first.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(grouped._waiting) < 99:
        pass
    go.set()
    for thread in threads:
        thread.join()
    assert results == {at: f"{at}" if at % 2 else at for at in range(100)}
    assert sizes == [1, MOST, 99 - MOST]


def test_what_fails_for_all_fails_for_each_and_the_next_run_is_fresh() -> None:
    calls = []

    def run(items: Sequence[int]) -> list[int | Exception]:
        calls.append(items)
        if len(calls) == 1:
            message = "the disk is full"
            raise VaultError(message)
        return list(items)

    grouped = Grouped(run)
    with pytest.raises(VaultError, match="full"):
        grouped(1)
    assert grouped(2) == 2
