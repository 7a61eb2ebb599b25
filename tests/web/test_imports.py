"""An import's pages: columns, progress, preview, result, the list of all."""

import csv
import io
import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from python_calamine import CalamineWorkbook

from certwatch.actions import uploads
from certwatch.models import AuditEntry, Import, Organisation, User
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry
from tests.conftest import NOON
from tests.rules.test_layouts import workbook

ALL = "/o/nordmuehle/imports/"
HEADINGS = "Certificate number;Supplier;Tags"


@pytest.fixture
def mias(mia: User) -> Client:
    client = Client()
    client.force_login(mia)
    return client


@pytest.fixture
def bens(ben: User) -> Client:
    client = Client()
    client.force_login(ben)
    return client


def uploaded(client: Client, *lines: str, content: bytes = b"", name: str = "list.csv") -> str:
    """The address of an import whose columns are to be confirmed."""
    data = content or "\n".join([HEADINGS, *lines]).encode()
    return str(client.post("/o/nordmuehle/add/", {"do": "upload", "file": SimpleUploadedFile(name, data)})["Location"])


def only(org: Organisation) -> Import:
    upload: Import = org.imports.get()
    upload.org = org
    return upload


def previewed(client: Client, org: Organisation, *lines: str) -> str:
    address = uploaded(client, *lines)
    client.post(address, {"do": "columns", "column-0": "number", "column-1": "supplier", "column-2": "tags"})
    assert uploads.work(only(org), clock=lambda: NOON)
    return address


def text_of(client: Client, address: str) -> str:
    return client.get(address).content.decode()


class TestColumns:
    def test_they_are_recognised_and_shown_with_first_values(
        self, mias: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        address = uploaded(mias, f"{NUMBER};Müller;FAME", "2BS010422;Beispiel;")
        with django_assert_num_queries(4):  # session, person, memberships, the import
            text = text_of(mias, address)
        assert "Match the columns" in text
        assert f"{NUMBER}, 2BS010422" in text
        assert "1 of 2 filled" in text
        assert re.findall(r'<option value="(\w+)" selected>', text) == ["number", "supplier", "tags"]

    def test_a_person_says_what_the_headings_do_not(self, mias: Client, nordmuehle: Organisation) -> None:
        address = uploaded(mias, content=f"Ref;Who\n{NUMBER};Müller\n".encode())
        mias.post(address, {"do": "columns", "column-0": "number", "column-1": "supplier"})
        uploads.work(only(nordmuehle), clock=lambda: NOON)
        (row,) = only(nordmuehle).rows.all()
        assert (row.number, row.said["supplier"]) == (NUMBER, "Müller")

    @pytest.mark.parametrize(
        ("chosen", "why"),
        [
            ({"column-1": "supplier"}, "Say which column holds the certificate numbers."),
            ({"column-0": "number", "column-1": "number"}, "Two columns go to “Certificate number”."),
        ],
    )
    def test_without_one_column_of_numbers_nothing_goes_on(
        self, mias: Client, nordmuehle: Organisation, chosen: dict[str, str], why: str
    ) -> None:
        address = uploaded(mias, f"{NUMBER};Müller;")
        assert why in mias.post(address, {"do": "columns", **chosen}, follow=True).content.decode()
        assert only(nordmuehle).state == "uploaded"

    def test_another_sheet_can_be_read(self, mias: Client, nordmuehle: Organisation) -> None:
        data = workbook(Active=[["Certificate number"], ["2BS010422"]], Old=[["Certificate"], ["X1"], ["X2"]])
        address = uploaded(mias, content=data, name="list.xlsx")
        assert "sheet “Active”" in text_of(mias, address)
        mias.post(address, {"do": "sheet", "sheet": "Old"})
        assert "sheet “Old”" in text_of(mias, address)
        assert only(nordmuehle).total == 2
        answer = mias.post(address, {"do": "sheet", "sheet": "None"}, follow=True).content.decode()
        assert "There is no sheet “None”; there are Active, Old." in answer


class TestProgress:
    def test_it_is_shown_and_works_without_script(
        self, mias: Client, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        address = uploaded(mias, f"{NUMBER};Müller;")
        mias.post(address, {"do": "columns", "column-0": "number"})
        with django_assert_num_queries(4):
            text = text_of(mias, address)
        assert '<progress max="1" value="0"' in text
        assert '<noscript><meta http-equiv="refresh"' in text
        assert 'hx-trigger="every 1s"' in text


class TestPreview:
    def test_counts_rows_and_choices(
        self, mias: Client, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        entry(NUMBER, "Müller GmbH")
        entry(NUMBER, "Beispiel AG")
        address = previewed(mias, nordmuehle, f"{NUMBER};X;", f"{NUMBER};X;", "2BS010422;X;", ";Nobody;", "X-1;X;")
        with django_assert_num_queries(6):  # session, person, memberships, the import, its rows, what is ready
            text = text_of(mias, address + "?show=all")
        assert "3 of 5 rows are ready to add" in text
        assert "Add 3 certificates" in text
        assert "Beispiel AG" in text
        assert [int(line) for line in re.findall(r'name="(?:pick|leave)-(\d+)"', text)] == [2, 4, 6]
        assert nordmuehle.certificates.count() == 0

    def test_a_last_day_is_not_taken_for_a_suspension_s_end(self, mias: Client, nordmuehle: Organisation) -> None:
        entry(NUMBER, "Müller GmbH", word=Status.SUSPENDED)
        entry("2BS010422", "Beispiel AG", source="twobsvs", scheme="2BSvs", valid_until=date(2027, 3, 31))
        address = previewed(mias, nordmuehle, f"{NUMBER};X;", "2BS010422;X;")
        text = " ".join(re.sub(r"<[^>]+>", " ", text_of(mias, address + "?show=all")).split())
        assert "Müller GmbH, Suspended Last day 31 Dec 2026" in text
        assert "Beispiel AG, Valid until 31 Mar 2027" in text

    def test_rows_come_in_pages(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, *(f"2BS{place:06};X;" for place in range(120)))
        first = text_of(mias, f"{address}?show=all")
        assert "2BS000049" in first
        assert "2BS000050" not in first
        second = text_of(mias, f"{address}?show=all&after=51")
        assert ("2BS000049" in second, "2BS000050" in second, "2BS000099" in second) == (False, True, True)
        assert "?show=all&amp;before=52" in second
        back = text_of(mias, f"{address}?show=all&before=52")
        assert ("2BS000000" in back, "2BS000049" in back, "2BS000050" in back) == (True, True, False)
        assert "There are no rows here." in text_of(mias, f"{address}?show=found")

    def test_choices_of_a_page_are_kept(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;", "2BS010422;X;", "X-1;X;")
        mias.post(address, {"do": "save", "lines": "2 3 4", "leave-3": "on", "describe": "on"})
        assert list(only(nordmuehle).rows.values_list("line", "picked")) == [(2, ""), (3, "-"), (4, "")]
        assert (only(nordmuehle).by_hand, only(nordmuehle).describe) == (False, True)
        assert "1 of 3 rows are ready" in text_of(mias, address)

    def test_an_auditor_reads_it_without_anything_to_press(
        self, mias: Client, bens: Client, nordmuehle: Organisation
    ) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        text = text_of(bens, address + "?show=all")
        assert NUMBER in text
        assert 'name="do"' not in text
        assert bens.post(address, {"do": "confirm"}).status_code == 403

    def test_it_can_be_cancelled(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        mias.post(address, {"do": "cancel"})
        assert (only(nordmuehle).state, nordmuehle.certificates.count()) == ("cancelled", 0)
        assert "The import was cancelled" in text_of(mias, address)

    def test_columns_can_be_changed_again(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        mias.post(address, {"do": "back"})
        assert "Match the columns" in text_of(mias, address)


class TestResult:
    def test_each_row_has_its_outcome(
        self, mias: Client, nordmuehle: Organisation, mia: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};Müller;FAME", f"{NUMBER};X;", ";Nobody;")
        mias.post(address, {"do": "confirm", "lines": "2", "by_hand": "on", "describe": "on"}, REMOTE_ADDR="192.0.2.7")
        with django_assert_num_queries(5):
            text = text_of(mias, address)
        assert "1 certificate added" in text
        assert "Left out" in text
        certificate = nordmuehle.certificates.get()
        assert (certificate.supplier and certificate.supplier.name, certificate.tags) == ("Müller", ["FAME"])
        note = AuditEntry.objects.get(action="certificates.added")
        assert (note.by, note.source_address, note.about) == (mia, "192.0.2.7", "list.csv")

    def test_confirming_twice_adds_once(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        for _ in range(2):
            assert mias.post(address, {"do": "confirm"}).status_code == 302
        assert nordmuehle.certificates.count() == nordmuehle.changes.count() == 1

    def test_the_file_to_take_away_holds_no_formula(self, mias: Client, bens: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, f'{NUMBER};"=HYPERLINK(""http://x"")";@SUM(A1)')
        mias.post(address, {"do": "confirm", "describe": "on"})
        response = bens.get(f"{address}result.csv")
        assert response["Content-Disposition"] == 'attachment; filename="list-verdicts.csv"'
        rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
        assert rows == [
            ["Certificate number", "Supplier", "Tags", "verdict", "reason", "outcome"],
            [NUMBER, '\'=HYPERLINK("http://x")', "'@SUM(A1)", "not_read_yet", "", "added"],
        ]
        data = bens.get(f"{address}result.xlsx").content
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        assert sheet.to_python()[1][:3] == [NUMBER, '=HYPERLINK("http://x")', "@SUM(A1)"]
        assert b"<f>" not in data

    def test_large_ones_are_left_to_the_worker(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, *(f"2BS{place:06};X;" for place in range(uploads.AT_ONCE + 1)))
        mias.post(address, {"do": "confirm"})
        assert "The certificates are being added" in text_of(mias, address)
        assert nordmuehle.certificates.count() == 0
        uploads.work(only(nordmuehle), clock=lambda: NOON)
        assert "201 certificates added" in text_of(mias, address)

    def test_what_failed_says_why_and_can_be_tried_again(self, mias: Client, nordmuehle: Organisation) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        nordmuehle.imports.update(state="failed", error=uploads.STOPPED, confirmed_at=NOON, ended_at=NOON)
        text = text_of(mias, address)
        assert uploads.STOPPED in text
        assert "Try again" in text
        mias.post(address, {"do": "again"})
        assert only(nordmuehle).state == "taking"


class TestAllImports:
    def test_who_when_what(
        self, mias: Client, bens: Client, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        mias.post(address, {"do": "confirm"})
        with django_assert_num_queries(4):
            text = text_of(bens, ALL)
        assert address in text
        for said in ("list.csv", "Mia", "Done"):
            assert said in text

    def test_there_may_be_none(self, bens: Client) -> None:
        assert "Nothing has been imported yet" in text_of(bens, ALL)

    def test_they_come_in_pages(self, mias: Client, nordmuehle: Organisation) -> None:
        for place in range(51):
            nordmuehle.imports.create(name=f"list-{place}.csv", size=1, sha256="", path="", created_at=NOON)
        first = text_of(mias, ALL)
        assert ("list-50.csv" in first, "list-0.csv" in first) == (True, False)
        older = re.findall(r"\?before=\d+", first)
        assert "list-0.csv" in text_of(mias, ALL + older[0])

    def test_another_organisation_s_is_not_there(self, mias: Client, nordmuehle: Organisation, clara: User) -> None:
        address = previewed(mias, nordmuehle, f"{NUMBER};X;")
        claras = Client()
        claras.force_login(clara)
        assert claras.get(address).status_code == 404
        assert claras.get(address.replace("nordmuehle", "suedoel")).status_code == 404
