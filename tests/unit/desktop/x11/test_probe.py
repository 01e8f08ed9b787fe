import os
import subprocess

import pytest

from overt.desktop.x11.probe import missing


def test_wayland_is_refused_with_the_remedy() -> None:
    found = missing(
        None,
        {
            "WAYLAND_DISPLAY": "wayland-0",
            "XDG_SESSION_TYPE": "wayland",
            "DISPLAY": ":0",
        },
    )
    assert len(found) == 1
    assert "X11 (Xorg) session" in found[0]


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        (":7", {"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":7"}),  # Xwayland's
        (":7", {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":7"}),
        ("", {"XDG_SESSION_TYPE": "Wayland"}),
    ],
)
def test_a_named_display_of_a_wayland_session_is_no_way_round(
    name: str, environment: dict[str, str]
) -> None:
    assert "Wayland session" in missing(name, environment)[0]


def test_no_display_is_named() -> None:
    assert "No display is set" in missing(None, {})[0]


@pytest.mark.display
def test_a_whole_display_lacks_nothing(x_server: str) -> None:
    assert missing(x_server) == []


@pytest.mark.display
@pytest.mark.parametrize("lacking", ["RECORD", "DAMAGE"])
def test_a_display_without_an_extension_is_named(lacking: str) -> None:
    reader, writer = os.pipe()
    command = ["/usr/bin/Xvfb", "-displayfd", str(writer), "-extension", lacking]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as said:
        name = f":{said.readline().strip()}"
    found = missing(name)
    server.terminate()
    server.wait()
    assert len(found) == 1
    assert f"lacks the extension {lacking}" in found[0]
    assert f"+extension {lacking}" in found[0]
