"""Who may open what: each route of the console declares its roles, here.

Stage: in front of every page. In: the session's cookie; out: the viewer, with roles
from the signed programme as it stands now. A route without a policy does not pass
the tests; a role that no policy names sees nothing.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Form
from starlette.requests import Request

from overt.console import commands
from overt.console.data import ConsoleData
from overt.protocol.errors import DataError, GovernError
from overt.protocol.programme import ROLES, Member, Role
from overt.web.security import check_csrf, check_same_origin, csrf_token
from overt.web.sessions import Sessions, cookie_name

SITE = "console"
EVERYONE: tuple[Role, ...] = ROLES
# Who may read which page; what the pages post narrows it further.
READ_REQUESTS: tuple[Role, ...] = (
    "approver", "researcher", "steward", "auditor", "representative",
)  # fmt: skip
DECIDE_REQUESTS: tuple[Role, ...] = ("approver",)
READ_PROGRAMME: tuple[Role, ...] = (
    "steward", "representative", "auditor", "approver", "researcher",
)  # fmt: skip
READ_COUNTS: tuple[Role, ...] = ("steward", "representative", "auditor", "operator")
ORDER_HALT: tuple[Role, ...] = ("steward", "representative", "exposure")
READ_LOG: tuple[Role, ...] = ("auditor", "representative", "steward")


class LoginNeededError(GovernError):
    """Nobody is logged in, or the session has ended."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page.

    Attributes:
        member: As on the roster of the signed programme.
        token: The session's secret; never shown.
    """

    member: Member
    token: str

    @property
    def csrf(self) -> str:
        """The token that this viewer's forms carry."""
        return csrf_token(self.token)

    def has(self, roles: tuple[Role, ...]) -> bool:
        """Whether the viewer has one of these roles."""
        return bool(set(roles) & set(self.member.roles))


@dataclass(frozen=True, slots=True)
class Desk:
    """What the policies and pages of one console share.

    Attributes:
        data: The vault.
        sessions: Who is logged in.
    """

    data: ConsoleData
    sessions: Sessions


@dataclass(frozen=True)
class Anyone:
    """The policy of a route that needs no session.

    Attributes:
        why: Why that is right.
    """

    why: str

    def __call__(self) -> None:
        """Let the request pass."""


@dataclass(frozen=True)
class Allow:
    """The policy of a page to read: only members with one of these roles.

    Attributes:
        roles: Which roles.
    """

    roles: tuple[Role, ...]

    def __call__(self, request: Request) -> Viewer:
        """Return the viewer.

        Raises:
            LoginNeededError: No session, or it has ended.
            GovernError: The viewer has none of the roles.
        """
        viewer = find_viewer(request)
        if viewer is None:
            raise LoginNeededError(
                "Nobody is logged in here, or the session has ended.",
                remedy=f"Run: {commands.OPEN}",
            )
        if not viewer.has(self.roles):
            raise GovernError(
                f"This page is for the roles {', '.join(self.roles)}.",
                remedy="Ask a steward, or open what your role may see.",
            )
        return viewer


@dataclass(frozen=True)
class AllowPost:
    """The policy of a form: the roles, this very origin, and this session's token.

    Attributes:
        roles: Which roles.
    """

    roles: tuple[Role, ...]

    def __call__(self, request: Request, csrf: Annotated[str, Form()] = "") -> Viewer:
        """Return the viewer.

        Raises:
            GovernError: As of `Allow`; or the form is not of this session and site.
        """
        check_same_origin(request)
        viewer = Allow(self.roles)(request)
        check_csrf(viewer.token, csrf)
        return viewer


def find_viewer(request: Request) -> Viewer | None:
    """Return whoever is logged in, with the roles that they have now."""
    desk: Desk = request.app.state.desk
    token = request.cookies.get(cookie_name(request, SITE), "")
    session = desk.sessions.find(token, request.app.state.clock())
    if session is None:
        return None
    try:
        member = desk.data.programme().member(session.subject)
    except DataError:
        return None
    if session.roles is not None:
        # what the provider took away since is gone when the session ends
        roles = tuple(role for role in member.roles if role in session.roles)
        member = replace(member, roles=roles)
    return Viewer(member, token)
