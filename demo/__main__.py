"""`python -m demo`: the whole of overt on one machine, stage by stage.

Input: options. Output: a table in the terminal, `demo-report/` and the exit code: 0
when counts, canaries, log and processes are sound, whatever the agents' success.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from demo import checking, founding, learning, reading, recording, report
from demo.run import Config, Run, StageError
from overt.protocol.errors import OvertError
from overt.research.evaluate.desk.processes import leave_in_order
from overt.research.evaluate.pages import PageServer

if TYPE_CHECKING:
    from collections.abc import Callable

SIX = (
    "click-test-2", "click-dialog", "click-dialog-2", "click-tab", "enter-text",
    "choose-list",
)  # fmt: skip
FIFTEEN = (
    *SIX, "click-button", "click-link", "focus-text-2", "click-checkboxes",
    "login-user", "enter-password", "copy-paste", "click-option", "use-autocomplete",
)  # fmt: skip

console = Console(highlight=False)


def main() -> int:
    """Run the demonstration; return its exit code."""
    leave_in_order()
    args = _arguments()
    run = Run(args.folder, _config(args))
    if args.fresh or not run.can_go_on():
        shutil.rmtree(args.folder)
        run = Run(args.folder, _config(args))
    elif run.state.seconds:
        console.print(
            f"Going on after: {', '.join(run.state.seconds)}. (--fresh: anew)"
        )
    try:
        return _journey(run, args.report)
    except (StageError, OvertError) as error:
        console.print(f"[red]Stopped:[/] {error}")
        console.print("Mend it and run the same command again; it goes on from there.")
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--full", action="store_true", help="15 tasks, 3 seeds")
    parser.add_argument("--human", action="store_true", help="you do the tasks")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run")
    parser.add_argument("--tasks", nargs="+", choices=FIFTEEN, metavar="TASK")
    parser.add_argument("--demos", type=int, help="demonstrations a task")
    parser.add_argument("--episodes", type=int, default=20, help="tests a task")
    parser.add_argument("--train-s", type=int, help="CPU seconds of one training")
    parser.add_argument("--seed-prefix", default="test", help="of the test seeds")
    parser.add_argument("--folder", type=Path, default=Path(".demo/run").absolute())
    parser.add_argument("--report", type=Path, default=Path("demo-report"))
    return parser.parse_args()


def _config(args: argparse.Namespace) -> Config:
    tasks = FIFTEEN if args.full else SIX
    return Config(
        tasks=tuple(args.tasks or tasks),
        demos=args.demos or _demos(args),
        privacy_demos=0 if args.full and not args.tasks else 2,
        episodes=args.episodes,
        seeds=3 if args.full else 1,
        train_s=args.train_s or (480 if args.full else 140),
        seed_prefix=args.seed_prefix,
        human=args.human,
    )


def _demos(args: argparse.Namespace) -> int:
    """Return how many demonstrations a task: a person's time is dearer."""
    return 4 if args.human else 60 if args.full else 32


def _journey(run: Run, report_folder: Path) -> int:
    port = int(
        run.state.figures.get("pages_url", ":0/").rsplit(":", 1)[1].split("/")[0]
    )
    with PageServer(port=port) as pages:
        _stage(run, "keys", lambda: founding.make_keys(run))
        _stage(run, "programme", lambda: founding.create_programme(run, pages.url))
        with founding.Servers(run) as servers:
            _stage(run, "enrol", lambda: founding.enrol_participants(run, servers))
            _stage(run, "record", lambda: recording.record(run))
            _stage(run, "send", lambda: reading.review_and_send(run))
            _stage(run, "release", lambda: reading.request_and_release(run))
            _stage(run, "refine", lambda: reading.refine(run))
            _stage(run, "train", lambda: learning.train(run))
            _stage(run, "evaluate", lambda: learning.evaluate(run))
            _stage(run, "export", lambda: reading.export(run))
    _stage(run, "check", lambda: checking.check(run))
    return report.write(run, report_folder, console)


def _stage(run: Run, name: str, work: Callable[[], dict[str, Any]]) -> None:
    if run.done(name):
        return
    console.print(f"[bold]{name}[/] ...")
    start = time.monotonic()
    try:
        figures = work()
    except (StageError, OvertError) as error:
        raise StageError(f"stage {name!r}: {error}") from error
    run.finish(name, time.monotonic() - start, figures)
    console.print(f"  {run.state.seconds[name]:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
