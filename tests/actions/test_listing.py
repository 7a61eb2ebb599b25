"""The list of certificates: what is let through, in which order, page by page."""

import base64
import csv
import io
import json
from datetime import date, timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from certwatch.actions import dashboard, listing, tables
from certwatch.models import Organisation
from certwatch.rules.listing import SORTS, Filter
from certwatch.rules.shown import Key, Why
from tests.actions.watched import TODAY, by_hand, read, supplier, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def page(org: Organisation, wanted: Filter = Filter(), **at: str) -> listing.Page:  # noqa: B008 - it never changes
    cursors: dict[str, Any] = {"after": "", "before": "", **at}
    return listing.page(org, wanted, known=dashboard.states(), today=TODAY, now=NOON, **cursors)


def numbers_of(org: Organisation, **wanted: Any) -> list[str]:
    return [row.certificate.number for row in page(org, Filter(**{"sort": "number", **wanted})).rows]


@pytest.fixture
def mixed(nordmuehle: Organisation) -> Organisation:
    """Much that is equal, and some of it missing."""
    read()
    mill = supplier(nordmuehle, "Mühle")
    for place in range(23):
        watch(
            nordmuehle, f"EU-ISCC-Cert-DE100-{place:03}", holder=f"Holder {place % 3}", listed=place % 7 != 0,
            word=("valid", "suspended", "not_found", "unknown")[place % 4], scheme=("ISCC EU", "")[place % 2],
            supplier=mill if place % 5 == 0 else None, added_at=NOON - timedelta(days=place % 4),
            valid_until=None if place % 6 == 0 else date(2026, 11, 1) + timedelta(days=40 * (place % 5)),
        )  # fmt: skip
    by_hand(nordmuehle, "NIS-1", valid_until=None)
    return nordmuehle


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
def test_pages_hold_every_row_once_forwards_and_backwards(
    mixed: Organisation, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 5)
    wanted = Filter(sort=sort)
    forwards, at = [page(mixed, wanted)], ""
    while at := forwards[-1].after:
        forwards.append(page(mixed, wanted, after=at))
    ids = [[row.certificate.pk for row in one.rows] for one in forwards]
    assert [len(one) for one in ids] == [5, 5, 5, 5, 4]
    assert len({pk for one in ids for pk in one}) == 24
    assert forwards[0].before == ""

    backwards = [forwards[-1]]
    while at := backwards[-1].before:
        backwards.append(page(mixed, wanted, before=at))
    assert [[row.certificate.pk for row in one.rows] for one in reversed(backwards)] == ids


def test_the_worst_comes_first_and_upside_down_last(mixed: Organisation) -> None:
    places = [row.certificate.severity for row in page(mixed).rows]
    assert places == sorted(places)
    assert [row.certificate.severity for row in page(mixed, Filter(sort="-status")).rows] == places[::-1]


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "ä", "=", "[]", "e30", base64.urlsafe_b64encode(b"[" * 5_000).decode(),
        *(
            base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
            for place in ([1], [99, "2027-01-01", "x"], [0, "soon", "x"], [0, "2027-01-01", "a\0"],
                          [0, "2027-01-01", "\ud800"], [0, "2027-01-01", 5], [True, None, None], [10**30, "", ""])
        ),
    ],
)  # fmt: skip
def test_a_cursor_that_was_made_up_shows_the_first_page(mixed: Organisation, cursor: str) -> None:
    first = [row.certificate.pk for row in page(mixed).rows]
    assert [row.certificate.pk for row in page(mixed, after=cursor).rows] == first
    assert [row.certificate.pk for row in page(mixed, before=cursor).rows] == first


def test_what_is_searched_for_stands_in_number_holder_or_supplier(nordmuehle: Organisation) -> None:
    watch(nordmuehle, "EU-ISCC-Cert-DE100-1", holder="ÖLMÜHLE Nord GmbH & Co. KG")
    watch(nordmuehle, "B 2", holder="Rapsmühle", supplier=supplier(nordmuehle, "Groß-Gerau Öle"))
    by_hand(nordmuehle, "NIS/3", holder="Donautal RAPSÖL (Krems)")
    for text, found in {
        "de100-1": ["EU-ISCC-Cert-DE100-1"],
        "eu\u2013iscc cert DE100": ["EU-ISCC-Cert-DE100-1"],  # another dash, and a space in place of one
        "ölmühle nord": ["EU-ISCC-Cert-DE100-1"],
        "öl de100": ["EU-ISCC-Cert-DE100-1"],
        "GROSS gerau": ["B 2"],
        "b2": ["B 2"],
        "rapsöl krems": ["NIS/3"],
        "(krems)": ["NIS/3"],
        "öl": ["B 2", "EU-ISCC-Cert-DE100-1", "NIS/3"],
        "-": ["B 2", "EU-ISCC-Cert-DE100-1", "NIS/3"],
        "nord gerau": [],
        "100%": [],
        "_": [],
    }.items():
        assert numbers_of(nordmuehle, q=text) == found, text


def test_filters_let_through_what_all_of_them_want(nordmuehle: Organisation) -> None:
    read()
    mill = supplier(nordmuehle, "Nordkap Öle")
    watch(nordmuehle, "1", word="suspended", tags=["Größe", "UCO"], supplier=mill)
    watch(nordmuehle, "2", valid_until=date(2026, 12, 24), scheme="ISCC PLUS", tags=["UCO 2"])
    watch(nordmuehle, "3", valid_until=date(2026, 11, 23))
    watch(nordmuehle, "4", word="unknown", valid_until=None, source="redcert", scheme="REDcert-EU")
    by_hand(nordmuehle, "5", word="unknown", valid_until=None)
    watch(nordmuehle, "6", removed_at=NOON)
    for wanted, found in (
        ({}, ["1", "2", "3", "4", "5"]),
        ({"status": ("suspended",)}, ["1"]),
        ({"status": ("expiring", "expired")}, ["2", "3"]),
        ({"status": ("valid",)}, []),
        ({"status": ("unknown",)}, ["4", "5"]),
        ({"scheme": ("ISCC PLUS", "REDcert-EU")}, ["2", "4"]),
        ({"tag": ("UCO",)}, ["1"]),  # not "UCO 2"
        ({"tag": ("Größe",)}, ["1"]),
        ({"supplier": ("nordkap",)}, ["1"]),
        ({"kind": "nis"}, ["5"]),
        ({"kind": "automatic"}, ["1", "2", "3", "4"]),
        ({"expires_within": 30}, ["2"]),
        ({"expires_within": 29}, []),
        ({"ends_from": date(2026, 11, 23), "ends_to": date(2026, 12, 24)}, ["2", "3"]),
        ({"kind": "automatic", "status": ("unknown",), "scheme": ("ISCC PLUS",)}, []),
    ):
        assert numbers_of(nordmuehle, **wanted) == found, wanted


def test_rows_say_why_and_how_old(nordmuehle: Organisation) -> None:
    read("iscc", hours_ago=72)
    watch(nordmuehle, "stale")
    watch(nordmuehle, "several", word="unknown", ambiguous=True)
    watch(nordmuehle, "not found", word="not_found", listed=False)
    watch(nordmuehle, "never", word="unknown", source="redcert", listed=False)
    by_hand(nordmuehle, "hand").own_versions.create(word="valid", entered_at=NOON)
    rows = {row.certificate.number: row for row in page(nordmuehle).rows}
    assert (rows["stale"].shown.last_known, rows["stale"].checked) == (True, NOON - timedelta(hours=72))
    assert rows["several"].shown.why == Why.SEVERAL_HOLDERS
    assert rows["not found"].shown.why == Why.UNCONFIRMED
    assert (rows["never"].shown.key, rows["never"].checked) == (Key.NEVER, None)
    assert (rows["hand"].by_hand, rows["hand"].checked, rows["hand"].holder) == (True, None, "Donautal Rapsöl GmbH")


def test_menus_count_what_there_is_and_what_fits(mixed: Organisation) -> None:
    menus = listing.menus(mixed, Filter(status=("suspended",)), known=dashboard.states(), today=TODAY)
    assert (menus.total, menus.matching, menus.by_hand) == (24, menus.statuses["suspended"], 1)
    assert menus.suppliers == {"Mühle": 5}
    assert menus.schemes == {"ISCC EU": 12}
    assert sum(menus.statuses.values()) == 24


def test_the_list_without_a_condition_is_counted_in_one_query(
    mixed: Organisation, django_assert_num_queries: Any
) -> None:
    filters = [Filter(), Filter(kind="nis"), Filter(q="holder 1"), Filter(tag=("x",))]
    known = dashboard.states()
    with django_assert_num_queries(1):
        counted = listing.counts(mixed, filters, known=known, today=TODAY)
    assert counted == [24, 1, len(numbers_of(mixed, q="holder 1")), 0]


EVIL = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil")', "  =1+1", "=cmd|' /C calc'!A0",
]  # fmt: skip


def evil(org: Organisation) -> None:
    for place, text in enumerate(EVIL):
        watch(org, f"N {place}", holder=text, notes=text, tags=[text], supplier=supplier(org, f"{text} {place}"))


def test_an_export_as_csv_holds_exactly_what_is_filtered(mixed: Organisation) -> None:
    wanted = Filter(status=("suspended",), sort="-number")
    content = b"".join(tables.csv(listing.table(mixed, wanted, today=TODAY)))
    assert content.startswith(b"\xef\xbb\xbf")  # else Excel takes it for Windows-1252
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["number"] for row in rows] == [row.certificate.number for row in page(mixed, wanted).rows]
    assert rows[-1] == {
        "number": "EU-ISCC-Cert-DE100-001", "status": "suspended", "shown": "suspended", "holder": "Holder 1",
        "supplier": "", "supplier_number": "", "scheme": "", "valid_from": "", "valid_until": "2026-12-11",
        "last_checked": "2026-11-24T06:00:00Z", "kind": "automatic", "tags": "", "responsible": "", "notes": "",
    }  # fmt: skip


def test_no_cell_of_a_csv_is_a_formula(nordmuehle: Organisation) -> None:
    evil(nordmuehle)
    content = b"".join(tables.csv(listing.table(nordmuehle, Filter(), today=TODAY)))
    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) for cell in row]
    assert not [cell for cell in cells if cell.lstrip(" ")[:1] in {"=", "+", "-", "@", "\t", "\r"}]
    assert {f"'{text}" for text in EVIL} <= set(cells)  # still to be read


def test_no_cell_of_a_workbook_is_a_formula(nordmuehle: Organisation) -> None:
    evil(nordmuehle)
    with tables.xlsx(listing.table(nordmuehle, Filter(sort="number"), today=TODAY)) as file:
        content = file.read()
    (sheet,) = [CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)]
    rows = sheet.to_python()
    assert rows[0] == list(listing.COLUMNS)
    assert [row[listing.COLUMNS.index("notes")] for row in rows[1:]] == EVIL
    assert b"<f>" not in content
