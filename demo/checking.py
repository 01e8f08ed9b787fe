"""Checking: the recording against the worker's own account, and what lies where.

Input: a run whose stages are done. Output: the counts of `report.json`. It opens what
only this demonstration's people could open, with their keys, and changes nothing.
Where a person did the tasks there is no account: what it would tell is `None`, and the
canaries are what the exported dataset says was shown and typed.
"""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from sqlalchemy import select

from demo import reading
from demo.canaries import Canary, pixel_canary, search
from demo.nullcipher import unsealed_copy
from demo.recording import accounts
from demo.run import PASSPHRASE, Run
from overt.cli.jobs import DATASET
from overt.cli.making import registered
from overt.protocol.records import EventKind, InputRecord
from overt.protocol.release import READ_KINDS
from overt.protocol.segment import read_segment, stored_sizes
from overt.recorder.person.home import Home
from overt.recorder.person.identity import unlock
from overt.recorder.spool import Spool
from overt.research.evaluate.account import Account
from overt.vault.broker.keyring import count_unwraps
from overt.vault.govern.reports import log_lines
from overt.vault.log.book import EntryBook
from overt.vault.store.database import Database
from overt.vault.store.rows import DerivedRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

    from overt.protocol.records import Record
    from overt.protocol.sealing import SealingKey

Rows = list[dict[str, Any]]
CANARIES_A_PERSON = 4  # of each kind


def check(run: Run) -> dict[str, Any]:
    """Return every figure that tells of integrity."""
    rows = reading.rows(run)
    has_account = not run.config.human
    against = _against_account(run, rows) if has_account else _without(run, rows)
    return (
        against
        | _storage_figures(run)
        | _reading_figures(run)
        | _derived_figures(run)
        | _canary_figures(run, rows)
    )


def _against_account(run: Run, rows: Rows) -> dict[str, Any]:
    return _input_figures(run) | _step_figures(run, rows)


def _without(run: Run, rows: Rows) -> dict[str, Any]:
    """Return what is known without an account of what was done."""
    acted = [row for row in rows if row["frame_press"] is not None]
    exact = [bool(row["frame_decide_exact"]) for row in acted]
    unknown = (
        "events_injected", "events_withheld", "event_differences", "actions_scripted",
        "action_mismatches", "before_frames_equal",
    )  # fmt: skip
    return dict.fromkeys(unknown) | {
        "events_recorded": sum(len(_exported(run, one)) for one in run.participants),
        "actions_reconstructed": len(rows),
        "before_frames_verified": round(float(np.mean(exact)), 4) if exact else 0.0,
    }


def _input_figures(run: Run) -> dict[str, Any]:
    injected = recorded = withheld = wrong = 0
    for person in run.participants:
        summary = json.loads((run.folder / f"summary-{person}.json").read_text("utf-8"))
        seen = _exported(run, person)
        secret = _secret_spans(run, person)
        given = [event for event in summary["injected"] if not _within(event, secret)]
        injected += len(summary["injected"])
        withheld += len(summary["injected"]) - len(given)
        recorded += len(seen)
        wrong += _differences(given, seen)
    return {
        "events_injected": injected,
        "events_withheld": withheld,
        "events_recorded": recorded,
        "event_differences": wrong,
    }


def _exported(run: Run, person: int) -> list[dict[str, Any]]:
    """Return the events of a participant's own export."""
    export = run.folder / f"export-{person}"
    shutil.rmtree(export, ignore_errors=True)
    run.overt("export", export, OVERT_HOME=str(run.home(person)))
    lines = (export / "events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _secret_spans(run: Run, person: int) -> list[tuple[int, int]]:
    """Return when keys went into password fields, by the worker's account."""
    spans = []
    for account, folder, _ in accounts(run).values():
        if folder.name != f"worker-{person}":
            continue
        actions = account["actions"]
        for action, after in pairwise(actions):
            if action.get("secret"):
                spans.append((action["t_ns"], after["t_ns"]))
    return spans


def _within(event: dict[str, Any], spans: Iterable[tuple[int, int]]) -> bool:
    is_key = event["kind"] in {EventKind.KEY_PRESS, EventKind.KEY_RELEASE}
    return is_key and any(start <= event["t_ns"] < end for start, end in spans)


def _differences(given: list[dict[str, Any]], seen: list[dict[str, Any]]) -> int:
    """Count events that are not the same at the same place of the order."""
    wrong = abs(len(given) - len(seen))
    for one, other in zip(given, seen, strict=False):
        kind = EventKind(one["kind"]).name.lower()
        same = kind == other["type"]
        if kind == "motion" or "button" in kind:
            same &= (one["x_px"], one["y_px"]) == (other["x_px"], other["y_px"])
        wrong += not same
    return wrong


def _storage_figures(run: Run) -> dict[str, Any]:
    sizes: dict[str, int] = {}
    seconds = 0.0
    events = 0
    for person in run.participants:
        own = _own_key(run, person)
        spool = Spool(run.home(person) / "spool")
        for entry in spool.entries():
            data = spool.read(entry.segment, own)
            for kind, size in stored_sizes(data).items():
                sizes[kind] = sizes.get(kind, 0) + size
            segment = read_segment(data)
            times = [t for record in segment.records for t in _times(record)]
            seconds += (max(times) - min(times)) / 1e9 if times else 0.0
            events += sum(
                len(record.events)
                for record in segment.records
                if isinstance(record, InputRecord)
            )
    screen = sum(sizes.get(kind, 0) for kind in ("tiles", "screen", "dirty"))
    return {
        "bytes_per_event": round(sizes.get("input", 0) / max(events, 1), 2),
        "screen_mb_per_hour": round(screen / 1e6 / max(seconds, 1) * 3600, 1),
        "recorded_seconds": round(seconds, 1),
    }


def _times(record: Record) -> list[int]:
    if isinstance(record, InputRecord):
        return [int(record.events["t_ns"][0])] if len(record.events) else []
    t_ns = getattr(record, "t_ns", None)
    return [] if t_ns is None else [t_ns]


def _own_key(run: Run, person: int) -> SealingKey:
    return unlock(Home(run.home(person)), PASSPHRASE).own


def _step_figures(run: Run, rows: Rows) -> dict[str, Any]:
    """Compare the dataset's actions and frames with the worker's account."""
    by_episode: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_episode.setdefault(row["episode"], []).append(row)
    known = accounts(run)
    scripted = rebuilt = mismatches = 0
    equal: list[bool] = []
    exact: list[bool] = []
    indicators = run.state.figures["indicators"]
    for episode, (account, folder, number) in known.items():
        want = [_comparable(item) for item in account["actions"]]
        steps = sorted(by_episode.get(episode, []), key=lambda row: row["step"])
        got = [_comparable(row["action"]) for row in steps]
        secret = any(item.get("secret") for item in account["actions"])
        scripted += len(want)
        rebuilt += len(got)
        mismatches += _mismatches(want, got)
        screens = Account(folder).screens(number)
        hidden = indicators[int(folder.name[-1]) - 1]
        acted = [row for row in steps if row["frame_press"] is not None]
        exact += [bool(row["frame_decide_exact"]) for row in acted]
        equal += [
            _same_pixels(row["frame_press"]["bytes"], screen, hidden, secret=secret)
            for row, screen in zip(acted, screens, strict=False)
        ]
    return {
        "actions_scripted": scripted,
        "actions_reconstructed": rebuilt,
        "action_mismatches": mismatches,
        "before_frames_verified": round(float(np.mean(exact)), 4) if exact else 0.0,
        "before_frames_equal": round(float(np.mean(equal)), 4) if equal else 0.0,
    }


def _comparable(action: dict[str, Any]) -> tuple[Any, ...]:
    """Kind, pixel and final text; the rest is not what a person meant."""
    kind = action["action"]
    if kind == "click":
        return kind, action["x_px"], action["y_px"], action["count"]
    if kind == "type":
        return kind, action["secret"], action["text"]
    return kind, action.get("combo"), action.get("status")


def _mismatches(want: list[tuple[Any, ...]], got: list[tuple[Any, ...]]) -> int:
    differing = sum(one != other for one, other in zip(want, got, strict=False))
    return differing + abs(len(want) - len(got))


def _same_pixels(
    png: bytes,
    screen: npt.NDArray[np.uint8],
    hidden: list[int] | None,
    *,
    secret: bool,
) -> bool:
    """Compare all but the indicator's own rectangle, which is black in a recording.

    Where a password was typed its field is black as well.
    """
    frame = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).copy()
    screen = screen.copy()
    if hidden is not None:
        x, y, width, height = hidden
        frame[y : y + height, x : x + width] = 0
        screen[y : y + height, x : x + width] = 0
    if frame.shape != screen.shape:
        return False
    if secret:
        screen[~frame.any(axis=2)] = 0
    return bool((frame == screen).all())


def _database(run: Run) -> Database:
    return Database(f"sqlite:///{run.folder / 'server' / 'vault' / 'rows.db'}")


def _reading_figures(run: Run) -> dict[str, Any]:
    server = run.folder / "server"
    verified = run.overt(
        "log", "verify", server / "vault" / "log", "--folder", run.folder / "programme"
    )
    database = _database(run)
    book = EntryBook(database, "")
    with database.read() as session:
        held = session.query(SegmentRow).filter(SegmentRow.state == "stored").count()
    lines = log_lines(database, book.count())
    database.close()
    return {
        "segments_received": held,
        "reads_logged": sum(line["kind"] in READ_KINDS for line in lines),
        "derived_reads": sum(line["kind"] == "opening" for line in lines),
        "key_unwraps": count_unwraps(server / "broker" / "keyring"),
        "log_verified": bool(verified["ok"]),
        "log_size": verified["size"],
        "reads": [line for line in lines if line["kind"] in {*READ_KINDS, "approval"}],
    }


def _derived_figures(run: Run) -> dict[str, Any]:
    """Count what the job made, by what lies sealed in its folder and by the vault."""
    job, database = run.folder / "job", _database(run)
    with database.read() as session:
        known = {row.key_id: row.kind for row in session.scalars(select(DerivedRow))}
    entries = EntryBook(database, "").find("opening")
    opened = {
        (body["derived"], body["person"])
        for body in (json.loads(entry) for _, _, entry in entries)
    }
    database.close()
    made = [job / DATASET, *job.glob("*/*.sealed")]
    made = [path for path in made if path.parent.name != DATASET]
    return {
        "derived_made": len(made),
        "derived_registered": sum(registered(one).key in known for one in made),
        "derived_kinds": dict(Counter(known.values())),
        "derived_read_of": len({derived for derived, _ in opened}),
    }


def _canary_figures(run: Run, rows: Rows) -> dict[str, Any]:
    """Search what was typed and shown in every byte of vault, logs and spool.

    Over a copy with the null cipher the same search must find every canary, and no
    password among the keys.
    """
    canaries, secrets = planted(run, rows), typed_secrets(run)
    homes = [run.home(person) for person in run.participants]
    sealed = [run.folder / "server", *homes, *run.folder.glob("*.log")]
    in_store = search([_as_text(item) for item in canaries + secrets], sealed)
    with unsealed_copy(run) as bare:
        unsealed = search(canaries, [bare], first_only=True)
        keys = search(secrets, [bare])
    return {
        "canaries_planted": len(canaries),
        "canaries_in_store": len(in_store),
        "canaries_found_unsealed": len(unsealed),
        "passwords_typed": len(secrets),
        "passwords_found_in_keys": len(keys),
    }


def _as_text(canary: Canary) -> Canary:
    return replace(canary, kind="text") if canary.kind == "keys" else canary


def planted(run: Run, rows: Rows) -> list[Canary]:
    """Return canaries of each participant: goals, texts typed, pixels shown."""
    if run.config.human:
        return _shown(rows)
    found: dict[str, Canary] = {}
    for episode, (account, folder, number) in accounts(run).items():
        kinds = [name.split()[0] for name in found if folder.name in name]
        for kind, canary in _candidates(account, folder, number):
            if kinds.count(kind) < CANARIES_A_PERSON:
                name = f"{kind} of {folder.name} in {episode}"
                found.setdefault(name, replace(canary, name=name))
    unique = {item.needle: item for item in found.values()}
    return list(unique.values())


def _shown(rows: Rows) -> list[Canary]:
    """Return canaries from the exported dataset: what a person was shown and typed."""
    found: dict[bytes, Canary] = {}
    for number, row in enumerate(rows):
        frame = np.asarray(Image.open(io.BytesIO(row["frame_decide"]["bytes"])))
        typed = row["action"].get("text", "")
        canaries = [
            Canary(f"goal {number}", "text", row["goal"].encode()),
            pixel_canary(f"pixels {number}", frame[:210, :160]),
            Canary(f"text {number}", "keys", typed.encode())
            if len(typed) > 4
            else None,
        ]
        found |= {item.needle: item for item in canaries if item is not None}
    return list(found.values())[: 6 * CANARIES_A_PERSON]


def _candidates(
    account: dict[str, Any], folder: Path, number: int
) -> Iterable[tuple[str, Canary]]:
    if not any(item.get("secret") for item in account["actions"]):
        yield "goal", Canary("goal", "text", account["goal"].encode())
    keys = [
        chr(event["detail"])
        for event in account["injected"]
        if event["kind"] == EventKind.KEY_PRESS and 0x20 <= event["detail"] <= 0x7E
    ]
    for item in account["actions"]:
        text = item.get("text", "")
        if len(text) >= 5 and text in "".join(keys):
            yield "text", Canary("text", "keys", text.encode())
    canary = pixel_canary("pixels", Account(folder).screens(number)[0][:210, :160])
    if canary is not None:
        yield "pixels", canary


def typed_secrets(run: Run) -> list[Canary]:
    """Return the passwords typed, to be looked for among the keys."""
    texts = {
        text for account, _, _ in accounts(run).values() for text in account["canaries"]
    }
    return [
        Canary(f"password {number}", "keys", text.encode())
        for number, text in enumerate(sorted(texts))
    ]
