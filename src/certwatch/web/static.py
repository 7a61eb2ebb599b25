"""The static files: prepared once for each version, served with names that browsers may keep for ever."""

import fcntl
import hashlib
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile


def prepare() -> None:
    """Collect, name by content and compress the static files into STATIC_ROOT, unless that was done before.

    To be called before a web process starts, also by several at once: one does it, the others wait. Takes some
    milliseconds when nothing has changed. Names hold the content's hash, so what an older version still running
    serves from the same folder stays.
    """
    root = Path(settings.STATIC_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    stamp = root / "prepared"
    with (root.parent / "static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _fingerprint()
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return
        stamp.unlink(missing_ok=True)  # a run that is cut short is not taken for a whole one
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(wanted, encoding="ascii")


def _fingerprint() -> str:
    """A digest of all static files of this version, of name and content: neither is right alone."""
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for path, storage in sorted(finder.list(None), key=lambda found: found[0]):
            content = Path(storage.path(path)).read_bytes()
            digest.update(f"{path}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, answering in one piece. It would stream, of which Django under ASGI warns; our files are small."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a folder that is missing
        super().__init__(get_response)

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        response = HttpResponse(found.file.read() if found.file else b"", status=int(found.status))
        if found.file:
            found.file.close()
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response
