"""Complains if a model changed and no migration says so, or if Django finds fault with the settings."""

import io
import os
import sys
import tempfile

import django
from django.core.management import call_command


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "certwatch.config.settings"
    with tempfile.TemporaryDirectory() as home:
        os.environ["CERTWATCH_HOME"] = home
        django.setup()
        call_command("check", stdout=io.StringIO())
        missing = io.StringIO()
        try:
            call_command("makemigrations", check_changes=True, dry_run=True, stdout=missing)
        except SystemExit:
            sys.stderr.write(missing.getvalue())
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
