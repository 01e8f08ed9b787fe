"""The price of privacy as a curve: `python -m bench.frontier`.

The demonstration's tasks are recorded by the product itself at `clear`, `words` and
`masked`; policies are trained on these, and on the masked recordings with surrogates in
them; each is tested on clear screens and on screens of its own level. Tasks that need
reading stand apart from those that do not. Output: `bench-report/frontier.json` and
`frontier.svg`, with what an attacker gets out of surrogates and what is left of the
planted values. A broken run goes on where it stopped. Costs by default about an hour on
two cores, most of it recording; with `--full` several.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench.frontier_picture import picture
from bench.privacy.ocr import ocr_reader, reads
from demo import founding, reading, recording
from demo.run import Config, Run, StageError
from overt.cli.jobs import DATASET
from overt.cli.making import open_maker
from overt.protocol.errors import OvertError
from overt.redact.lists import ranked
from overt.research.dataset.leaks import scan_dataset
from overt.research.dataset.sealed import decode_png, open_dataset
from overt.research.evaluate.attacker import attack, sample
from overt.research.evaluate.pages import PageServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overt.research.dataset.sealed import Dataset

READING = ("click-dialog-2", "click-tab", "enter-text", "choose-list")
OTHERS = ("click-test-2", "click-dialog")
RECORDED = ("clear", "words", "masked")
TRAINED = (*RECORDED, "surrogate")
REPORT = Path("bench-report")
_SEED = 7
_FRAMES_READ = 60
_ALLOW = """
[[allow]]
app = "chromium*"
url = "{{pages}}"
level = "{level}"
"""


def main() -> int:
    """Run what is missing and write the report."""
    args = _arguments()
    if args.fresh:
        shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        recorded = ("masked",) if args.surrogates_alone else RECORDED
        runs = {level: _recorded(args, level) for level in recorded}
        _disguise(runs["masked"])
        trained = ("surrogate",) if args.surrogates_alone else TRAINED
        levels = {level: _learnt(args, runs, level) for level in trained}
    except (StageError, OvertError) as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return 1
    body = _report(args, runs, levels)
    REPORT.mkdir(exist_ok=True)
    (REPORT / "frontier.json").write_text(json.dumps(body, indent=1) + "\n", "utf-8")
    (REPORT / "frontier.svg").write_text(picture(body), "utf-8")
    print(json.dumps({name: body[name] for name in ("means", "relative", "planted")}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.frontier")
    parser.add_argument("--tasks", nargs="+", choices=READING + OTHERS, metavar="TASK")
    parser.add_argument("--demos", type=int, help="demonstrations a task")
    parser.add_argument("--episodes", type=int, help="tests a task")
    parser.add_argument("--seeds", type=int, help="trainings of each level")
    parser.add_argument("--train-s", type=int, help="CPU seconds of one training")
    parser.add_argument("--full", action="store_true", help="six tasks, three seeds")
    parser.add_argument(
        "--surrogates-alone", action="store_true", help="without what they stand beside"
    )
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run")
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo/frontier").absolute()
    )
    args = parser.parse_args()
    small = (("enter-text", "click-dialog-2", "click-test-2"), 12, 10, 1, 100)
    full = (READING + OTHERS, 32, 20, 3, 140)
    names = ("tasks", "demos", "episodes", "seeds", "train_s")
    for name, value in zip(names, full if args.full else small, strict=True):
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def _stage(run: Run, name: str, work: Callable[[], dict[str, Any] | None]) -> None:
    if run.done(name):
        return
    start = time.monotonic()
    figures = work() or {}
    run.finish(name, time.monotonic() - start, figures)
    print(f"{run.folder.name:8} {name:24} {run.state.seconds[name]:6.0f} s", flush=True)


def _recorded(args: argparse.Namespace, level: str) -> Run:
    """Record the tasks at a level, up to the dataset as recorded."""
    config = Config(
        tasks=tuple(args.tasks), demos=args.demos, privacy=(),
        episodes=args.episodes, seeds=args.seeds, train_s=args.train_s,
    )  # fmt: skip
    run = Run(args.folder / level, config)
    if not run.can_go_on() and run.folder.exists():
        shutil.rmtree(run.folder)
        run = Run(args.folder / level, config)
    url = run.state.figures.get("pages_url", ":0/")
    with PageServer(port=int(url.rsplit(":", 1)[1].split("/")[0])) as pages:
        _stage(run, "keys", lambda: founding.make_keys(run))
        allow = _ALLOW.format(level=level)
        _stage(
            run,
            "programme",
            lambda: founding.create_programme(run, pages.url, allow),
        )
        with founding.Servers(run) as servers:
            _stage(run, "enrol", lambda: founding.enrol_participants(run, servers))
            _stage(run, "record", lambda: recording.record(run))
            _stage(run, "send", lambda: reading.review_and_send(run))
            _stage(run, "release", lambda: reading.request_and_release(run))
            _stage(run, "refine", lambda: reading.refine(run))
    return run


def _disguise(run: Run) -> None:
    """Make the dataset of surrogates from the masked recordings, in a job's copy."""

    def work() -> None:
        job, copy = run.folder / "job", run.folder / "job-surrogate"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(job, copy, ignore=shutil.ignore_patterns(DATASET))
        run.overt("refine", *_as(run, copy), "--surrogate", str(_SEED))

    if not run.done("surrogate"):
        with founding.Servers(run):
            _stage(run, "surrogate", work)


def _as(run: Run, job: Path) -> tuple[str | Path, ...]:
    return "--job", job, "--as", run.key("rene")


def _job(runs: dict[str, Run], level: str) -> tuple[Run, Path]:
    run = runs["masked" if level == "surrogate" else level]
    return run, run.folder / ("job-surrogate" if level == "surrogate" else "job")


def _learnt(
    args: argparse.Namespace, runs: dict[str, Run], level: str
) -> dict[str, Any]:
    """Train a level's policies and test each on clear screens and on its own."""
    run, job = _job(runs, level)
    with founding.Servers(run):
        return _learnt_there(args, run, job, level)


def _learnt_there(
    args: argparse.Namespace, run: Run, job: Path, level: str
) -> dict[str, Any]:
    tasks = [word for task in args.tasks for word in ("--task", task)]
    found: dict[str, list[Any]] = {"clear": [], "own": []}
    for seed in range(args.seeds):
        name = f"policy-{seed}"
        train = ("train", *_as(run, job), "--name", name, "--seed", str(seed))
        cost = ("--cpu-s", str(args.train_s))
        _stage(run, f"train {level} {seed}", lambda t=(*train, *cost): run.overt(*t))
        for where in ("clear", "own"):
            view = level if where == "own" else "clear"
            test = (
                *("evaluate", *_as(run, job), "--policy", name, "--view", view, *tasks),
                *("--episodes", str(args.episodes)),
            )
            key = f"test {level} {seed} {view}"
            _stage(run, key, lambda t=test, k=key: {k: run.overt(*t)["tasks"]})
            found[where].append(run.state.figures[key])
    return {where: _merged(tables) for where, tables in found.items()}


def _merged(tables: list[dict[str, Any]]) -> dict[str, Any]:
    """Add seeds up: success of each task, and of each seed."""
    return {
        task: {
            "rate": round(fmean(table[task]["rate"] for table in tables), 4),
            "by_seed": [table[task]["rate"] for table in tables],
            "episodes": sum(table[task]["episodes"] for table in tables),
        }
        for task in tables[0]
    }


def _report(
    args: argparse.Namespace, runs: dict[str, Run], levels: dict[str, Any]
) -> dict[str, Any]:
    means = {
        level: {
            f"{where}.{kind}": _mean(tables[where], tasks)
            for where in ("clear", "own")
            for kind, tasks in (("reading", READING), ("other", OTHERS))
        }
        for level, tables in levels.items()
    }
    config = ("tasks", "demos", "episodes", "seeds", "train_s")
    return {
        "config": {name: getattr(args, name) for name in config},
        "source": "scripted worker",
        "levels": levels,
        "means": means,
        "relative": {
            level: _ratio(means[level], means["clear"])
            for level in levels
            if level != "clear" and "clear" in levels
        },
        "planted": {level: _planted(runs, level) for level in levels},
        "attacker": _attacker(),
    }


def _mean(table: dict[str, Any], tasks: tuple[str, ...]) -> float | None:
    rates = [table[task]["rate"] for task in tasks if task in table]
    return round(fmean(rates), 4) if rates else None


def _ratio(one: dict[str, Any], clear: dict[str, Any]) -> dict[str, float | None]:
    """Success on clear screens as a share of what training at `clear` reaches."""
    return {
        kind: round(one[f"clear.{kind}"] / clear[f"clear.{kind}"], 4)
        if clear[f"clear.{kind}"]
        else None
        for kind in ("reading", "other")
    }


def _planted(runs: dict[str, Run], level: str) -> dict[str, int | None]:
    """Search a dataset for what the worker typed while it was recorded.

    In all its texts, and by OCR in frames that follow typing: there it stood. A short
    value can stand in a longer fake by chance: the same letters in another order tell
    how often.
    """
    run, job = _job(runs, level)
    typed = {
        str(action["text"])
        for account, _, _ in recording.accounts(run).values()
        for action in account["actions"]
        if action.get("text")
    }
    values = sorted(value for value in typed if len(value) > 3)
    with founding.Servers(run) as servers:
        urls = servers.vault, servers.broker
        maker = open_maker(job, *urls, run.key("rene"), run.passphrase_file)
        dataset = open_dataset(job / DATASET, maker.open(job / DATASET))
    rng = Random(_SEED)  # noqa: S311 - a measurement
    jumbled = ["".join(rng.sample(value, len(value))) for value in values]
    seen, read = _read_in_frames(dataset, values)
    return {
        "values": len(values),
        "found": _found(dataset, values),
        "found_by_chance": _found(dataset, jumbled),
        "frames": seen,
        "read_in_frames": read,
    }


def _found(dataset: Dataset, values: Sequence[str]) -> int:
    """Return how many values stand in a dataset's texts, parts of words included."""
    found = scan_dataset(dataset, values)
    return len({item.canary for item in found if item.kind == "canary"})


def _read_in_frames(dataset: Dataset, values: Sequence[str]) -> tuple[int, int | None]:
    """Return how many frames an OCR read, and how many values; None without OCR."""
    if (ocr := ocr_reader()) is None:
        return 0, None
    after = [
        row["frame_decide"]["bytes"]
        for before, row in pairwise(dataset.rows())
        if before["action"]["action"] == "type" and before["episode"] == row["episode"]
    ]
    lines = [ocr(decode_png(data)) for data in after[:_FRAMES_READ]]
    read = {value for value in values for each in lines if reads(each, value)}
    return len(lines), len(read)


def _attacker() -> dict[str, float]:
    rng = Random(_SEED)  # noqa: S311 - a measurement
    known = sorted(word for word in ranked("en") if 3 <= len(word) <= 14)
    chosen = rng.sample(known, 4000)
    samples = [sample(word.capitalize(), rng, _SEED) for word in chosen]
    return {
        k: round(v, 4)
        for k, v in asdict(attack(samples[:3000], samples[3000:])).items()
    }


if __name__ == "__main__":
    sys.exit(main())
