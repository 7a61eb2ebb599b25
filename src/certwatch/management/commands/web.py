"""`certwatch web`: the API and the pages."""

import os
import sys
from enum import StrEnum
from typing import Annotated

from django.conf import settings
from django_typer.management import TyperCommand
from typer import Option

from certwatch.management.processes import in_address, refuse_taken_port
from certwatch.rules.errors import Refused


class Serve(StrEnum):
    """What a web process answers."""

    ALL = "all"
    API = "api"
    PAGES = "pages"


class Command(TyperCommand):
    help = "Serve the API and the pages until Ctrl-C or SIGTERM."

    def handle(
        self,
        host: Annotated[str, Option(help="Address to listen at.")] = "127.0.0.1",
        port: Annotated[int, Option(help="Port to listen at.", min=1, max=65535)] = 8000,
        web_processes: Annotated[int, Option(help="Processes; more than one needs VALKEY_URL.", min=1, max=256)] = 1,
        serve: Annotated[Serve, Option(help="The API, the pages, or both.")] = Serve.ALL,
    ) -> None:
        if web_processes > 1 and not settings.ENV.valkey_url:
            raise Refused("Several web processes count their requests together: set VALKEY_URL for --web-processes.")
        address = refuse_taken_port(host, port)
        if serve is not Serve.API:
            from certwatch.web import static  # not needed for the API

            static.prepare()
        sys.stderr.write(f"Serving at http://{in_address(host)}:{port} (Ctrl-C ends it)\n")
        sys.stderr.flush()
        what = "application" if serve is Serve.ALL else serve.value
        server = [sys.executable, "-m", "certwatch.config.serving", address, str(port), str(web_processes), what]
        os.execv(sys.executable, server)  # noqa: S606 - in our place: the server needs nothing of what is loaded here
