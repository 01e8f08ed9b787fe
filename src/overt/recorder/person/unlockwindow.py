"""A window that asks the owner to unlock before anything is recorded.

Input: a display, and whether the keyring keeps the passphrase. Output: the passphrase
as it was typed, or the owner's click; or nothing, and then nothing is recorded. It
shows nothing that was recorded and is never recorded itself.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk


class UnlockWindow:
    """One question, with a yes that has to be given and a no that costs nothing."""

    def __init__(self, root: tk.Tk, programme: str, kept: str | None) -> None:
        self._root, self._kept = root, kept
        self._typed = tk.StringVar()
        self.answer: str | None = None
        root.title("overt")
        root.configure(padx=18, pady=16)
        root.resizable(width=False, height=False)
        root.bind("<Escape>", lambda _: root.destroy())
        self._build(programme)

    def _build(self, programme: str) -> None:
        ttk.Label(
            self._root,
            text=f"Record your work for “{programme}”?\nNothing is recorded until you"
            " say so here.",
            wraplength=340,
        ).pack(anchor="w")
        if self._kept is None:
            entry = ttk.Entry(self._root, show="\N{BULLET}", textvariable=self._typed)
            entry.pack(fill="x", pady=(12, 0))
            entry.bind("<Return>", lambda _: self._yes())
            entry.focus_set()
        buttons = ttk.Frame(self._root)
        buttons.pack(fill="x", pady=(12, 0))
        ttk.Button(buttons, text="Not now", command=self._root.destroy).pack(
            side="right"
        )
        ttk.Button(buttons, text="Unlock and record", command=self._yes).pack(
            side="right", padx=8
        )

    def _yes(self) -> None:
        self.answer = self._kept if self._kept is not None else self._typed.get()
        self._root.destroy()


def ask(display: str, programme: str, kept: str | None) -> str | None:
    """Show the window and return the passphrase; None where the owner said no."""
    root = tk.Tk(screenName=display, className="overt-unlock")
    window = UnlockWindow(root, programme, kept)
    root.mainloop()
    return window.answer or None
