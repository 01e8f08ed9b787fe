"""`overt redact`: a line in, a line out; nothing for a line that cannot be read."""

from __future__ import annotations

import json

from click.testing import CliRunner

from overt.cli.__main__ import main


def test_each_line_is_answered() -> None:
    given = (
        '{"id": 7, "text": "Ask Nanette \\ud83d\\ude00"}\n\n{"id": "b", "text": ""}\n'
    )
    result = CliRunner().invoke(main, ["redact", "text", "--level", "words"], given)
    assert result.exit_code == 0
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["id"] == 7
    assert first["spans"][-1]["end"] == 13
    assert second == {"id": "b", "spans": []}


def test_a_bad_line_is_told_by_its_number_and_gives_no_output() -> None:
    lines = ['{"id": 1, "text": "Nanette"}', "Nanette", '{"id": 2}', '["Nanette"]']
    lines += ['{"id": 3, "text": 5}', '{"text": "Nanette"}', '{"id": 4, "text": "x"}']
    args = ["redact", "text", "--level", "masked"]
    result = CliRunner().invoke(main, args, "\n".join(lines))
    assert result.exit_code == 8
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [1, 4]
    for number in (2, 3, 4, 5, 6):
        assert f"Line {number} " in result.stderr
    assert "Nanette" not in result.output


def test_what_is_no_text_in_utf_8_is_no_line() -> None:
    args = ["redact", "text", "--level", "words", "--json"]
    result = CliRunner().invoke(main, args, b'{"id": 1, "text": "\xff"}\n')
    assert result.exit_code == 8
    assert not result.stdout
    told = [json.loads(line) for line in result.stderr.splitlines()]
    assert told[0]["line"] == 1
    assert told[1]["exit_code"] == 8


def test_windows_are_classified_line_by_line() -> None:
    lines = [
        '{"app": "Firefox", "url": "https://a-clinic.example", "title": "Welcome"}',
        '{"app": "gedit", "url": null, "title": "notes.txt"}',
        '{"app": "gedit"}',
    ]
    result = CliRunner().invoke(main, ["redact", "classify"], "\n".join(lines))
    assert result.exit_code == 8
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["class"] == "health"
    assert "clinic" in first["reason"]
    assert second["class"] is None
    assert "Line 3 " in result.stderr
