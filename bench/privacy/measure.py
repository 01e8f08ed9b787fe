"""What masking leaves of a screen, against its ground truth.

Input: screens with ground truth. Output: counts: text pixels left, icons and long
edges kept. An edge counts where it can be seen in the picture at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from overt.redact.pixels import Masker

if TYPE_CHECKING:
    from bench.privacy.drawn import Box, Screen

_SEEN = 8  # levels across an edge that can be seen
_KEPT = 0.8  # share of an edge's length, or of an icon's area, that is kept


@dataclass
class Count:
    """Sums over screens.

    Attributes:
        screens: How many.
        text: Text pixels.
        left: Text pixels that are not covered.
        icons: How many icons.
        icons_kept: How many of them are seen as before.
        edges: How many long edges.
        edges_kept: How many of them are seen as before over 80 % of their length.
        edge_px: Their length.
        edge_px_kept: How much of it is seen as before.
        covered: Share of all pixels that is covered, summed over screens.
        leaks: Names of the screens with text left.
    """

    screens: int = 0
    text: int = 0
    left: int = 0
    icons: int = 0
    icons_kept: int = 0
    edges: int = 0
    edges_kept: int = 0
    edge_px: int = 0
    edge_px_kept: int = 0
    covered: float = 0.0
    leaks: tuple[str, ...] = ()

    def add(self, screen: Screen) -> None:
        """Mask a screen and count what is left and what is kept."""
        masker = Masker(screen.rgb)
        covered = masker.cover(masker.whole)
        left = int((screen.text & ~covered).sum())
        self.screens += 1
        self.text += int(screen.text.sum())
        self.left += left
        self.covered += float(covered.mean())
        self.leaks += (f"{screen.name}: {left}",) if left else ()
        for x0, y0, x1, y1 in screen.icons:
            self.icons += 1
            self.icons_kept += bool((~covered[y0:y1, x0:x1]).mean() >= _KEPT)
        for edge in screen.edges:
            if not _is_seen(screen.rgb, edge):
                continue
            x0, y0, x1, y1 = edge
            kept = ~covered[y0:y1, x0:x1]
            self.edges += 1
            self.edges_kept += bool(kept.mean() >= _KEPT)
            self.edge_px += kept.size
            self.edge_px_kept += int(kept.sum())

    def told(self) -> dict[str, object]:
        """Return shares for a report."""
        return {
            "screens": self.screens,
            "text_pixels": self.text,
            "text_pixels_left": self.left,
            "icons": self.icons,
            "icons_kept": _share(self.icons_kept, self.icons),
            "edges": self.edges,
            "edges_kept": _share(self.edges_kept, self.edges),
            "edge_length_kept": _share(self.edge_px_kept, self.edge_px),
            "covered": _share(self.covered, self.screens),
            "leaks": list(self.leaks[:20]),
        }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _is_seen(rgb: np.ndarray, edge: Box) -> bool:
    """Whether the picture changes across an edge along nearly all of it."""
    x0, y0, x1, y1 = edge
    level = x1 - x0 > y1 - y0
    pixels = rgb.astype(np.int16)
    if level:
        rows = pixels[max(0, y0 - 1) : y1 + 1, x0:x1]
        step = np.ptp(rows, axis=0).max(axis=1)
    else:
        columns = pixels[y0:y1, max(0, x0 - 1) : x1 + 1]
        step = np.ptp(columns, axis=1).max(axis=1)
    return bool((step >= _SEEN).mean() > 0.9)
