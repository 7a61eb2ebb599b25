"""`certwatch user`: people and the organisations that they belong to."""

import sys
from typing import Annotated

from django.conf import settings
from django.core.mail import get_connection
from django.utils import timezone
from django_typer.management import TyperCommand, command, initialize
from typer import Argument, Option

from certwatch.actions import orgs, users
from certwatch.management import values
from certwatch.management.output import show
from certwatch.models import Role


class Command(TyperCommand):
    help = "People and the organisations that they belong to."

    @initialize()
    def user(self) -> None:
        """A group, although it has one command so far."""

    @command(help="Make a member of an organisation. The password is the first line of standard input.")
    def create(
        self,
        email: Annotated[str, Argument(metavar="EMAIL", parser=values.email)],
        org: Annotated[str, Option(metavar="SLUG", help="The organisation.")],
        role: Annotated[Role, Option(help="What the person may do there.")],
        invite: Annotated[
            bool, Option("--invite", help="Send a mail with a link instead; it is good for seven days.")
        ] = False,
    ) -> None:
        organisation = orgs.named(org)
        now = timezone.now()
        if invite:
            console = get_connection(stream=sys.stderr)  # of use where mails go to the console: this is no answer
            invitation = orgs.invite(
                organisation, email, role, base_url=settings.BASE_URL, connection=console, by=None, now=now
            )
            show(f"{email} is invited to {organisation.name} as {role.value}, until {invitation.ends_at:%Y-%m-%d}.")
            return
        user = users.with_address(email) or users.create(email, values.password(), by=None, now=now)
        joined = users.join(user, organisation, role, by=None, now=now)
        show(f"{email} is {'' if joined else 'already '}{role.value} of {organisation.name}.")
