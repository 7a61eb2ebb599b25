"""`certwatch key`: API keys of organisations."""

from datetime import date
from typing import Annotated, Any

from django.utils import timezone
from django_typer.management import TyperCommand, command
from typer import Argument, Option

from certwatch.actions import keys, orgs
from certwatch.management import values
from certwatch.management.output import say, show, show_json, table
from certwatch.models import ApiKey

Org = Annotated[str, Option(metavar="SLUG", help="The organisation.")]
Json = Annotated[bool, Option("--json", help="Answer in JSON.")]


class Command(TyperCommand):
    help = "API keys of organisations: make, list, revoke."

    @command(help="Make a key. It is printed once, now, and kept nowhere.")
    def create(
        self,
        org: Org,
        name: Annotated[
            str,
            # spelt out: of the metavar typer would make --NAME
            Option("--name", parser=values.name("The name of a key", 100), metavar="NAME", help="What it is for."),
        ],
        scope: Annotated[
            list[str] | None,
            Option(parser=values.scope, metavar="S", help="What it may do; repeatable. Else: certificates:read."),
        ] = None,
        expires: Annotated[
            date | None, Option(parser=values.day, metavar="DAY", help="Its last day, in the organisation's time zone.")
        ] = None,
        network: Annotated[
            list[str] | None,
            Option(
                parser=values.network, metavar="CIDR", help="Where it may be used from; repeatable. Else: anywhere."
            ),
        ] = None,
        json: Json = False,
    ) -> None:
        key, plaintext = keys.create(
            orgs.named(org),
            name=name,
            scopes=scope or keys.DEFAULT_SCOPES,
            last_day=expires,
            networks=network or (),
            by=None,
            now=timezone.now(),
        )
        if json:
            show_json({"id": key.public_id, "key": plaintext})
        else:
            show(plaintext)
            say(f"This is key {key.public_id}, “{key.name}”. Keep it now: it is shown this once only.")

    @command(name="list", help="An organisation's keys, revoked ones too, newest first.")
    def list_(self, org: Org, json: Json = False) -> None:
        rows = [_shape(key) for key in orgs.named(org).api_keys.order_by("-id")]
        if json:
            show_json(rows)
        else:
            show(table(list(_HEADINGS), [[_in_words(row[name]) for name in _HEADINGS] for row in rows]))

    @command(help="Make a key useless from the next request on, for good.")
    def revoke(self, id: Annotated[str, Argument(metavar="ID", help="As key create and key list print it.")]) -> None:  # noqa: A002
        key = keys.of_any_organisation(id)
        if not keys.revoke(key, by=None, now=timezone.now()):
            say(f"It was revoked before, on {key.revoked_at:%Y-%m-%d}.")
        show(f"Key {key.public_id}, “{key.name}” of {key.org.name}, is revoked.")


_HEADINGS = ("id", "name", "begins", "scopes", "networks", "expires", "last_used", "revoked")


def _shape(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.public_id,
        "name": key.name,
        "begins": key.begins,
        "scopes": key.scopes,
        "networks": key.networks,
        "expires": key.last_day,
        "last_used": key.last_used_at,
        "revoked": key.revoked_at,
    }


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "–"
    if hasattr(value, "hour"):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return str(value or "–")
