"""Icons, status, dates and numbers."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

import certwatch
from certwatch.templatetags import certwatch as tags

PACKAGE = Path(certwatch.__file__).parent


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", ["24 Nov 2026", "5 May 2027", "3 Mar 2026"]), ("de", ["24. Nov. 2026", "5. Mai 2027", "3. März 2026"])],
)
def test_dates_cannot_be_misread(language: str, expected: list[str]) -> None:
    with translation.override(language):
        assert [tags.day(d) for d in (date(2026, 11, 24), date(2027, 5, 5), date(2026, 3, 3))] == expected


@pytest.mark.parametrize(("language", "expected"), [("en", "24 Nov 2026, 14:05"), ("de", "24. Nov. 2026, 14:05")])
def test_times_have_24_hours_in_the_readers_time_zone(language: str, expected: str) -> None:
    with translation.override(language), timezone.override("Europe/Berlin"):
        assert tags.moment(datetime(2026, 11, 24, 13, 5, tzinfo=UTC)) == expected


def test_what_is_not_known_is_a_dash() -> None:
    assert (tags.day(None), tags.moment(None)) == ("–", "–")


@pytest.mark.parametrize(
    ("language", "expected"), [("en", ["5,018", "71", "98.2 %"]), ("de", ["5.018", "71", "98,2 %"])]
)
def test_numbers_are_grouped_as_the_language_does(language: str, expected: list[str]) -> None:
    with translation.override(language):
        assert [tags.number(5018), tags.number(71), tags.percent(0.9821)] == [
            text.replace(" ", "\N{NO-BREAK SPACE}") for text in expected
        ]


@pytest.mark.parametrize("key", tags.STATUSES)
def test_a_status_is_always_icon_and_word(key: str) -> None:
    for shape in ("", "pill", "stamp"):
        shown = Template("{% load certwatch %}{% status key shape %}").render(Context({"key": key, "shape": shape}))
        assert f"cw-status st-{key}" in shown
        assert re.search(r'<use href="/static/icons\.\w+\.svg#(st|i)-[\w-]+"/>', shown)
        assert re.search(r"</svg>[A-Z][a-z ]+</span>$", shown)


def test_there_are_ten_statuses_worst_first() -> None:
    worst_first = "suspended withdrawn terminated expired notfound unclear expiring notyet valid never"
    assert list(tags.STATUSES) == worst_first.split()


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (PACKAGE / "static" / "icons.svg").read_text(encoding="utf-8")))
    named = {
        name
        for template in (PACKAGE / "templates").rglob("*.html")
        for name in re.findall(r'{% icon "([\w-]+)"', template.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= drawn
