"""`certwatch worker`: what is done by the clock."""

import os

from django_typer.management import TyperCommand

from certwatch.management.processes import Ending


class Command(TyperCommand):
    help = "Read the registers when they are due, and do all other regular work, until Ctrl-C or SIGTERM."

    def handle(self) -> None:
        from certwatch.jobs import worker  # opens the queue

        worker.run(Ending().told)
        os._exit(0)  # a thread may still wait for a slow register
