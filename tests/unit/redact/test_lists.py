"""The lists of names, as the file has them and nothing else."""

from __future__ import annotations

import random
import string

from overt.redact.lists import Names, names, read


def test_every_name_of_the_list_is_known_with_its_sign() -> None:
    listed = dict(line.split() for line in read("names.txt").splitlines())
    assert len(listed) > 100_000
    assert {word: names().get(word) for word in listed} == listed
    assert all(word in names() for word in listed)


def test_what_is_not_on_the_list_is_no_name() -> None:
    listed = {line.split()[0] for line in read("names.txt").splitlines()}
    rng = random.Random(5)  # noqa: S311 - a test's
    made = {"".join(rng.choices(string.ascii_lowercase, k=9)) for _ in range(50_000)}
    others = (made | {"", "the", "Anna"}) - listed
    assert not [word for word in others if word in names() or names().get(word)]


def test_names_may_share_a_slot() -> None:
    few = Names(f"name{number} {'LP'[number % 2]}\n" for number in range(100_000))
    assert few.get("name7") == "P"
    assert few.get("name8") == "L"
    assert few.get("name100000") is None
