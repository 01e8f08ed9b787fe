"""The control window: pause, forget, never, stop, review, with a click or a key.

`python -m overt.recorder.person.window DISPLAY` is a process of its own, opened from
the indicator. Input: what the recorder says of itself, asked twice a second. Output:
the same calls that the commands make. It records nothing, holds no key and shows
nothing that was recorded; its window is never recorded either.
"""

from __future__ import annotations

import subprocess
import sys
import tkinter as tk
from functools import partial
from tkinter import ttk
from typing import TYPE_CHECKING, Any

from overt.protocol.errors import OvertError
from overt.recorder.person.control import ControlClient
from overt.recorder.person.home import Home
from overt.recorder.person.minutes import (
    destroyed_text,
    forget_everywhere,
    preview_everywhere,
    preview_text,
)
from overt.recorder.person.wishes import Never, add_never

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_MS = 500
_PAPER, _INK, _QUIET, _BUTTON = "#181a1f", "#f4f5f7", "#b4b9c2", "#2b2f37"
_EDGE = "#4a4e58"
_TONES = {"red": "#e2353a", "amber": "#f0aa28", "grey": "#969aa2", "alarm": "#e2353a"}
_PAUSES: tuple[tuple[str, dict[str, object]], ...] = (
    ("5 minutes", {"minutes": 5}),
    ("30 minutes", {"minutes": 30}),
    ("1 hour", {"minutes": 60}),
    ("Until tomorrow", {"until": "tomorrow"}),
    ("Until I resume", {}),
)
_FORGETS = (1, 5, 10, 30, 60)


class ControlWindow:
    """One window over one recorder."""

    def __init__(self, root: tk.Tk, home: Home, display: str) -> None:
        self._root, self._home = root, home
        self._client = ControlClient(home, display)
        self._text = tk.StringVar(value="Asking the recorder...")
        self._note = tk.StringVar()
        self._style()
        self._build()
        self._look()

    def _style(self) -> None:
        root = self._root
        root.title("overt")
        root.configure(background=_PAPER, padx=14, pady=12)
        root.resizable(width=False, height=False)
        root.attributes("-topmost", True)  # noqa: FBT003 - Tk's own form
        style = ttk.Style(root)
        style.theme_use("clam")
        style.configure(".", background=_PAPER, foreground=_INK, font=("Sans", 10))
        style.configure("TButton", background=_BUTTON, foreground=_INK, padding=5)
        style.map("TButton", background=[("active", "#3a3f49"), ("focus", "#0f7568")])
        style.configure("TLabelframe", background=_PAPER)
        for part in ("TLabelframe", "TButton"):
            edge = {"bordercolor": _EDGE, "lightcolor": _EDGE, "darkcolor": _EDGE}
            style.configure(part, **edge)
        style.configure("TLabelframe.Label", background=_PAPER, foreground=_QUIET)
        root.bind("<Escape>", lambda _: root.destroy())

    def _build(self) -> None:
        top = ttk.Frame(self._root)
        top.pack(fill="x")
        self._dot = tk.Label(top, text="\N{BLACK CIRCLE}", bg=_PAPER, fg=_TONES["grey"])
        self._dot.pack(side="left")
        ttk.Label(top, textvariable=self._text, wraplength=290).pack(side="left")
        pause = self._group("Pause")
        for place, (label, how) in enumerate(_PAUSES):
            run = partial(self._call, "pause", **how)
            button = self._button(pause, label, run, place)
            if not place:
                button.focus_set()
        self._resume = self._button(
            pause, "Resume", partial(self._call, "resume"), len(_PAUSES)
        )
        forget = self._group("Forget the last minutes")
        for place, count in enumerate(_FORGETS):
            self._button(forget, str(count), partial(self._preview, count), place, 5)
        self._more()
        ttk.Label(
            self._root, textvariable=self._note, wraplength=310, foreground=_QUIET
        ).pack(fill="x", pady=(8, 0))

    def _more(self) -> None:
        more = self._group("More")
        self._button(more, "Never record...", self._choose, 0)
        self._button(more, "Review", self._review, 1)
        self._button(more, "Stop recording", partial(self._call, "stop"), 2)
        self._button(more, "Close", self._root.destroy, 3)

    def _group(self, label: str) -> ttk.LabelFrame:
        group = ttk.LabelFrame(self._root, text=label, padding=6)
        group.pack(fill="x", pady=(8, 0))
        return group

    def _button(
        self,
        group: tk.Misc,
        label: str,
        run: Callable[[], object],
        place: int,
        columns: int = 2,
    ) -> ttk.Button:
        button = ttk.Button(group, text=label, command=run, width=4)
        row, column = divmod(place, columns)
        button.grid(row=row, column=column, sticky="ew", padx=3, pady=3)
        button.bind("<Return>", lambda _: button.invoke())
        group.columnconfigure(column, weight=1, uniform="same")
        return button

    def _look(self) -> None:
        """Show what the recorder says of itself."""
        try:
            state = self._client.call("status")
        except OvertError as error:
            state = {"tone": "grey", "text": str(error), "phase": "stopped"}
        self._text.set("\n".join([state["text"], *state.get("notices", [])]))
        self._dot.configure(fg=_TONES.get(state["tone"], _TONES["grey"]))
        paused = state["phase"] == "paused"
        self._resume.state(["!disabled" if paused else "disabled"])
        self._root.after(_LOOK_MS, self._look)

    def _call(self, command: str, **arguments: object) -> None:
        try:
            self._client.call(command, **arguments)
            self._note.set("")
        except OvertError as error:
            self._note.set(str(error))

    def _preview(self, count: int) -> None:
        """Say what goes, and destroy it when that is confirmed."""
        try:
            seen, fixed = preview_everywhere(self._home, {"minutes": count})
        except OvertError as error:
            self._note.set(str(error))
            return
        if not seen:
            self._note.set(preview_text(seen))
            return
        ask = self._ask(preview_text(seen))
        self._button(ask, "Destroy them", lambda: self._forget(ask, fixed), 0)
        self._button(ask, "Keep them", ask.winfo_toplevel().destroy, 1).focus_set()

    def _forget(self, ask: tk.Misc, arguments: dict[str, Any]) -> None:
        try:
            gone = forget_everywhere(self._home, arguments)
            self._note.set(destroyed_text(len(gone)))
        except OvertError as error:
            self._note.set(str(error))
        ask.winfo_toplevel().destroy()

    def _choose(self) -> None:
        """Let a window be chosen that is never recorded again."""
        try:
            windows = self._client.call("windows")["windows"]
        except OvertError as error:
            self._note.set(str(error))
            return
        ask = self._ask("Never record, from now on:\n(a site: overt never site HOST)")
        apps = dict.fromkeys(one["app"] for one in windows)
        choices = [(f"App {app}", Never(app=app)) for app in apps if app]
        choices += [
            (f"Window {one['title'][:40]}", Never(app=one["app"], title=one["title"]))
            for one in windows
            if one["title"]
        ]
        for place, (label, wish) in enumerate(choices[:12]):
            self._button(ask, label, partial(self._never, ask, wish), place, 1)
        self._button(
            ask, "None of them", ask.winfo_toplevel().destroy, 12, 1
        ).focus_set()

    def _never(self, ask: tk.Misc, wish: Never) -> None:
        try:
            add_never(self._home, wish)
            self._note.set("It is not recorded any more. See: overt never list")
        except OvertError as error:
            self._note.set(str(error))
        ask.winfo_toplevel().destroy()

    def _ask(self, text: str) -> ttk.Frame:
        """Open a small window with a text; return where its buttons go."""
        box = tk.Toplevel(self._root, background=_PAPER, padx=14, pady=12)
        box.title("overt")
        box.attributes("-topmost", True)  # noqa: FBT003 - Tk's own form
        box.bind("<Escape>", lambda _: box.destroy())
        ttk.Label(box, text=text, wraplength=330).pack(anchor="w")
        frame = ttk.Frame(box, padding=(0, 8, 0, 0))
        frame.pack(fill="x")
        return frame

    def _review(self) -> None:
        """Open the pages where the keyring unlocks; else say how."""
        from overt.recorder.person.enrol import load_enrolment
        from overt.recorder.person.keychain import kept_passphrase

        try:
            device = load_enrolment(self._home).device
        except OvertError as error:
            self._note.set(str(error))
            return
        if kept_passphrase(device) is None:
            self._note.set("In a terminal, run: overt my")
            return
        command = [sys.executable, "-m", "overt.cli", "my"]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        self._note.set("Your pages open in a window of their own.")


def main(display: str) -> None:
    """Show the window until it is closed."""
    root = tk.Tk(screenName=display, className="overt-control")
    ControlWindow(root, Home.default(), display)
    root.mainloop()


if __name__ == "__main__":
    main(sys.argv[1])
