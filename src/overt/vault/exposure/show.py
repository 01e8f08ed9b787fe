"""An exposure report for people: a table, and a graph from who to what.

Stage: after the audit. In: a report; out: text, and a graph in DOT. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overt.vault.exposure.findings import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.vault.exposure.findings import Exposure, Trial

_HEAD = ("", "who", "can read", "where", "how")


def table(report: Exposure, found: Sequence[Reach | Trial]) -> str:
    """Return who can read what as a table; `!` marks what must not be."""
    rows = [_HEAD]
    for one in report.reaches:
        mark = "!" if one in found else ""
        rows.append((mark, one.who, one.what, one.where, one.how))
    for trial in report.trials:
        if trial.opened:
            mark = "!" if trial in found else ""
            how = f"fetched: {trial.why}"
            rows.append((mark, trial.who, trial.what, trial.where, how))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines + _ends(report))


def _ends(report: Exposure) -> list[str]:
    tried = [one for one in report.trials if one.opened is not None]
    opened = sum(1 for one in tried if one.opened)
    lines = ["", f"Tried {len(tried)} times to read; {opened} opened."]
    lines += [
        f"Not tried: {one.who}, {one.where}: {one.why}"
        for one in report.trials
        if one.opened is None
    ]
    read = ", ".join(f"{who} {count}" for who, count in sorted(report.read.items()))
    lines.append(f"Reads in the log: {read or 'none'}.")
    lines += [f"Accesses of {one}: {log}" for one, log in report.access_logs.items()]
    lines += [f"Unknown: {one}" for one in report.unknown]
    return lines


def graph(report: Exposure, found: Sequence[Reach | Trial]) -> str:
    """Return who reaches what as a graph in DOT; what must not be is red."""
    edges = []
    all_of_it: list[Reach | Trial] = [*report.reaches]
    all_of_it += [trial for trial in report.trials if trial.opened]
    for one in all_of_it:
        how = one.how if isinstance(one, Reach) else f"fetched: {one.why}"
        red = " color=red fontcolor=red" if one in found else ""
        target = f"{one.what}\\n{one.where}"
        edges.append(f"  {_q(one.who)} -> {_q(target)} [label={_q(how)}{red}];")
    body = "\n".join(sorted(set(edges)))
    return f"digraph exposure {{\n  rankdir=LR;\n{body}\n}}\n"


def _q(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
