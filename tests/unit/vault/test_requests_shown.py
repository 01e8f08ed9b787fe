"""Who is shown which access request."""

from __future__ import annotations

from typing import Any

from overt.protocol import routes


def test_a_researcher_is_shown_their_own_requests_alone(world: Any) -> None:
    mine, hers = world.ask(), world.ask(requester="amy")
    seen = {
        who: {
            one["request"]
            for one in world.call(who, "GET", routes.REQUESTS).json()["requests"]
        }
        for who in ("rob", "amy", "anna", "rita", "stella", "audrey")
    }
    assert seen.pop("rob") == {mine["id"]}
    assert all(found == {mine["id"], hers["id"]} for found in seen.values())
