"""A participant's machine whose vault is a world in this process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.protocol.ids import new_id
from overt.protocol.invitation import Invitation, sign_person_key
from overt.protocol.records import MarkRecord
from overt.protocol.refusal import refusal
from overt.protocol.segment import SegmentHeader, encode_record, nameless
from overt.recorder.person.enrol import enrol, load_programme
from overt.recorder.person.home import Home
from overt.recorder.person.identity import unlock
from overt.recorder.person.vault_client import VaultClient
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from pathlib import Path

    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.identity import Identity
    from tests.fakes.world import Device, World

SERVER = "http://127.0.0.1:1"
PASSPHRASE = "a long enough passphrase"  # noqa: S105 - of a test alone


class WorldClient(VaultClient):
    """Calls a world, without a socket."""

    def __init__(self, world: World, key: Any = None) -> None:
        super().__init__(SERVER, key)
        self.world = world

    def _send(self, method: Any, target: Any, headers: Any, raw: Any, *_: Any) -> bytes:
        answer = self.world.vault.request(method, target, headers=headers, content=raw)
        if answer.status_code >= 400:
            raise refusal(answer.status_code, answer.content, server=SERVER)
        return bytes(answer.content)


@dataclass
class Machine:
    """One enrolled machine: its home, keys, and the device as the world knows it."""

    world: World
    home: Home
    identity: Identity
    enrolment: Enrolment
    device: Device
    client: WorldClient

    @property
    def programme(self) -> Any:
        return load_programme(self.home, self.enrolment)

    def record(self, text: str = "Go", sequence: int = 0) -> str:
        """Put a minute with a mark into the spool."""
        here = self.enrolment
        header = SegmentHeader(
            new_id("seg"), self.device.session, sequence, here.person, here.device,
            here.anchor.programme, self.device.consent_id, "clear", 100, 50,
            time.time_ns(), 0,
        )  # fmt: skip
        writer = self.home.spool.begin(header, self.identity.own.public)
        writer.append(encode_record(MarkRecord(9, "task_begin", {"text": text})))
        writer.close()
        self.home.spool.set_state(header.segment, SpoolState.WAITING)
        return header.segment

    def send(self, segment: str) -> None:
        """Send a minute and note that, as `Sender` does."""
        data = nameless(self.home.spool.read(segment, self.identity.own))
        self.world.send(self.device, data, segment=segment)
        self.home.spool.set_state(segment, SpoolState.SENT)


def machine(world: World, folder: Path, *, agreed: bool = True) -> Machine:
    """Enrol a machine in a world, whose clock is set to this one's."""
    world.now_s = int(time.time())
    device = world.invite()
    keys = world.programme_keys[:2]
    bound = sign_person_key(world.programme_id, device.person, device.vault_key, keys)
    invitation = Invitation(
        world.anchor, SERVER, device.person, device.code, bound, world.now_s + 3600
    )
    home = Home(folder)
    enrolment = enrol(home, invitation, PASSPHRASE, WorldClient(world))
    identity = unlock(home, PASSPHRASE)
    device.key, device.own = identity.device, identity.own
    device.id = enrolment.device
    if agreed:
        world.consent(device)
    client = WorldClient(world, identity.device)
    return Machine(world, home, identity, enrolment, device, client)
