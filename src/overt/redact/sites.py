"""Which part of a host's name was registered by somebody: `shop` of `www.shop.co.uk`.

Input: a host name. Output: its registrable domain and its public suffix. The list of
public suffixes is the one that tldextract ships, its private section left out; the
package itself, which loads an HTTP client, is not imported. Without it this module
cannot be imported either. Fetches nothing.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Final

_PRIVATE: Final = "// ===BEGIN PRIVATE DOMAINS==="


def _shipped() -> Path:
    found = find_spec("tldextract")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'tldextract'", name="tldextract")
    path = Path(found.origin).with_name(".tld_set_snapshot")
    if not path.exists():
        raise ImportError(f"tldextract ships no {path.name}", name="tldextract")
    return path


_LIST: Final = _shipped()


@cache
def _rules() -> frozenset[str]:
    text = _LIST.read_text(encoding="utf-8").partition(_PRIVATE)[0]
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("//"))


def registered(host: str) -> tuple[str, str]:
    """Return a host's registrable domain and its public suffix.

    Args:
        host: A name in small letters without a dot at its end, or an address.

    Returns:
        For an address itself and nothing; where no suffix is known the last label and
        nothing; for a suffix alone the suffix twice.
    """
    if not host or _is_address(host):
        return host, ""
    labels = host.split(".")
    place = _suffix_place([_shown(label) for label in labels])
    if place == len(labels):
        return labels[-1], ""
    known = ".".join(labels[max(place - 1, 0) :]).strip(".")
    return known, ".".join(labels[place:])


def _suffix_place(labels: list[str]) -> int:
    """Return the place of the suffix's first label: the longest rule that fits."""
    rules = _rules()
    for place in range(len(labels)):
        name = ".".join(labels[place:])
        if "!" + name in rules:
            return place + 1
        above = ".".join(labels[place + 1 :])
        if name in rules or (above and "*." + above in rules):
            return place
    return len(labels)


def _shown(label: str) -> str:
    """A label as the list writes it: punycode decoded."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
