"""`make bench-capture`: lost events, time errors, cost; beside others in the same run.

Input: options. Output: figures on the terminal and `bench-report/capture.json`. What is
measured is `overt record` of an enrolled home with its indicator, against servers of
its own, on a display of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.capture.desk import measure_desk
from bench.capture.input import measure_input
from bench.capture.stage import ALLOW, write_pages
from demo.founding import Servers, create_programme, enrol, make_keys
from demo.run import Config, Run
from overt.research.evaluate.pages import PageServer

REPORT = Path("bench-report/capture.json")
PEOPLE = {1: ("input",), 2: ("input", "screen", "context")}


def main() -> None:
    """Measure what the command line asks for and write the report."""
    options = _options()
    with ExitStack() as opened:
        temporary = tempfile.TemporaryDirectory(prefix="overt-bench-")
        folder = options.folder or Path(opened.enter_context(temporary))
        write_pages(folder / "pages" / "miniwob")
        run = Run(folder / "run", Config(tasks=()))
        is_founded = run.can_go_on() and run.done("founded")
        port = run.state.figures["pages"] if is_founded else 0
        pages = opened.enter_context(PageServer(folder / "pages", port=port))
        if not is_founded:
            _found(run, pages)
        opened.enter_context(Servers(run))
        report = _measured(run, pages.url, options)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def _measured(run: Run, pages: str, options: argparse.Namespace) -> dict[str, Any]:
    size = (3840, 2160) if options.uhd else (1920, 1080)
    report: dict[str, Any] = {"size": list(size)}
    if "input" not in options.skip:
        report |= measure_input(run, pages, size, options.seconds)
    if "desk" not in options.skip:
        report |= measure_desk(run, pages, size, options.desk_seconds)
        person = report["desk"].pop("bytes_per_event")
        report.setdefault("bytes_per_event", {})["person"] = person
    return report


def _found(run: Run, pages: PageServer) -> None:
    """Found a programme and enrol its people; about a minute."""
    make_keys(run)
    create_programme(run, pages.url, ALLOW)
    with Servers(run) as servers:
        for person, data_types in PEOPLE.items():
            enrol(run, servers, person, data_types)
        figures = {"ports": servers.ports, "pages": pages.port}
    run.finish("founded", 0, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.capture")
    parser.add_argument("--seconds", type=float, default=10, help="of each rate")
    parser.add_argument("--desk-seconds", type=float, default=180)
    parser.add_argument("--uhd", action="store_true", help="3840 x 2160")
    parser.add_argument(
        "--skip", action="append", default=[], choices=("input", "desk")
    )
    parser.add_argument(
        "--folder", type=Path, help="kept: founded once, then used again"
    )
    return parser.parse_args()


if __name__ == "__main__":
    began_s = time.monotonic()
    main()
    print(f"{time.monotonic() - began_s:.0f} s")
