"""`certwatch up`: the whole product on one machine."""

import sys
from typing import Annotated

from django.conf import settings
from django.core.management import call_command
from django_typer.management import TyperCommand
from typer import Option

from certwatch.management.processes import Family, in_address, refuse_taken_port
from certwatch.rules.errors import Refused


class Command(TyperCommand):
    help = "Bring the database up to date, then run web and worker together until Ctrl-C or SIGTERM."

    def handle(
        self,
        host: Annotated[str, Option(help="Address to listen at.")] = "127.0.0.1",
        port: Annotated[int, Option(help="Port to listen at.", min=1, max=65535)] = 8000,
        web_processes: Annotated[
            int, Option(help="Web processes; more than one needs VALKEY_URL.", min=1, max=256)
        ] = 1,
    ) -> None:
        if web_processes > 1 and not settings.ENV.valkey_url:
            raise Refused("Several web processes count their requests together: set VALKEY_URL for --web-processes.")
        refuse_taken_port(host, port)
        call_command("migrate", verbosity=0)
        with Family() as family:
            family.start("web", "--host", host, "--port", str(port), "--web-processes", str(web_processes))
            family.start("worker")
            sys.stderr.write(f"Certificate Watch: http://{in_address(host)}:{port} (Ctrl-C ends it)\n")
            code = family.wait()
        raise SystemExit(code)
