"""Locked and switched sessions, as the desktop's services tell of them."""

from typing import Any

import pytest

from overt.recorder.person.presence import LOCKED, SWITCHED, absence


class Bus:
    """Answers by member: what a bus of a desktop would say."""

    def __init__(self, *, owned: tuple[str, ...] = (), **answers: Any) -> None:
        self._owned, self._answers = owned, answers
        self.asked: list[str] = []

    def call(self, message: Any) -> Any:
        fields = {key.name: value for key, value in message.header.fields.items()}
        member = fields["member"]
        self.asked.append(f"{fields['destination']} {member}")
        if member == "NameHasOwner":
            return message.body[0] in self._owned
        return self._answers.get(member)


def logind(**facts: Any) -> Bus:
    told = {name: ("b", value) for name, value in facts.items()}
    return Bus(owned=("org.freedesktop.login1",), GetSessionByPID="/s/1", GetAll=told)


GNOME = ("org.gnome.ScreenSaver",)


@pytest.mark.parametrize(
    ("session", "system", "said"),
    [
        (Bus(), Bus(), ""),
        (Bus(owned=GNOME, GetActive=True), Bus(), LOCKED),
        (Bus(owned=GNOME, GetActive=False), logind(LockedHint=False, Active=True), ""),
        (Bus(owned=GNOME, GetActive=None), Bus(), ""),
        (Bus(), logind(LockedHint=True, Active=True), LOCKED),
        (Bus(), logind(LockedHint=False, Active=False), SWITCHED),
        (Bus(), Bus(owned=("org.freedesktop.login1",)), ""),
    ],
)
def test_what_services_say(session: Any, system: Any, said: str) -> None:
    assert absence(session, system) == said


def test_a_service_that_does_not_run_is_not_started() -> None:
    session, system = Bus(), Bus()
    absence(session, system)  # type: ignore[arg-type]
    asked = {line.split()[1] for line in session.asked + system.asked}
    assert asked == {"NameHasOwner"}
