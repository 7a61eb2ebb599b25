"""Long answers, sent while they are made."""

from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from certwatch.web.streams import PIECE, download, file_in_pieces


async def received(response: HttpResponseBase) -> list[bytes]:
    return [bytes(piece) async for piece in response]  # type: ignore[attr-defined]


def test_a_file_comes_as_it_is_in_pieces(tmp_path: Path) -> None:
    content = bytes(range(256)) * (PIECE // 256) + b"end"
    (tmp_path / "x").write_bytes(content)
    response = download(file_in_pieces(tmp_path / "x"), "Nordmühle.zip", "application/zip", len(content))
    pieces = async_to_sync(received)(response)
    assert [len(piece) for piece in pieces] == [PIECE, 3]
    assert b"".join(pieces) == content
    assert response["Content-Length"] == str(len(content))
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''Nordm%C3%BChle.zip"


def test_pieces_are_not_compressed_one_by_one() -> None:
    """A browser would read the first one only."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT_ENCODING"] = "gzip"
    plain = download([b"a" * 300, b"b" * 300], "x.csv", "text/csv")
    response = GZipMiddleware(lambda _: plain).process_response(request, plain)
    assert b"".join(async_to_sync(received)(response)) == b"a" * 300 + b"b" * 300


def test_nothing_is_made_before_it_is_asked_for() -> None:
    asked = []

    def pieces() -> object:
        for place in range(3):
            asked.append(place)
            yield b"x"

    response = download(pieces(), "x.csv", "text/csv")  # type: ignore[arg-type]
    assert asked == []

    async def first() -> bytes:
        async for piece in response:
            return bytes(piece)
        raise AssertionError

    async_to_sync(first)()
    assert asked == [0]


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(file_in_pieces(tmp_path / "gone"))
