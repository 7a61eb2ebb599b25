"""Org Admin: the audit log."""

import ast
import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

import certwatch
from certwatch.actions import audit
from certwatch.models import AuditEntry, Organisation, User
from certwatch.web.deeds import ACTORS, AREAS, DEEDS
from tests.conftest import NOON

LOG = "/o/nordmuehle/admin/audit/"
ACTION = re.compile(r"[a-z]+\.[a-z_]+")


@pytest.fixture
def bens(client: Client, ben: User) -> Client:
    client.force_login(ben)
    return client


def note(org: Organisation, action: str = "key.created", *, about: str = "SAP", **facts: Any) -> None:
    audit.note(org, action, about=about, **{"by": None, "now": NOON, **facts})


def text_of(client: Client, query: str = "") -> str:
    return " ".join(client.get(LOG + query).content.decode().split())


def rows(client: Client, query: str = "") -> list[list[str]]:
    body = text_of(client, query).partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
    return [[re.sub(r"<[^>]+>", " ", cell).strip() for cell in row] for row in cells]


def exported(client: Client, query: str = "") -> list[list[str]]:
    async def all_of(response: StreamingHttpResponse) -> bytes:
        return b"".join([piece async for piece in response])

    response = cast(StreamingHttpResponse, client.get(f"{LOG}export.csv{query}"))
    assert response["Content-Disposition"].startswith('attachment; filename="audit-log-nordmuehle-')
    content: bytes = async_to_sync(all_of)(response)
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


class TestWords:
    def test_every_action_that_the_code_notes_has_words(self) -> None:
        noted = {word for path in _actions() for word in _noted(ast.parse(path.read_text(encoding="utf-8")))}
        assert len(noted) > 30
        assert sorted(noted - DEEDS.keys()) == []
        assert sorted(DEEDS.keys() - noted) == []

    def test_every_action_has_an_area(self) -> None:
        assert {action.partition(".")[0] for action in DEEDS} == set(AREAS)

    def test_who_has_no_account_has_words(self) -> None:
        assert audit.COMMAND_LINE in ACTORS


class TestTheLog:
    def test_it_says_who_did_what_when_and_from_where(self, bens: Client, nordmuehle: Organisation, anna: User) -> None:
        note(nordmuehle, by=anna, address="2001:db8::1", scopes=["certificates:read"], last_day=None)
        note(nordmuehle, "settings.changed", about="Nordmühle", changed={"four_eyes": [False, True]})
        note(nordmuehle, "moon.landed", about="here")
        assert rows(bens) == [
            ["24 Nov 2026, 12:00:00", "Command line", "moon.landed", "here", "–"],
            ["24 Nov 2026, 12:00:00", "Command line", "Changed settings",
             "Nordmühle changed: four_eyes false → true", "–"],
            ["24 Nov 2026, 12:00:00", "Anna", "Created an API key", "SAP scopes: certificates:read", "2001:db8::1"],
        ]  # fmt: skip

    def test_nothing_in_it_can_be_changed(self, client: Client, nordmuehle: Organisation, otto: User) -> None:
        client.force_login(otto)
        note(nordmuehle)
        main = text_of(client).partition("<main")[2].partition("</main>")[0]
        assert 'method="post"' not in main
        for method in (client.post, client.put, client.patch, client.delete):
            assert method(LOG).status_code == 405

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("?q=sap", ["SAP"]),
            ("?q=198.51.100.7", ["Mill"]),
            ("?q=anna", ["SAP"]),
            ("?action=key.created", ["SAP"]),
            ("?action=supplier", ["Mill", "Mule"]),
            ("?action=supplier.created", ["Mill"]),
            ("?by=anna@nordmuehle.example", ["SAP"]),
            ("?by=-", ["Mill", "Mule"]),
            ("?first=2026-11-25", ["Mill"]),
            ("?last=2026-11-24", ["SAP", "Mule"]),
            ("?first=2026-11-24&last=2026-11-24", ["SAP", "Mule"]),
            ("?action=supplier&by=-&q=mill", ["Mill"]),
            ("?q=nothing", []),
            ("?by=nobody@nowhere.example&action=x&first=soon", ["Mill", "Mule", "SAP"]),  # makes no sense: passed over
        ],
    )
    def test_what_is_wanted_is_shown_and_exported(
        self, bens: Client, nordmuehle: Organisation, anna: User, query: str, expected: list[str]
    ) -> None:
        note(nordmuehle, by=anna)
        note(nordmuehle, "supplier.changed", about="Mule", now=datetime.fromisoformat("2026-11-24T22:59:59Z"))
        tomorrow = datetime.fromisoformat("2026-11-24T23:00:00Z")  # midnight in Berlin
        note(nordmuehle, "supplier.created", about="Mill", now=tomorrow, address="198.51.100.7")
        assert sorted(row[3] for row in rows(bens, query)) == sorted(expected)
        assert sorted(row[5] for row in exported(bens, query)[1:]) == sorted(expected)

    def test_pages_follow_each_other_there_and_back(self, bens: Client, nordmuehle: Organisation) -> None:
        for place in range(120):
            note(nordmuehle, about=f"no {place}")
        first = text_of(bens, "?action=key")
        assert "120 entries" in first
        assert _rel(first, "prev") == ""
        second = text_of(bens, _rel(first, "next"))
        third = text_of(bens, _rel(second, "next"))
        assert [_objects(page) for page in (first, second, third)] == [
            [f"no {place}" for place in range(start, stop, -1)] for start, stop in ((119, 69), (69, 19), (19, -1))
        ]
        assert _rel(third, "next") == ""
        assert _objects(text_of(bens, _rel(third, "prev"))) == _objects(second)
        back = text_of(bens, _rel(second, "prev"))
        assert _objects(back) == _objects(first)
        assert _rel(back, "prev") == ""

    def test_a_cursor_tells_nothing_and_a_wrong_one_is_none(self, bens: Client, nordmuehle: Organisation) -> None:
        for place in range(60):
            note(nordmuehle, about=f"no {place}")
        assert _rel(text_of(bens), "next") != _rel(text_of(bens), "next")  # encrypted: no number can be read from it
        assert _objects(text_of(bens, "?before=tampered")) == _objects(text_of(bens))

    def test_it_takes_six_queries_however_long_it_is(
        self, bens: Client, nordmuehle: Organisation, anna: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(60):
            note(nordmuehle, by=anna)
        with django_assert_num_queries(6):  # session, person, memberships; people to choose from, entries, their count
            bens.get(LOG)

    def test_another_organisations_and_the_operators_are_not_in_it(
        self, bens: Client, nordmuehle: Organisation, suedoel: Organisation
    ) -> None:
        note(suedoel, about="theirs")
        audit.note(None, "user.created", about="operator's", by=None, now=NOON)
        assert rows(bens) == []
        assert len(exported(bens)) == 1


class TestTheExport:
    def test_it_has_everything_with_times_of_the_reader_and_no_formula(
        self, bens: Client, nordmuehle: Organisation, anna: User
    ) -> None:
        note(nordmuehle, "supplier.created", about="=HYPERLINK(1)", about_id="x1", by=anna, address="192.0.2.1", a="b")
        headings, row = exported(bens)
        assert headings == ["When", "Who", "E-mail", "What", "Action", "Object", "Id", "From", "Details"]
        assert row == [
            "2026-11-24T12:00:00+01:00", "Anna", anna.email, "Added a supplier", "supplier.created", "'=HYPERLINK(1)",
            "x1", "192.0.2.1", "a: b",
        ]  # fmt: skip

    def test_a_long_one_is_complete_and_in_order(self, bens: Client, nordmuehle: Organisation) -> None:
        AuditEntry.objects.bulk_create(
            AuditEntry(org=nordmuehle, at=NOON + timedelta(seconds=n), by_label="x", action="key.created", about=str(n))
            for n in range(1_203)
        )
        assert [row[5] for row in exported(bens)[1:]] == [str(n) for n in range(1_202, -1, -1)]


def _rel(text: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    return found[1].replace("&amp;", "&") if found else ""


def _objects(text: str) -> list[str]:
    return re.findall(r'cw-wrapnum">(no \d+)<', text)


def _actions() -> Iterator[Path]:
    package = Path(certwatch.__file__).parent
    yield from (path for room in ("actions", "web", "jobs") for path in sorted((package / room).glob("*.py")))


def _noted(tree: ast.Module) -> Iterator[str]:
    """Texts that look like an action, in functions that note something, also through a helper."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and any(_notes(node) for node in ast.walk(function)):
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and ACTION.fullmatch(node.value):
                    yield node.value


def _notes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == "note" or name.startswith("_note")
