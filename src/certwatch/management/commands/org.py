"""`certwatch org`: organisations: make, list, close, open."""

from typing import Annotated, Any

from django.utils import timezone
from django_typer.management import TyperCommand, command
from typer import Argument, Option

from certwatch.actions import orgs
from certwatch.management import values
from certwatch.management.output import say, show, show_json, table
from certwatch.models import Organisation

Slug = Annotated[str, Argument(metavar="SLUG", help="The organisation, as it stands in addresses.")]
Json = Annotated[bool, Option("--json", help="Answer in JSON.")]


class Command(TyperCommand):
    help = "Organisations: make, list, close, open."

    @command(help="Make an organisation. It is open, without a trial.")
    def create(
        self,
        name: Annotated[str, Argument(metavar="NAME", parser=values.name("The name", 200))],
        slug: Annotated[
            str | None, Option(parser=values.slug, metavar="S", help="Its part of addresses; else made from the name.")
        ] = None,
        time_zone: Annotated[
            str, Option(parser=values.time_zone, metavar="ZONE", help="On whose calendar its days are.")
        ] = "Europe/Berlin",
        rate_limit: Annotated[int, Option(min=1, max=10_000_000, help="Requests a minute over the API.")] = 100,
        json: Json = False,
    ) -> None:
        org = orgs.create(
            name, slug=slug or "", time_zone=time_zone, rate_limit=rate_limit, by=None, now=timezone.now()
        )
        if json:
            show_json(_shape(org))
        else:
            show(f"{org.name}: {org.slug}")

    @command(name="list", help="All organisations.")
    def list_(self, json: Json = False) -> None:
        rows = [_shape(org) for org in Organisation.objects.order_by("slug")]
        if json:
            show_json(rows)
        else:
            show(
                table(
                    ["slug", "name", "state", "time zone", "rate limit"], [[str(v) for v in r.values()] for r in rows]
                )
            )

    @command(help="Close an organisation: its API answers 403, its pages can only be read.")
    def close(self, slug: Slug) -> None:
        org = orgs.named(slug)
        if not orgs.close(org, by=None, now=timezone.now()):
            say(f"{org.name} was closed before.")
        show(f"{org.name} is closed.")

    @command(name="open", help="Open an organisation that was closed, or is on trial, for good.")
    def open_(self, slug: Slug) -> None:
        org = orgs.named(slug)
        if not orgs.reopen(org, by=None, now=timezone.now()):
            say(f"{org.name} was open before.")
        show(f"{org.name} is open.")


def _shape(org: Organisation) -> dict[str, Any]:
    return {
        "slug": org.slug,
        "name": org.name,
        "state": org.state(timezone.now()),
        "time_zone": org.time_zone,
        "rate_limit": org.rate_limit,
    }
