"""`certwatch secrets`: what is stored encrypted, and the key that it is encrypted with."""

from django_typer.management import TyperCommand, command, initialize

from certwatch.actions import secrets
from certwatch.management.output import show


class Command(TyperCommand):
    help = "Stored secrets, and the key that they are encrypted with."

    @initialize()
    def secrets(self) -> None:
        """A group, although it has one command so far."""

    @command(help="Write stored secrets anew with the newest secret key.")
    def rotate(self) -> None:
        count = secrets.rotate()
        show(f"{count} stored secret{'' if count == 1 else 's'} written anew. Former secret keys are needed no more.")
