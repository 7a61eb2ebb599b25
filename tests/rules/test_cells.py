"""What stands in cells."""

from datetime import date, datetime
from typing import Any

import pytest

from certwatch.rules import cells
from certwatch.rules.status import Status


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("31.12.2026", date(2026, 12, 31)),
        ("31.12.26", date(2026, 12, 31)),
        ("1.2.2026", date(2026, 2, 1)),
        ("31/12/2026", date(2026, 12, 31)),
        ("31-12-2026", date(2026, 12, 31)),
        ("31 Dec 2026", date(2026, 12, 31)),
        ("31. Dezember 2026", date(2026, 12, 31)),
        ("1 März 2026", date(2026, 3, 1)),
        ("1. Ma\u0308rz 2026", date(2026, 3, 1)),
        ("3. Mai 26", date(2026, 5, 3)),
        ("31-Dec-2026", date(2026, 12, 31)),
        ("Dec 31, 2026", date(2026, 12, 31)),
        ("30 Sept. 2026", date(2026, 9, 30)),
        ("2026-12-31T00:00:00Z", date(2026, 12, 31)),
        ("31.12.2026 00:00", date(2026, 12, 31)),
        ("\N{NO-BREAK SPACE}31.12.2026 ", date(2026, 12, 31)),
        ("01.01.99", date(1999, 1, 1)),
        ("", None),
        (" - ", None),
        (datetime(2026, 12, 31), date(2026, 12, 31)),  # noqa: DTZ001 - as a spreadsheet has it
        (date(2026, 12, 31), date(2026, 12, 31)),
        (46387.0, date(2026, 12, 31)),  # a spreadsheet's day whose format was lost
    ],
)
def test_days_are_read_as_people_write_them(text: Any, day: date | None) -> None:
    assert cells.day_of(text) == day


@pytest.mark.parametrize(
    "text", ["soon", "32.12.2026", "31.02.2026", "2026", "31.12.", "12/31/2026", "1 Foo 2026", 2026.0, True]
)
def test_what_is_no_day_is_never_made_one(text: Any) -> None:
    with pytest.raises(ValueError):
        cells.day_of(text)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("valid", Status.VALID), ("Not yet valid", Status.NOT_YET_VALID), ("not_yet_valid", Status.NOT_YET_VALID),
        ("GÜLTIG", Status.VALID), ("läuft bald ab", Status.VALID), ("Expiring soon", Status.VALID),
        ("abgelaufen", Status.EXPIRED), ("ausgesetzt", Status.SUSPENDED), ("entzogen", Status.WITHDRAWN),
        ("beendet", Status.TERMINATED), ("nicht gefunden", Status.NOT_FOUND), ("unklar", Status.UNKNOWN),
        ("nie geprüft", Status.UNKNOWN), ("Noch nicht gültig", Status.NOT_YET_VALID), ("terminated", Status.TERMINATED),
        ("active", None), ("", None),
    ],
)  # fmt: skip
def test_status_words_are_the_apis_and_the_pages_in_both_languages(word: str, status: Status | None) -> None:
    assert cells.status_of(word) == status


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("x ", "x "),
        (890818.0, "890818"),
        (17, "17"),
        (1.5, "1.5"),
        (True, "TRUE"),
        (datetime(2026, 12, 31), "2026-12-31"),  # noqa: DTZ001 - as a spreadsheet has it
        (date(2026, 12, 31), "2026-12-31"),
    ],
)
def test_a_cell_is_read_as_its_writer_sees_it(cell: Any, text: str) -> None:
    assert cells.text_of(cell) == text


def test_a_line_has_single_spaces_and_nothing_that_cannot_be_seen() -> None:
    assert cells.one_line(" Müller\x00\n\tGmbH\N{NO-BREAK SPACE}& Co ") == "Müller GmbH & Co"


def test_each_tag_counts_once_as_first_written() -> None:
    assert cells.tags_of(" Raps; Öl,, raps ;") == ("Raps", "Öl")
