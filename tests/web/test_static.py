"""The static files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from certwatch.web.static import prepare

STATIC = Path(settings.STATIC_ROOT)


def address(client: Client, name: str) -> str:
    stem, _, ending = name.rpartition(".")
    found = re.search(rf"/static/{stem}\.\w+\.{ending}", client.get("/").content.decode())
    assert found
    return found[0]


def test_names_hold_the_content_and_may_be_kept_for_ever(client: Client) -> None:
    response = client.get(address(client, "certwatch.css"))
    assert response["Cache-Control"] == "max-age=315360000, public, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"].startswith("text/css")
    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.parametrize("encoding", ["br", "gzip"])
@pytest.mark.parametrize("name", ["certwatch.css", "vendor/bootstrap.min.css", "certwatch.js", "icons.svg"])
def test_text_files_are_served_compressed(client: Client, name: str, encoding: str) -> None:
    plain = client.get(address(client, name), headers={"accept-encoding": "identity"})
    packed = client.get(address(client, name), headers={"accept-encoding": encoding})
    assert packed["Content-Encoding"] == encoding
    assert "Accept-Encoding" in packed["Vary"]
    assert len(packed.content) < len(plain.content) / 2


def test_a_file_that_the_browser_has_is_not_sent_again(client: Client) -> None:
    first = client.get(address(client, "certwatch.js"))
    again = client.get(address(client, "certwatch.js"), headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_rosette_is_small() -> None:
    assert (STATIC / "rosette.svg").stat().st_size < 6_000


def test_fonts_never_move_what_is_read() -> None:
    faces = re.findall(r"@font-face\{[^}]+\}", (STATIC / "certwatch.css").read_text(encoding="utf-8"))
    assert len(faces) == 5
    assert all("font-display:optional" in face for face in faces)


def test_preparing_again_touches_nothing() -> None:
    before = {path: path.stat().st_mtime_ns for path in STATIC.rglob("*")}
    prepare()
    assert {path: path.stat().st_mtime_ns for path in STATIC.rglob("*")} == before


def test_a_preparation_that_was_cut_short_is_done_anew(client: Client) -> None:
    style = STATIC / address(client, "certwatch.css").removeprefix("/static/")
    style.unlink()
    (STATIC / "prepared").unlink()
    prepare()
    assert style.exists()


def test_several_processes_may_prepare_at_once(tmp_path: Path) -> None:
    code = "import django; django.setup(); from certwatch.web.static import prepare; prepare()"
    env = {**os.environ, "CERTWATCH_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
    processes = [subprocess.Popen([sys.executable, "-c", code], env=env) for _ in range(3)]
    assert [process.wait(30) for process in processes] == [0, 0, 0]
    assert (tmp_path / "static" / "prepared").exists()
