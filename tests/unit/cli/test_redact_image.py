"""`overt redact image` writes masked pictures whole, or says why and writes none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from overt.cli.__main__ import main
from overt.redact.pixels import FILL

if TYPE_CHECKING:
    from collections.abc import Callable

FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def written(
    mode: str = "RGB", ground: object = "white", ink: object = "black"
) -> Image.Image:
    image = Image.new(mode, (220, 50), ground)
    face = ImageFont.truetype(FACE, 18)
    ImageDraw.Draw(image).text((10, 12), "Jane Doe 4711", font=face, fill=ink)
    return image


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["redact", "image", *map(str, words)])


def is_masked(path: Path) -> bool:
    """Whether nothing but the cover and one plain colour is in a picture."""
    with Image.open(path) as opened:
        assert (opened.format, opened.mode) == ("PNG", "RGB")
        rgb = np.array(opened)
    rest = rgb[(rgb != FILL).any(axis=2)]
    return len(np.unique(rest, axis=0)) == 1 and len(rest) < rgb.shape[0] * rgb.shape[1]


def test_a_picture_is_masked_and_the_cover_is_told(tmp_path: Path) -> None:
    written().save(tmp_path / "in.png")
    out = tmp_path / "out.png"
    done = run(tmp_path / "in.png", "-o", out, "--level", "masked", "--json")
    told = json.loads(done.stdout)
    assert is_masked(out)
    assert told["revealed"] == []
    assert told["seconds"] >= 0
    ((x0, y0, x1, y1),) = told["boxes"]
    assert (np.array(Image.open(out))[y0:y1, x0:x1] == FILL).all()
    assert out.stat().st_mode & 0o777 == 0o600


MODES: dict[str, Callable[[], Image.Image]] = {
    "grey": lambda: written("L", 255, 0),
    "bits": lambda: written("1", 1, 0),
    "palette": lambda: written().convert("P"),
    "alpha": lambda: written("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)),
    "faint alpha": lambda: written("RGBA", (255, 255, 255, 255), (0, 0, 0, 20)),
    "grey alpha": lambda: written("LA", (255, 255), (0, 255)),
    "sixteen bits": lambda: Image.fromarray(
        np.array(written("L", 255, 0)).astype(np.uint16) * 257
    ),
}


@pytest.mark.parametrize("name", MODES)
def test_every_kind_of_picture_is_masked(name: str, tmp_path: Path) -> None:
    MODES[name]().save(tmp_path / "in.png")
    out = tmp_path / "out.png"
    assert run(tmp_path / "in.png", "-o", out, "--level", "masked").exit_code == 0
    assert is_masked(out)


def test_what_is_hidden_in_a_picture_does_not_come_along(tmp_path: Path) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "Jane Doe")
    hidden = written("RGBA", (255, 255, 255, 0), (250, 20, 20, 0))
    hidden.save(tmp_path / "in.png", pnginfo=told)
    out = tmp_path / "out.png"
    assert run(tmp_path / "in.png", "-o", out, "--level", "masked").exit_code == 0
    with Image.open(out) as opened:
        assert opened.info == {}
        assert len(np.unique(np.array(opened).reshape(-1, 3), axis=0)) == 1


def truncated(path: Path) -> None:
    written().save(path)
    path.write_bytes(path.read_bytes()[:-200])


def animated(path: Path) -> None:
    frames = [written(), written(ground="grey")]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


def huge(path: Path) -> None:
    Image.new("1", (20_000, 6_000)).save(path)


@pytest.mark.parametrize(
    ("make", "said", "code"),
    [
        (lambda path: path.write_text("no picture"), "no picture", 8),
        (truncated, "damaged", 8),
        (animated, "frames", 8),
        (huge, "million pixels", 8),
        (lambda path: path.mkdir(), "cannot be read", 2),
        (Path.exists, "cannot be read", 2),
    ],
)
def test_what_cannot_be_judged_has_no_output(
    make: Callable[[Path], object], said: str, code: int, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.png", tmp_path / "out.png"
    make(source)
    done = run(source, "-o", out, "--level", "masked")
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "in.png" in done.stderr
    assert sorted(tmp_path.glob("out*")) == []


def test_a_folder_is_masked_and_what_fails_is_named(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    written().save(source / "a.png")
    written().save(source / "b.jpg")
    (source / "c.png").write_text("no picture")
    (source / "notes.txt").write_text("left alone")
    done = run("--batch", source, out, "--level", "masked", "--json")
    assert done.exit_code == 8
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["file"] for row in rows] == ["a.png", "b.jpg.png"]
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg.png"]
    assert is_masked(out / "a.png")
    assert "c.png" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["in.png", "--level", "masked"],
        ["--level", "masked"],
        ["in.png", "-o", "out.jpg", "--level", "masked"],
        ["in.png", "-o", "out.png", "--level", "clear"],
        ["in.png", "--batch", "a", "b", "--level", "masked"],
        ["--batch", "missing", "b", "--level", "masked"],
    ],
)
def test_malformed_calls_say_so_and_write_nothing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written().save("in.png")
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert [path.name for path in Path().iterdir()] == ["in.png"]
