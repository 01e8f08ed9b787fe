"""What a new version of a programme changes, in lines that a signer reads.

Stage: before a changed programme is signed, and when its participants are told. In: the
version in force and the one to come; out: one line for each difference, widenings of
what is recorded first. It leaves nothing out: whatever differs has a line.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from overt.protocol.records import Level

if TYPE_CHECKING:
    from overt.protocol.programme import Programme

# how the entries of a list are told apart
_NAMES: dict[str, tuple[str, ...]] = {
    "allow": ("app", "url", "title"),
    "purposes": ("id",),
    "roster": ("name",),
    "passkeys": ("credential",),
}
# they follow from the others
_DERIVED = ("version", "dpia.covers")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions.

    Attributes:
        kind: What happened to it.
        path: Where, for example `allow[chromium* https://a.example/].level`.
        before: What stood there; empty where nothing did.
        after: What stands there now; empty where nothing does.
        widens: Whether more may be recorded, kept, sent or read than before.
    """

    kind: Literal["added", "removed", "changed"]
    path: str
    before: str
    after: str
    widens: bool = False

    def line(self) -> str:
        """Return the change as a line."""
        mark = "WIDER  " if self.widens else "       "
        if self.kind == "added":
            return f"{mark}+ {self.path}: {self.after}"
        if self.kind == "removed":
            return f"{mark}- {self.path}: {self.before}"
        return f"{mark}~ {self.path}: {self.before} -> {self.after}"


def programme_changes(old: Programme, new: Programme) -> list[Change]:
    """Return every difference, widenings first."""
    before, after = _flat(asdict(old)), _flat(asdict(new))
    found = [
        _change(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if (before.get(path) or "") != (after.get(path) or "") and path not in _DERIVED
    ]
    return sorted(found, key=lambda one: not one.widens)


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Return every leaf of a JSON value by its path."""
    if isinstance(value, dict):
        inner = {name: (f"{path}.{name}" if path else name) for name in value}
        parts = [_flat(value[name], place) for name, place in inner.items()]
    elif isinstance(value, list | tuple):
        if not all(isinstance(item, dict) for item in value):
            return {f"{path}[{item}]": str(item) for item in value}
        parts = [_flat(item, f"{path}[{_name(path, item)}]") for item in value]
    else:
        return {path: str(value)}
    return {place: text for part in parts for place, text in part.items()}


def _name(path: str, item: dict[str, Any]) -> str:
    fields = _NAMES.get(path.rpartition(".")[2], tuple(item))
    return " ".join(str(item[name]) for name in fields if item[name])


def _change(path: str, before: str | None, after: str | None) -> Change:
    kind: Literal["added", "removed", "changed"] = "changed"
    if before is None:
        kind = "added"
    elif after is None:
        kind = "removed"
    wider = _widens(path, before, after)
    return Change(kind, path, before or "", after or "", wider)


def _widens(path: str, before: str | None, after: str | None) -> bool:
    top, _, leaf = path.partition("[")[0], *path.rpartition(".")[1:]
    if top == "allow" and leaf == "level":
        order = [level.value for level in Level]
        return order.index(after or "off") > order.index(before or "off")
    if path in {"retention_days", "lease_s"}:
        return int(after or 0) > int(before or 0)
    if path in {"min_cohort", "threshold"}:
        return int(after or 0) < int(before or 0)
    if path == "approvals":
        return after == "key"
    if leaf == "manages":
        return after == "False" and before is not None
    added = before is None
    return (added and top in {"purposes", "regions", "data_types", "roster"}) or (
        path == "policies" or leaf in {"key", "human"}
    )
