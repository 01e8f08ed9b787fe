"""Registrable domains are those that the list of public suffixes makes them."""

from __future__ import annotations

import pytest
import tldextract

from overt.redact import sites
from overt.redact.sites import registered


@pytest.mark.parametrize(
    ("host", "domain", "suffix"),
    [
        ("www.shop.co.uk", "shop.co.uk", "co.uk"),
        ("shop.example", "example", ""),
        ("a.b.city.kawasaki.jp", "city.kawasaki.jp", "kawasaki.jp"),
        ("a.b.other.kawasaki.jp", "b.other.kawasaki.jp", "other.kawasaki.jp"),
        ("www.xn--bcher-kva.xn--p1ai", "xn--bcher-kva.xn--p1ai", "xn--p1ai"),
        ("someone.github.io", "github.io", "io"),
        ("com", "com", "com"),
        ("127.0.0.1", "127.0.0.1", ""),
        ("localhost", "localhost", ""),
        ("xn--\N{SNOWMAN}.de", "xn--\N{SNOWMAN}.de", "de"),
        ("", "", ""),
    ],
)
def test_a_host_is_divided(host: str, domain: str, suffix: str) -> None:
    assert registered(host) == (domain, suffix)


def test_it_agrees_with_the_package_whose_list_it_reads() -> None:
    theirs = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    for rule in sorted(sites._rules())[::25]:
        for host in (f"www.shop.{rule.lstrip('!*.')}", rule.lstrip("!*.")):
            found = theirs(host)
            name = f"{found.domain}.{found.suffix}".strip(".")
            assert registered(host) == (name, found.suffix)
