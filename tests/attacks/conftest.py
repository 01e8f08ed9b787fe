"""Where the attacks are played: each on both stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.stacks import STACKS, ServedStack, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """Where rows and objects lie; servers start once, and only where asked for."""
    if request.param == "sqlite+files":
        made = Stack(tmp_path)
    else:
        postgres, aws = (request.getfixturevalue(name) for name in ("postgres", "aws"))
        made = ServedStack(tmp_path, postgres, aws, "migrated")
    yield made
    made.close()
