"""Long answers, sent while they are made: neither their rows nor their bytes are all in memory."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE = 256 * 1024  # bytes


def download(pieces: Iterable[bytes], name: str, content_type: str, size: int | None = None) -> StreamingHttpResponse:
    """A file to be saved. `pieces` is asked for the next one in the request's own thread, as a page would be made."""
    response = StreamingHttpResponse(_one_by_one(pieces), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "no-store"
    # Django would compress each piece by itself, of which browsers read the first one only.
    response["Content-Encoding"] = "identity"
    if size is not None:
        response["Content-Length"] = str(size)
    return response


def file_in_pieces(path: Path) -> Iterable[bytes]:
    """What the file holds. It is opened with the first piece."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


async def _one_by_one(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Django takes a plain iterator wholly before it sends the first byte."""
    rest = iter(pieces)

    def following() -> bytes | None:
        return next(rest, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
