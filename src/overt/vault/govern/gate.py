"""The gate before every route: who may call it is declared at the route itself.

Stage: between HTTP and the rules. In: a request; out: a caller whom the policy allows,
or a refusal. A route without one of the declarations here fails the test suite.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import (
    Request,  # noqa: TC002 - FastAPI reads annotations at run time
)

from overt.protocol.errors import GovernError, NetworkError
from overt.vault.govern.bodies import Body, Room
from overt.vault.govern.callers import Call, Caller, identify
from overt.vault.govern.halt import Latest, current_state
from overt.vault.govern.passes import check_pass
from overt.vault.govern.policy import check
from overt.vault.govern.refusals import HaltedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.programme import Programme
    from overt.vault.govern.roster import Roster
    from overt.vault.store.database import Database


@dataclass(frozen=True)
class Gate:
    """What the gate needs; stands in `app.state.gate`.

    Attributes:
        database: Devices and the calls that were made.
        roster: The signed programme.
        service_token: The secret of the vault server's passes; empty admits nobody.
        clock: Unix seconds now.
        latest: Returns the last halt order and the newest version of the programme.
        room: For the bodies of calls that are not answered yet.
    """

    database: Database
    roster: Roster
    service_token: str = ""
    clock: Callable[[], float] = time.time
    latest: Callable[[], Latest] = Latest
    room: Room = field(default_factory=Room)


class Anyone:
    """A route that answers everybody."""

    policy = "anyone"

    def __call__(self) -> None:
        """Admit."""


class ByInvitation(Anyone):
    """A route that checks an invitation's code itself."""

    policy = "invitation"


class ByToken:
    """A route for the vault server, which shows a pass made with the service token."""

    policy = "service token"

    def __call__(self, request: Request, body: Body) -> None:
        """Admit the vault server.

        Raises:
            UnsignedError: There is no pass, an old one, or another call's.
        """
        gate: Gate = request.app.state.gate
        shown = request.headers.get("authorization", "")
        route, now_s = request.url.path, int(gate.clock())
        check_pass(shown, gate.service_token, route, body, now_s)


@dataclass(frozen=True)
class Allow:
    """A route for callers whom the policy allows an action.

    Attributes:
        policy: The action's name in the policy's schema.
    """

    policy: str

    def __call__(self, request: Request, body: Body) -> Caller:
        """Return the caller.

        Raises:
            UnsignedError: Nobody known signed the call.
            ReplayError: It was made before.
            HaltedError: The policy denies it while the programme is halted.
            NetworkError: The policy denies it in a halt, and the broker is away.
            GovernError: The policy denies it.
        """
        gate: Gate = request.app.state.gate
        programme = gate.roster.programme()
        query = request.scope["query_string"].decode("ascii", "replace")
        path = request.scope["raw_path"].decode("ascii", "replace")
        call = Call(
            request.headers.get("authorization", ""),
            request.method,
            f"{path}?{query}" if query else path,
            body,
            int(gate.clock()),
        )
        caller = identify(gate.database, programme, call)
        check(caller, self.policy, programme.programme, halted=False)
        stopped = _stopped(gate, programme)
        if stopped is not None:
            try:
                check(caller, self.policy, programme.programme, halted=True)
            except GovernError as error:
                raise stopped from error
        return caller


def _stopped(gate: Gate, programme: Programme) -> HaltedError | NetworkError | None:
    """Return why what a halt stops does not go on; None while it does."""
    try:
        state = current_state(gate.database, programme, gate.latest())
    except NetworkError as error:
        return error
    if not state.halted:
        return None
    return HaltedError(
        f"The programme is halted: {state.reason}",
        remedy="What waits is kept; go on when the halt is lifted.",
    )
