"""`overt redact image`: pictures masked as the recorder masks the screen.

Input: a picture, or a folder of them. Output: masked PNG files, without the input's
metadata, and where the cover lies. A file that cannot be judged whole is named in an
error and has no output: never an unmasked copy, never a part of one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from overt.cli.files import check_output, whole_file
from overt.cli.output import emit, exit_codes, failure, json_option, wants_json
from overt.protocol.errors import DataError, OvertError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from overt.protocol.canonical import Json
    from overt.protocol.records import Pixels
    from overt.redact.pixels import Painted

    Painter = Callable[[Pixels], Painted]

_KINDS: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@click.command(epilog=exit_codes(DataError))
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The masked PNG to write."
)
@click.option(
    "--level",
    type=click.Choice(["masked", "words"]),
    required=True,
    help="What is left of text: nothing (masked), common words (words).",
)
@click.option(
    "--lang",
    default="en",
    show_default=True,
    help="Language whose common words are left: en, de, es, fr, pt.",
)
@click.option(
    "--batch",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="DIR OUTDIR",
    help="Mask every picture of a folder into another.",
)
@json_option
def image(
    source: Path | None,
    output: Path | None,
    level: str,
    lang: str,
    batch: tuple[Path, Path] | None,
    as_json: bool,
) -> None:
    """Mask a picture, SOURCE: all text, pictures and faces under flat grey.

    The output is a PNG without transparency and metadata. Tells "boxes", what is
    covered, and "revealed", the words that are left, in pixels [x0, y0, x1, y1] of the
    output; "seconds" is the time of the masking. With --batch one JSON line a file; a
    file that cannot be masked is told on standard error and the exit code is 8.
    """
    painter = _painter(level, lang)
    if batch is not None:
        if source is not None or output is not None:
            raise UsageError("--batch names both folders; leave SOURCE and -o out.")
        _mask_folder(painter, *batch, as_json=as_json)
        return
    if source is None or output is None:
        raise UsageError(
            "A picture to read and one to write are needed.",
            remedy="overt redact image IN.png -o OUT.png --level masked",
        )
    told = _mask_file(painter, source, output)
    text = f"{output}: {len(told['boxes'])} boxes covered"
    emit(told, text, as_json=as_json)


def _painter(level: str, lang: str) -> Painter:
    try:
        from overt.redact.pixels import painter
    except ImportError as error:
        raise UsageError(
            "Masking needs libraries that are not installed.",
            remedy="Install them: pip install 'overt[mask]'",
        ) from error
    return painter(level, lang)


def _mask_file(painter: Painter, source: Path, output: Path) -> dict[str, Any]:
    """Mask one file.

    Raises:
        DataError: The file is no picture that can be judged whole.
        UsageError: A file cannot be read or written.
    """
    from overt.cli.pictures import read_picture, write_picture

    if output.suffix.lower() != ".png":
        raise UsageError(f"{output} does not end in .png; masked pictures are PNG.")
    check_output(output)
    rgb = read_picture(source)
    began_s = time.perf_counter()
    painted = painter(rgb)
    seconds = round(time.perf_counter() - began_s, 4)
    with whole_file(output) as file:
        write_picture(painted.rgb, file)
    return {
        "boxes": [list(box) for box in painted.boxes],
        "revealed": [list(box) for box in painted.revealed],
        "seconds": seconds,
    }


def _mask_folder(
    painter: Painter, source: Path, target: Path, *, as_json: bool
) -> None:
    """Mask a folder's pictures one by one; what fails is told and left out.

    Raises:
        DataError: Some files could not be masked; the others are.
        UsageError: The folder cannot be read or has no picture.
    """
    paths = _pictures(source)
    failed = 0
    for path in _with_progress(paths):
        name = path.name if path.suffix.lower() == ".png" else f"{path.name}.png"
        try:
            told: Json = {"file": name} | _mask_file(painter, path, target / name)
        except OvertError as error:
            failed += 1
            failure(error, as_json=wants_json(click.get_current_context())).show()
            continue
        boxes = len(told["boxes"])
        emit(told, f"{target / name}: {boxes} boxes covered", as_json=as_json)
    if failed:
        raise DataError(
            f"{failed} of {len(paths)} files were not masked and have no output."
        )


def _pictures(folder: Path) -> list[Path]:
    try:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in _KINDS)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}.") from error
    if not paths:
        raise UsageError(f"{folder} has no picture ({', '.join(_KINDS)}).")
    return paths


def _with_progress(paths: list[Path]) -> Iterator[Path]:
    """Yield the paths; show how far it is where a person looks on."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        yield from progress.track(paths, description="Masking")
