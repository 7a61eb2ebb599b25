"""`certwatch org`, `user`, `operator` and `key`."""

import io
from datetime import UTC, datetime

import pytest
import time_machine
from django.core import mail

from certwatch.models import ApiKey, Membership, Organisation, Role, User
from certwatch.rules import keys as rules
from tests.conftest import NOON
from tests.management.commands import CommandLine

PASSWORD = "correct horse battery"


@pytest.fixture
def certwatch(capsys: pytest.CaptureFixture[str], db: None) -> CommandLine:
    return CommandLine(capsys)


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nsecond line\n"))


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


class TestOrg:
    def test_create_prints_the_organisation(self, certwatch: CommandLine) -> None:
        assert certwatch.good("org", "create", "Nordmühle GmbH", "--json").json == {
            "slug": "nordmuehle-gmbh",
            "name": "Nordmühle GmbH",
            "state": "open",
            "time_zone": "Europe/Berlin",
            "rate_limit": 100,
        }
        answer = certwatch.good(
            "org",
            "create",
            "Süd",
            "--slug",
            "s",
            "--time-zone",
            "America/New_York",
            "--rate-limit",
            "10000000",
            "--json",
        )
        assert (answer.json["slug"], answer.json["time_zone"], answer.json["rate_limit"]) == (
            "s", "America/New_York", 10_000_000,
        )  # fmt: skip
        assert "nordmuehle-gmbh-2" in certwatch.good("org", "create", "Nordmühle GmbH").out

    def test_list_close_and_open(self, certwatch: CommandLine) -> None:
        assert certwatch.good("org", "list", "--json").json == []
        certwatch("org", "create", "Nord")
        certwatch.good("org", "close", "nord")
        assert certwatch.good("org", "list", "--json").json == [
            {"slug": "nord", "name": "Nord", "state": "closed", "time_zone": "Europe/Berlin", "rate_limit": 100}
        ]
        assert "closed" in certwatch.good("org", "list").out
        again = certwatch("org", "close", "nord")
        assert (again.code, again.err) == (0, "Nord was closed before.\n")
        certwatch.good("org", "open", "nord")
        assert certwatch.good("org", "list", "--json").json[0]["state"] == "open"

    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["create"],
            ["create", ""],
            ["create", "A", "B"],
            ["create", "A", "--rate-limit", "0"],
            ["create", "A", "--rate-limit", "10000001"],
            ["create", "A", "--rate-limit", "many"],
            ["create", "A", "--time-zone", "Europe/Bärlin"],
            ["create", "A", "--time-zone", "../etc/passwd"],
            ["create", "A", "--slug", "Nord Mühle"],
            ["create", "A", "--slug", ""],
            ["create", "A", "--slug", "x" * 61],
            ["create", "x" * 201],
            ["list", "--foo"],
            ["close"],
            ["destroy", "nord"],
        ],
    )
    def test_wrong_usage_is_told_and_does_nothing(self, certwatch: CommandLine, words: list[str]) -> None:
        assert "certwatch: " in certwatch.wrong("org", *words)
        assert not Organisation.objects.exists()

    def test_what_is_unknown_or_taken_is_refused(self, certwatch: CommandLine) -> None:
        assert "no organisation “nix”" in certwatch.refused("org", "close", "nix")
        assert "no organisation “nix”" in certwatch.refused("org", "open", "nix")
        certwatch("org", "create", "Nord")
        assert "taken" in certwatch.refused("org", "create", "Other", "--slug", "nord")


class TestUser:
    def create(self, *more: str) -> list[str]:
        return ["user", "create", "Otto@Nord.example", "--org", "nordmuehle", "--role", "owner", *more]

    @pytest.mark.usefixtures("password")
    def test_the_password_is_the_first_line_of_standard_input(
        self, certwatch: CommandLine, nordmuehle: Organisation
    ) -> None:
        certwatch.good(*self.create())
        otto = User.objects.get()
        assert otto.email == "otto@nord.example"
        assert otto.check_password(PASSWORD)
        assert Membership.across_orgs.get(user=otto, org=nordmuehle).role == Role.OWNER

    def test_no_password_is_refused(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        assert "first line of standard input" in certwatch.refused(*self.create())
        assert not User.objects.exists()

    def test_a_weak_password_is_refused_in_the_validators_words(
        self, certwatch: CommandLine, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
        assert "at least 12 characters" in certwatch.refused(*self.create())

    def test_on_a_terminal_it_is_asked_twice(
        self, certwatch: CommandLine, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        typed = iter([PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD])
        monkeypatch.setattr("getpass.getpass", lambda *_, **__: next(typed))
        assert "differ" in certwatch.refused(*self.create())
        certwatch.good(*self.create())
        assert User.objects.get().check_password(PASSWORD)

    def test_who_exists_joins_without_a_password(
        self, certwatch: CommandLine, nordmuehle: Organisation, suedoel: Organisation, anna: User
    ) -> None:
        certwatch.good("user", "create", anna.email.upper(), "--org", "suedoel", "--role", "auditor")
        assert suedoel.memberships.get().user == anna
        certwatch.good("user", "create", anna.email, "--org", "suedoel", "--role", "auditor")
        assert "already, as auditor" in certwatch.refused(
            "user", "create", anna.email, "--org", "suedoel", "--role", "admin"
        )

    def test_an_invitation_is_a_mail_and_nobody_is_made(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        answer = certwatch.good(*self.create("--invite"))
        assert "otto@nord.example is invited" in answer.out
        assert len(mail.outbox) == 1
        assert "http://127.0.0.1:8000/invitation/" in mail.outbox[0].body
        assert "/invitation/" not in answer.out
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        "words",
        [
            ["otto@nord.example", "--org", "nordmuehle"],
            ["otto@nord.example", "--role", "owner"],
            ["otto@nord.example", "--org", "nordmuehle", "--role", "boss"],
            ["otto", "--org", "nordmuehle", "--role", "owner"],
            ["", "--org", "nordmuehle", "--role", "owner"],
            [f"otto@{'x' * 60}.{'y' * 60}.{'z' * 60}.{'x' * 60}.example", "--org", "nordmuehle", "--role", "owner"],
        ],
    )
    def test_wrong_usage(self, certwatch: CommandLine, nordmuehle: Organisation, words: list[str]) -> None:
        certwatch.wrong("user", "create", *words)

    def test_an_unknown_organisation_is_refused(self, certwatch: CommandLine) -> None:
        assert "no organisation “nordmuehle”" in certwatch.refused(*self.create())


class TestOperator:
    @pytest.mark.usefixtures("password")
    def test_a_new_one_is_made_and_removed(self, certwatch: CommandLine) -> None:
        certwatch.good("operator", "create", "op@cw.example")
        assert User.objects.get(is_staff=True).email == "op@cw.example"
        assert "already" in certwatch.good("operator", "create", "op@cw.example").out
        certwatch.good("operator", "remove", "op@cw.example")
        assert not User.objects.filter(is_staff=True).exists()
        assert "no operator" in certwatch.refused("operator", "remove", "op@cw.example")
        assert "no operator" in certwatch.refused("operator", "remove", "nobody@cw.example")


class TestKey:
    def test_create_shows_the_key_once(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        answer = certwatch.good("key", "create", "--org", "nordmuehle", "--name", "SAP", "--json")
        assert list(answer.json) == ["id", "key"]
        key = ApiKey.across_orgs.get(public_id=answer.json["id"])
        assert bytes(key.digest) == rules.digest(answer.json["key"])
        plain = certwatch("key", "create", "--org", "nordmuehle", "--name", "BI")
        assert plain.code == 0
        assert rules.well_formed(plain.out.strip())
        assert plain.out.strip() not in plain.err
        assert answer.json["key"] not in certwatch.good("key", "list", "--org", "nordmuehle", "--json").out

    def test_list_has_what_the_manual_says(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        with time_machine.travel(NOON, tick=False):
            made = certwatch.good(
                "key", "create", "--org", "nordmuehle", "--name", "SAP", "--scope", "certificates:read",
                "--scope", "audit:read", "--expires", "2026-11-24", "--network", "192.0.2.0/24", "--network", "::1",
                "--json",
            ).json  # fmt: skip
        key = ApiKey.across_orgs.get()
        assert key.ends_at == datetime(2026, 11, 24, 23, tzinfo=UTC)
        row = {
            "id": made["id"],
            "name": "SAP",
            "begins": made["key"][3:8],
            "scopes": ["certificates:read", "audit:read"],
            "networks": ["192.0.2.0/24", "::1/128"],
            "expires": "2026-11-24",
            "last_used": None,
            "revoked": None,
        }
        assert certwatch.good("key", "list", "--org", "nordmuehle", "--json").json == [row]
        key.last_used_at = NOON
        key.save()
        certwatch.good("key", "revoke", made["id"])
        (row,) = certwatch.good("key", "list", "--org", "nordmuehle", "--json").json
        assert row["last_used"] == "2026-11-24T11:00:00Z"
        assert datetime.fromisoformat(row["revoked"]).tzinfo is not None
        assert made["id"] in certwatch.good("key", "list", "--org", "nordmuehle").out

    def test_revoking_again_is_no_error(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        id_ = certwatch.good("key", "create", "--org", "nordmuehle", "--name", "SAP", "--json").json["id"]
        certwatch.good("key", "revoke", id_)
        again = certwatch("key", "revoke", id_)
        assert again.code == 0
        assert again.err.startswith("It was revoked before")

    def test_what_cannot_be_is_refused(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        assert "no key “x”" in certwatch.refused("key", "revoke", "x")
        past = certwatch.refused("key", "create", "--org", "nordmuehle", "--name", "SAP", "--expires", "2020-12-31")
        assert "in the past" in past
        assert "no organisation" in certwatch.refused("key", "create", "--org", "nix", "--name", "SAP")
        assert "no organisation" in certwatch.refused("key", "list", "--org", "nix")
        assert not ApiKey.across_orgs.exists()

    @pytest.mark.parametrize(
        "words",
        [
            ["--name", "SAP"],
            ["--org", "nordmuehle"],
            ["--org", "nordmuehle", "--name", " "],
            ["--org", "nordmuehle", "--name", "x" * 101],
            ["--org", "nordmuehle", "--name", "SAP", "--scope", "all"],
            ["--org", "nordmuehle", "--name", "SAP", "--expires", "31.12.2099"],
            ["--org", "nordmuehle", "--name", "SAP", "--expires", "2099-02-30"],
            ["--org", "nordmuehle", "--name", "SAP", "--expires", "20991231"],
            ["--org", "nordmuehle", "--name", "SAP", "--network", "192.0.2.1/24"],
            ["--org", "nordmuehle", "--name", "SAP", "--network", "everywhere"],
        ],
    )
    def test_wrong_usage(self, certwatch: CommandLine, nordmuehle: Organisation, words: list[str]) -> None:
        certwatch.wrong("key", "create", *words)
        assert not ApiKey.across_orgs.exists()
