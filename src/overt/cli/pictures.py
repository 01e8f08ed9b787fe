"""Pictures of commands: read whole as 8-bit RGB, written as PNG without metadata.

Input: a file that somebody names. Output: pixels, or an error that names the file and
says what to do. Transparency is laid on white, 16 bits are cut to 8, the camera's
rotation is applied; animated and huge pictures are refused.
"""

from __future__ import annotations

import struct
import warnings
from typing import IO, TYPE_CHECKING, Final

from overt.protocol.errors import DataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from overt.protocol.records import Pixels

_MOST_PX: Final = 100_000_000  # about 300 MB; twelve 4K screens


def read_picture(path: Path) -> Pixels:
    """Return a picture's pixels, uint8 (height, width, 3), RGB.

    Raises:
        DataError: It is no picture, damaged, animated, or too large.
        UsageError: The file cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            with Image.open(file) as opened:
                _check(opened, path)
                return _rgb(opened)
    except DataError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} is no picture that can be read.",
            remedy="Convert it to PNG and mask that.",
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        raise _damaged(path) from error
    except (ValueError, SyntaxError, EOFError, TypeError, LookupError) as error:
        raise _damaged(path) from error  # Pillow's readers of damaged files
    except struct.error as error:
        raise _damaged(path) from error  # the same, of TIFF


def write_picture(rgb: Pixels, file: IO[bytes]) -> None:
    """Write pixels as PNG, with nothing but the pixels."""
    from PIL import Image

    Image.fromarray(rgb).save(file, format="PNG")


def _check(opened: Image.Image, path: Path) -> None:
    if getattr(opened, "n_frames", 1) > 1:
        raise DataError(
            f"{path} has several frames or pages.",
            remedy="Save each as a picture and mask those with --batch.",
        )
    if opened.width * opened.height > _MOST_PX:
        raise DataError(
            f"{path} has more than {_MOST_PX // 1_000_000} million pixels.",
            remedy="Cut it into parts and mask those with --batch.",
        )


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is damaged.", remedy="Save the picture anew.")


def _rgb(opened: Image.Image) -> Pixels:
    import numpy as np
    from PIL import Image, ImageOps

    turned = ImageOps.exif_transpose(opened)
    if turned.mode.startswith("I;16") or turned.mode in {"I", "F"}:
        wide = np.asarray(turned, dtype=np.float64)
        scale = 1 if wide.max(initial=0) <= 255 else 257
        grey = np.clip(wide / scale, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
    if turned.has_transparency_data:
        layer = turned.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        turned = Image.alpha_composite(ground, layer)
    return np.array(turned.convert("RGB"))
