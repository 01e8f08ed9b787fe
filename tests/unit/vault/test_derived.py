"""From a person to every dataset and model that held their data, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from overt.protocol import routes
from overt.protocol.derived import (
    Decision,
    Derived,
    Export,
    sign_decision,
    sign_derived,
    sign_export,
)
from overt.protocol.release import ReleaseNames
from overt.vault.govern.requests import grant_for
from overt.vault.log.book import EntryBook
from overt.vault.store.rows import ReleaseRow


class Lab:
    """A researcher with one grant, one release, and what was made of it."""

    def __init__(self, world: Any, **changes: Any) -> None:
        self.world = world
        self.ana, self.ben = world.participant(b"one"), world.participant(b"two")
        self.request = world.granted(**changes)
        world.opened(self.request)
        grant = grant_for(
            world.database, self.request, world.in_force(), int(world.now_s)
        )
        with world.database.read() as session:
            (row,) = session.scalars(select(ReleaseRow))
        assert row.names_key is not None
        names = ReleaseNames(row.names_key)
        self.segments = {
            one["person"]: names.name(one["segment"]) for one in world.reads()
        }
        self.dataset = Derived(
            "ds_a", "dataset", self.request, grant.digest, "rob", "00" * 32,
            (self.segments[self.ana.person],), (), row.release_id,
        )  # fmt: skip
        self.model = replace(
            self.dataset, derived="model-a", kind="model", segments=(),
            made_of=("ds_a",), release="",
        )  # fmt: skip

    def register(self, derived: Derived, who: str = "rob") -> Any:
        document = sign_derived(derived, self.world.keys[who])
        return self.world.call(who, "POST", routes.DERIVED, document)

    def states(self, who: str = "stella") -> dict[str, str]:
        answer = self.world.call(who, "GET", routes.DERIVED)
        assert answer.status_code == 200, answer.text
        return {one["derived"]: one["state"] for one in answer.json()["derived"]}

    def decide(self, *who: str, decision: str = "kept", why: str = "Small.") -> Any:
        body = Decision("model-a", decision, why, self.world.iso())  # type: ignore[arg-type]
        signed = sign_decision(body, [self.world.keys[name] for name in who])
        return self.world.call(who[0], "POST", routes.DERIVED_DECISIONS, signed)

    def export(self, to: str = "Example Ltd", who: str = "rob", **odd: Any) -> Any:
        wish = Export("ds_a", self.request, to, who, self.world.iso())
        signed = sign_export(replace(wish, **odd), self.world.keys[who])
        return self.world.call(who, "POST", routes.EXPORTS, signed)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        book = EntryBook(self.world.database, "")
        return [json.loads(entry) for _, _, entry in book.find(kind)]


@pytest.fixture
def lab(world: Any) -> Lab:
    made = Lab(world, export="Example Ltd")
    assert made.register(made.dataset).status_code == 200
    assert made.register(made.model).status_code == 200
    return made


def test_each_contributor_sees_what_their_data_went_into(lab: Lab) -> None:
    seen = lab.world.call(lab.ana, "GET", routes.READERS).json()["derived"]
    assert [(one["derived"], one["state"]) for one in seen] == [
        ("ds_a", "held"),
        ("model-a", "held"),
    ]
    assert seen[0]["purpose"] == "agents"
    assert lab.world.call(lab.ben, "GET", routes.READERS).json()["derived"] == []


def test_the_same_again_changes_nothing_and_another_is_refused(lab: Lab) -> None:
    assert lab.register(lab.dataset).json()["state"] == "held"
    assert len(lab.entries("derived")) == 2
    other = replace(lab.dataset, sha256="11" * 32)
    assert lab.register(other).status_code == 409


@pytest.mark.parametrize("erase", [False, True])
def test_a_withdrawal_revokes_datasets_and_taints_models(
    lab: Lab, *, erase: bool
) -> None:
    assert lab.world.withdraw(lab.ben).status_code == 200
    assert set(lab.states().values()) == {"held"}
    assert lab.world.withdraw(lab.ana, erase=erase).status_code == 200
    assert lab.states() == {"ds_a": "revoked", "model-a": "tainted"}
    assert [one["subject"] for one in lab.entries("tainted")] == ["model-a"]
    more = replace(lab.model, derived="model-b")
    assert "is revoked" in lab.register(more).json()["error"]
    assert "is revoked" in lab.export().json()["error"]
    assert lab.register(lab.dataset).json()["state"] == "revoked"


def test_a_tainted_model_waits_for_two_people(lab: Lab) -> None:
    assert lab.decide("stella", "rita").status_code == 403  # nothing to decide yet
    lab.world.withdraw(lab.ana)
    for who in (("stella",), ("rita",), ("stella", "stan"), ("rob", "rita")):
        assert lab.decide(*who).status_code == 403, who
    assert lab.decide("stella", "rita", why=" ").status_code == 403
    assert lab.states()["model-a"] == "tainted"
    assert lab.decide("stella", "rita", decision="retired").status_code == 200
    assert lab.states()["model-a"] == "retired"
    assert lab.entries("derived-decision")[0]["decision"] == "retired"
    assert lab.decide("stella", "rita", decision="kept").status_code == 403


def test_one_human_in_both_roles_decides_nothing(lab: Lab) -> None:
    lab.world.withdraw(lab.ana)
    body = lab.world.body(version=2)
    for member in body["roster"]:
        if member["name"] == "stella":
            member["human"] = "rita"
    world = lab.world
    document = world.programme(version=2, roster=body["roster"])
    assert world.call("stan", "POST", routes.PROGRAMME, document).status_code == 200
    assert "two people" in lab.decide("stella", "rita").json()["error"]
    assert lab.decide("stan", "rita").status_code == 200


def test_a_registration_names_what_this_grant_has_read(lab: Lab) -> None:
    unread = lab.world.send(lab.ben, b"three")
    for name in (unread, lab.world.reads()[0]["segment"]):  # nor by what it is called
        odd = replace(lab.dataset, derived="ds_b", segments=(name,))
        assert "not read under this grant" in lab.register(odd).json()["error"]
    lab.world.opened(lab.request)  # the same segments bear other names there
    with lab.world.database.read() as session:
        releases = [row.release_id for row in session.scalars(select(ReleaseRow))]
    (other,) = {*releases} - {lab.dataset.release}
    odd = replace(lab.dataset, derived="ds_b", release=other)
    assert "not read under this grant" in lab.register(odd).json()["error"]
    odd = replace(lab.dataset, derived="ds_b", release="rel_z")
    assert "no release" in lab.register(odd).json()["error"]
    odd = replace(lab.dataset, derived="ds_b", grant="00" * 32)
    assert "another grant" in lab.register(odd).json()["error"]
    odd = replace(lab.dataset, derived="ds_b", segments=())
    assert lab.register(odd).status_code == 400
    odd = replace(lab.model, derived="model-b", made_of=("ds_z",))
    assert lab.register(odd).status_code == 404
    odd = replace(lab.dataset, derived="ds_b", researcher="amy")
    assert lab.register(odd).status_code == 403  # signed by rob
    assert lab.register(odd, "amy").status_code == 403  # the grant is rob's
    assert set(lab.states()) == {"ds_a", "model-a"}


def test_an_export_needs_a_grant_that_names_the_recipient(lab: Lab) -> None:
    assert lab.export().status_code == 200
    (entry,) = lab.entries("export")
    assert (entry["recipient"], entry["person"]) == ("Example Ltd", lab.ana.person)
    assert "another recipient" in lab.export("Elsewhere Ltd").json()["error"]
    assert lab.export(who="amy").status_code == 403
    assert lab.export(derived="ds_z").status_code == 404
    lab.world.now_s += 1
    assert lab.export().status_code == 200
    assert len(lab.entries("export")) == 2  # each export is an entry of its own
    lab.world.halt("stella")
    assert lab.export().status_code == 423


def test_a_grant_without_a_recipient_grants_no_export(world: Any) -> None:
    lab = Lab(world)
    lab.register(lab.dataset)
    assert "grants no export" in lab.export().json()["error"]
    assert lab.entries("export") == []


def test_researchers_see_their_own_alone(lab: Lab) -> None:
    assert set(lab.states("rob")) == set(lab.states("audrey")) == {"ds_a", "model-a"}
    assert lab.world.call("otto", "GET", routes.DERIVED).status_code == 403
