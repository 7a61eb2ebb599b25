"""`certwatch operator`: who may enter the back office."""

from typing import Annotated

from django.utils import timezone
from django_typer.management import TyperCommand, command
from typer import Argument

from certwatch.actions import users
from certwatch.management import values
from certwatch.management.output import show

Email = Annotated[str, Argument(metavar="EMAIL", parser=values.email)]


class Command(TyperCommand):
    help = "Who may enter the back office, /operator/."

    @command(help="Let somebody in. The password of a new person is the first line of standard input.")
    def create(self, email: Email) -> None:
        now = timezone.now()
        user = users.with_address(email) or users.create(email, values.password(), by=None, now=now)
        made = users.make_operator(user, by=None, now=now)
        show(f"{email} is {'' if made else 'already '}an operator. The second factor is set up at the first visit.")

    @command(help="Let somebody in no more. The person stays, with all memberships.")
    def remove(self, email: Email) -> None:
        users.remove_operator(email, by=None, now=timezone.now())
        show(f"{email} is no operator any more.")
