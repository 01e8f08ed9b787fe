"""From a person to every dataset and model that held their data, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from overt.protocol import routes
from overt.protocol.canonical import unb64
from overt.protocol.derived import (
    Decision,
    Derived,
    Export,
    open_key,
    sign_decision,
    sign_export,
)
from overt.protocol.errors import SealError
from overt.protocol.grants import sign_request
from overt.protocol.release import ReleaseNames
from overt.protocol.sealing import (
    SealingKey,
    SealingPublicKey,
    open_blob,
    seal_blob,
)
from overt.vault.log.book import EntryBook
from overt.vault.store.rows import (
    DerivedKeyRow,
    DerivedPersonRow,
    DerivedRow,
    ReleaseRow,
)


class Lab:
    """A researcher with one grant, one release, and what was made of it."""

    def __init__(self, world: Any) -> None:
        self.world, self.asked = world, ""
        self.ana, self.ben = world.participant(b"one"), world.participant(b"two")
        self.request = world.granted()
        everything = world.derive(self.request)
        with world.database.read() as session:
            row = session.get_one(ReleaseRow, everything.release)
        names = ReleaseNames(row.names_key or b"")
        hers = [
            names.name(one["segment"])
            for one in world.reads()
            if one["person"] == self.ana.person
        ]
        self.dataset = replace(everything, derived="ds_a", segments=tuple(hers))
        self.model = replace(
            self.dataset, derived="model-a", kind="model", segments=(),
            made_of=("ds_a",), release="", key=self.key(),
        )  # fmt: skip

    def key(self, who: str = "rob", request: str = "") -> str:
        asked = {"request": request or self.request}
        made = self.world.call(who, "POST", routes.DERIVED_KEYS, asked)
        assert made.status_code == 200, made.text
        name: str = made.json()["key"]
        return name

    def register(self, derived: Derived, who: str = "rob") -> Any:
        return self.world.register(derived, who)

    def open(self, name: str, who: str = "rob") -> Any:
        return self.world.open(name, who)

    def states(self, who: str = "stella") -> dict[str, str]:
        answer = self.world.call(who, "GET", routes.DERIVED)
        assert answer.status_code == 200, answer.text
        return {one["derived"]: one["state"] for one in answer.json()["derived"]}

    def decide(self, *who: str, decision: str = "kept", why: str = "Small.") -> Any:
        body = Decision("model-a", decision, why, self.world.iso())  # type: ignore[arg-type]
        signed = sign_decision(body, [self.world.keys[name] for name in who])
        return self.world.call(who[0], "POST", routes.DERIVED_DECISIONS, signed)

    def export(self, to: str = "Example Ltd", who: str = "rob", **odd: Any) -> Any:
        wish = Export("ds_a", self.exporting(), to, who, self.world.iso())
        signed = sign_export(replace(wish, **odd), self.world.keys[who])
        return self.world.call(who, "POST", routes.EXPORTS, signed)

    def exporting(self) -> str:
        if not self.asked:
            asked = {"export": "Example Ltd", "derived": ("ds_a",)}
            self.asked = self.world.granted(**asked)
        return self.asked

    def entries(self, kind: str) -> list[dict[str, Any]]:
        book = EntryBook(self.world.database, "")
        return [json.loads(entry) for _, _, entry in book.find(kind)]


@pytest.fixture
def lab(world: Any) -> Lab:
    made = Lab(world)
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


def test_what_few_people_contributed_to_is_refused_as_the_programme_says(
    world: Any,
) -> None:
    lab = Lab(world)
    roster = world.vault_app.state.gate.roster
    roster.install(world.programme(version=2, min_cohort=2))
    few = lab.register(lab.dataset)
    assert (few.status_code, "fewer than 2 people" in few.text) == (403, True)
    assert (lab.states(), lab.entries("derived")) == ({}, [])
    everything = world.derive(lab.request)
    assert lab.register(everything).status_code == 200
    assert lab.open(everything.derived).status_code == 200


def test_what_holds_too_few_people_for_a_changed_programme_is_not_opened(
    lab: Lab,
) -> None:
    assert lab.open("model-a").status_code == 200
    roster = lab.world.broker_app.state.gate.roster
    roster.install(lab.world.programme(version=2, min_cohort=2))
    inflated = DerivedPersonRow(derived_id="model-a", person=lab.ben.person)
    with lab.world.database.write() as session:
        session.add(inflated)
    refused = lab.open("model-a")
    assert (refused.status_code, "fewer than 2" in refused.text) == (403, True)


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
    assert "no export of ds_z" in lab.export(derived="ds_z").json()["error"]
    assert "no export of ds_a" in lab.export(request=lab.request).json()["error"]
    other = replace(lab.dataset, derived="ds_b", key=lab.key())
    assert lab.register(other).status_code == 200
    assert "no export of ds_b" in lab.export(derived="ds_b").json()["error"]
    lab.world.now_s += 1
    assert lab.export().status_code == 200
    assert len(lab.entries("export")) == 2  # each export is an entry of its own
    lab.world.halt("stella")
    assert lab.export().status_code == 423


def test_an_export_is_asked_for_by_itself(lab: Lab) -> None:
    for asked in ({"export": "Example Ltd"}, {"derived": ("ds_a",)}):
        request = lab.world.request(**asked)
        document = sign_request(request, lab.world.keys["rob"])
        told = lab.world.call("rob", "POST", routes.REQUESTS, document)
        assert "asked for by itself" in told.json()["error"]
    told = lab.world.release(lab.exporting())
    assert "reads no segment" in told.json()["error"]


def test_an_export_is_for_the_purpose_that_it_was_made_for(lab: Lab) -> None:
    odd = {"export": "Example Ltd", "derived": ("ds_a",), "purpose": "study"}
    told = lab.export(request=lab.world.granted(**odd))
    assert "another purpose" in told.json()["error"]
    assert lab.entries("export") == []


def opened(lab: Lab, name: str) -> SealingKey:
    answer = lab.open(name)
    assert answer.status_code == 200, answer.text
    blob = unb64(answer.json()["key"], what="It")
    return open_key(blob, name, lab.world.job)


def test_what_is_derived_opens_with_an_entry_and_an_unwrap_a_contributor(
    lab: Lab,
) -> None:
    world = lab.world
    made = world.call("rob", "POST", routes.DERIVED_KEYS, {"request": lab.request})
    both = replace(world.derive(lab.request), derived="ds_b", key=made.json()["key"])
    public = SealingPublicKey(unb64(made.json()["public"], what="It"))
    blob = seal_blob(b"a dataset", public, {"kind": "dataset"})
    assert lab.register(both).status_code == 200
    before = world.kms.unwraps
    assert before == len(world.reads())
    assert open_blob(blob, opened(lab, "ds_b")) == b"a dataset"
    entries = world.openings()
    assert sorted(one["person"] for one in entries) == sorted(
        [lab.ana.person, lab.ben.person]
    )
    assert {(one["derived"], one["request"]) for one in entries} == {
        ("ds_b", lab.request)
    }
    assert world.kms.unwraps == before + 2
    opened(lab, "model-a")  # by its dataset's people: ana alone
    assert len(world.openings()) == 3
    assert world.kms.unwraps == len(world.reads()) + len(world.openings())
    with pytest.raises(SealError):  # nor with the job's key, nor another thing's
        open_blob(blob, world.job)
    with pytest.raises(SealError):
        open_blob(blob, opened(lab, "model-a"))


def test_contributors_see_who_opened_what_was_made_of_theirs(lab: Lab) -> None:
    opened(lab, "ds_a")
    reads = lab.world.call(lab.ana, "GET", routes.READERS).json()["reads"]
    assert [(one["segment"] != "", one["derived"]) for one in reads] == [
        (True, ""),
        (False, "ds_a"),
    ]
    reads = lab.world.call(lab.ben, "GET", routes.READERS).json()["reads"]
    assert [one["derived"] for one in reads] == [""]
    assert lab.world.call("stella", "GET", routes.STATE).json()["reads"] == 3


def refused(lab: Lab, name: str, says: str, code: int = 403) -> None:
    before = lab.world.kms.unwraps
    answer = lab.open(name)
    assert (answer.status_code, says in answer.text) == (code, True), answer.text
    assert (lab.world.openings(), lab.world.kms.unwraps) == ([], before)


def test_what_is_not_registered_does_not_open(lab: Lab) -> None:
    refused(lab, "ds_z", "not on record", 404)


@pytest.mark.parametrize("erase", [False, True])
def test_what_is_revoked_or_tainted_does_not_open(lab: Lab, *, erase: bool) -> None:
    lab.world.withdraw(lab.ana, erase=erase)
    refused(lab, "ds_a", "is revoked")
    refused(lab, "model-a", "is tainted")


def test_a_withdrawal_that_no_row_of_derived_tells_closes_it(lab: Lab) -> None:
    lab.world.withdraw(lab.ana)
    with lab.world.database.write() as session:  # an operator undoes the state
        session.execute(update(DerivedRow).values(state="held"))
    refused(lab, "ds_a", "may no longer be read")
    refused(lab, "model-a", "may no longer be read")
    with lab.world.database.write() as session:  # or claims a decision
        session.execute(update(DerivedRow).values(state="kept"))
    assert lab.open("model-a").status_code in {400, 403}
    assert lab.world.openings() == []


def test_what_names_nobody_does_not_open(lab: Lab) -> None:
    lab.world.withdraw(lab.ana)
    assert lab.decide("stella", "rita").status_code == 200
    with lab.world.database.write() as session:
        session.execute(delete(DerivedPersonRow))
    refused(lab, "model-a", "not on record")


def test_what_two_people_kept_opens(lab: Lab) -> None:
    lab.world.withdraw(lab.ana)
    assert lab.decide("stella", "rita").status_code == 200
    opened(lab, "model-a")
    (entry,) = lab.world.openings()
    assert entry["person"] == lab.ana.person


def test_nothing_opens_while_halted_or_after_the_grant(lab: Lab) -> None:
    lab.world.halt("stella")
    refused(lab, "ds_a", "halted", 423)
    lab.world.now_s += 1
    lab.world.halt("stella", "rita", state="running")
    lab.world.now_s += 90000
    refused(lab, "ds_a", "expired")
    told = lab.world.call("rob", "POST", routes.DERIVED_KEYS, {"request": lab.request})
    assert "expired" in told.json()["error"]


def test_another_researcher_opens_nothing(lab: Lab) -> None:
    assert lab.open("ds_a", "amy").status_code == 403
    told = lab.world.call("amy", "POST", routes.DERIVED_KEYS, {"request": lab.request})
    assert "somebody else's" in told.json()["error"]
    for who in ("stella", "otto", "audrey", "anna"):
        assert lab.open("ds_a", who).status_code == 403
    assert lab.world.openings() == []


def test_a_key_is_for_one_thing_of_its_own_grant(lab: Lab) -> None:
    odd = replace(lab.dataset, derived="ds_b")
    assert "is sealed to" in lab.register(odd).json()["error"]
    elsewhere = lab.key(request=lab.world.granted())
    odd = replace(lab.dataset, derived="ds_b", key=elsewhere)
    assert lab.register(odd).status_code == 200
    refused(lab, "ds_b", "not sealed to a key of its grant")
    odd = replace(lab.dataset, derived="ds_c", key="key_" + "a" * 26)
    assert lab.register(odd).status_code == 200
    refused(lab, "ds_c", "not sealed to a key of its grant")


def test_an_erasure_moves_keys_and_destroys_those_of_what_is_revoked(
    lab: Lab,
) -> None:
    everything = lab.world.derive(lab.request)
    with lab.world.database.read() as session:
        row = session.get_one(ReleaseRow, everything.release)
    names = ReleaseNames(row.names_key or b"")
    hers = {one["segment"] for one in lab.world.reads()
            if one["person"] == lab.ben.person}  # fmt: skip
    bens = replace(everything, derived="ds_b", segments=tuple(map(names.name, hers)))
    assert lab.register(bens).status_code == 200
    key = opened(lab, "ds_b").raw
    lab.world.withdraw(lab.ana, erase=True)
    with lab.world.database.read() as session:
        kept = {
            row.key_id: row.wrapped for row in session.scalars(select(DerivedKeyRow))
        }
    assert kept[lab.dataset.key] is None
    assert kept[lab.model.key] is not None  # until two people decide
    assert opened(lab, "ds_b").raw == key


def test_researchers_see_their_own_alone(lab: Lab) -> None:
    assert set(lab.states("rob")) == set(lab.states("audrey")) == {"ds_a", "model-a"}
    assert lab.world.call("otto", "GET", routes.DERIVED).status_code == 403
