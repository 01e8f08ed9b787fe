"""The input devices of an X display: which are masters, which are synthetic.

Input: a connection with X Input. Output: tables by device id. A master (the pointer
that is seen, the keyboard that is typed on) repeats what its devices do; a synthetic
device has no hand behind it: it does what clients ask of XTEST. X Input 2
protocol, version 2.2, section 4.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.x11.wire import GENERIC_EVENT, RefusedError, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

IDS = 128  # X Input 1 has no more
_SELECT, _QUERY_VERSION, _QUERY_DEVICE, _GET_PROPERTY = 46, 47, 48, 59
_ALL, _HIERARCHY_CHANGED = 0, 11
_IS_MASTER = frozenset({1, 2})  # pointer, keyboard
_HEAD_BYTES, _DEVICE_BYTES = 32, 12
_ITEMS_AT, _VALUE_AT = 16, 32  # in the reply of XIGetProperty


class InputDevices:
    """Knows the devices, and hears when they change.

    Attributes:
        is_known, is_master, is_synthetic: (IDS,) by device id. What is gone is
            remembered as it was: what it did may not have been read yet.
    """

    def __init__(self, wire: Wire) -> None:
        """Listen for changes on a connection and look at all devices.

        Raises:
            CaptureError: The server is gone or has no X Input 2.
        """
        self.is_known, self.is_master, self.is_synthetic = np.zeros((3, IDS), np.bool_)
        self._wire = wire
        self._major = wire.extension("XInputExtension").major
        self._mark = wire.atom("XTEST Device")  # clients cannot set it
        wire.ask(self._major, _QUERY_VERSION, struct.pack("=HH", 2, 2))
        mask = struct.pack("=HHI", _ALL, 1, 1 << _HIERARCHY_CHANGED)
        wire.send(self._major, _SELECT, struct.pack("=IHxx", wire.root, 1) + mask)
        self.look()

    def hear(self, packets: Sequence[bytes]) -> None:
        """Look again where the packets that came on the connection tell of changes.

        Raises:
            CaptureError: The server is gone or silent.
        """
        if any(packet[0] & 0x7F == GENERIC_EVENT for packet in packets):
            self.look()

    def look(self) -> None:
        """Look at all devices.

        Raises:
            CaptureError: The server is gone or silent.
        """
        reply = self._wire.ask(self._major, _QUERY_DEVICE, _words(_ALL)).reply
        place = _HEAD_BYTES
        for _ in range(struct.unpack_from("=H", reply, 8)[0]):
            device, use, classes, name_bytes = struct.unpack_from(
                "=HHxxHH", reply, place
            )
            place += _DEVICE_BYTES + -(-name_bytes // 4) * 4
            for _ in range(classes):
                place += 4 * struct.unpack_from("=H", reply, place + 2)[0]
            self.is_known[device] = True
            self.is_master[device] = use in _IS_MASTER
            self.is_synthetic[device] = self._is_marked(device)

    def _is_marked(self, device: int) -> bool:
        body = struct.pack("=HBxIIII", device, 0, self._mark, 0, 0, 1)
        try:
            reply = self._wire.ask(self._major, _GET_PROPERTY, body).reply
        except RefusedError:  # gone meanwhile
            return False
        has_value = struct.unpack_from("=I", reply, _ITEMS_AT)[0] > 0
        return has_value and reply[_VALUE_AT] != 0


def _words(device: int) -> bytes:
    return struct.pack("=Hxx", device)
