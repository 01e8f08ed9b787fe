"""Windows of sensitive classes are found, with the rule that found them."""

from __future__ import annotations

import pytest

from overt.redact.classify import Entry, entries, sensitive

CLASSES = {
    "health", "banking and tax", "union", "religion", "politics", "sexual life",
    "HR and performance reviews", "private conversation", "call transcripts",
    "credentials", "legal advice",
}  # fmt: skip


@pytest.mark.parametrize(
    ("app", "url", "title", "name"),
    [
        ("Firefox", "https://my-clinic.example.org/", "Welcome", "health"),
        ("Firefox", None, "Meine Krankmeldung - Firefox", "health"),
        ("Firefox", "https://www.sparkasse-nowhere.example/", "", "banking and tax"),
        ("gnucash", None, "book", "banking and tax"),
        ("Firefox", None, "Déclaration de revenus", "banking and tax"),
        ("Firefox", "https://gewerkschaft.example/", "", "union"),
        ("Firefox", "https://st-mary.church/", "", "religion"),
        ("Firefox", "https://x.org/a?q=sign+the+petition", "", "politics"),
        ("Firefox", "https://some.dating/", "", "sexual life"),
        ("Firefox", None, "Performance Review 2025", "HR and performance reviews"),
        ("Signal", None, "Signal", "private conversation"),
        ("Firefox", None, "Meeting transcript", "call transcripts"),
        ("KeePassXC", None, "x", "credentials"),
        ("Firefox", "https://kanzlei-nowhere.example/", "", "legal advice"),
        ("Firefox", None, "ＰＲＥＳＣＲＩＰＴＩＯＮ", "health"),  # noqa: RUF001
        ("Firefox", None, "pre\u200bscription", "health"),
    ],
)
def test_a_sensitive_window_is_found(
    app: str, url: str | None, title: str, name: str
) -> None:
    found = sensitive(app, url, title)
    assert found is not None
    assert found.name == name
    assert found.source


@pytest.mark.parametrize(
    ("app", "url", "title"),
    [
        ("gedit", None, "notes.txt"),
        ("Chromium", "https://docs.example.com/report", "Report - Docs"),
        ("Chromium", "https://example.org/classes", "Classes of steel"),
        ("libreoffice", None, "Untitled 1 - Calc"),
        ("Firefox", "http://[::1", "odd address"),
        ("", "", ""),
    ],
)
def test_other_windows_are_not(app: str, url: str | None, title: str) -> None:
    assert sensitive(app, url, title) is None


def test_every_class_has_entries_with_sources() -> None:
    assert {entry.name for entry in entries()} == CLASSES
    assert all(entry.source for entry in entries())


def test_words_of_a_page_count_together() -> None:
    assert sensitive("Firefox", None, "Page", "the treatment") is None
    page = "Treatment: medication. The patient has symptoms."
    found = sensitive("Firefox", None, "Page", page)
    assert found is not None
    assert found.name == "health"


def test_entries_can_be_added_and_none_taken_away() -> None:
    mine = Entry("mine", "the participant's wish", titles=("garden club",))
    found = sensitive("Firefox", None, "Garden Club", more=[mine])
    assert found is not None
    assert found.name == "mine"
    assert sensitive("KeePassXC", None, "x", more=[mine]) is not None


def test_a_reason_does_not_say_what_the_window_showed() -> None:
    found = sensitive("Firefox", "https://nanette.clinic.example", "Nanette's page")
    assert found is not None
    assert "nanette" not in " ".join(found).casefold()
