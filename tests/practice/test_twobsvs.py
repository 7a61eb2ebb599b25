"""2BSvs' side, over HTTP."""

import os
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.practice.conftest import Visitor

BELOW = "/twobsvs/fr/certificats-bloc-parent"
VALID, SUSPENDED, WITHDRAWN, TERMINATED = (
    f"{BELOW}/certificats-{word}/" for word in ("valides", "suspendus", "retires", "resilies")
)
LONG_AGO = 1_700_000_000


def table(visitor: Visitor, address: str) -> list[list[str]]:
    page = LexborHTMLParser(visitor.get(address).text)
    return [[cell.inner_html or "" for cell in row.css("th, td")] for row in page.css("table tr")]


@pytest.mark.parametrize(
    ("address", "last_heading", "numbers_and_days"),
    [
        (VALID, "Date de fin de validité du certificat", [("2BS999003", "28/02/2027"), ("2BS999004", "31/11/2026")]),
        (SUSPENDED, "Date de suspension du certificat", [("2BS999010", "12/05/2026")]),
        (WITHDRAWN, "Date de retrait du certificat", [("2BS999020", "03/02/2025")]),
        (TERMINATED, "Date de fin de validité du certificat", [("2BS999030", "30/06/2026")]),
    ],
)
def test_each_page_has_its_own_certificates_and_its_own_last_date(
    visitor: Visitor, address: str, last_heading: str, numbers_and_days: list[tuple[str, str]]
) -> None:
    headings, *rows = table(visitor, address)
    assert headings == [
        "Nom de l’opérateur économique", "Adresse", "Pays", "Type d'activité", "Numéro de Certificat 2BS",
        "Date de début de validité du certificat", last_heading, "Certificat", "Colour",
    ]  # fmt: skip
    assert [(row[4], row[6]) for row in rows if row[4]] == numbers_and_days


def test_cells_have_breaks_and_entities_and_some_rows_repeat_their_address(visitor: Visitor, folder: Path) -> None:
    file = folder / "twobsvs.csv"
    lines = [f'2BS9990{n},A & B (siège),valid,,,,,"1 rue, 51000 Ville",France,,' for n in range(40, 60)]
    file.write_text(file.read_text("utf-8") + "\n".join(lines), "utf-8")
    page = visitor.get(VALID).text
    assert page.count("<td>A &amp; B<br/>(siège)</td>") == 20
    for address in ("1 rue<br/>51000 Ville", "1 rue<br />51000 Ville", "1 rue&nbsp;– 51000 Ville"):
        assert f"<td>{address}</td>" in page
        assert f"<tr><td></td><td>{address}</td><td></td>" in page


def test_a_further_column_that_is_one_of_the_registers_own_fills_it(visitor: Visitor) -> None:
    _, first, *_ = table(visitor, VALID)
    assert first[3] == "Négociant"
    assert first[8] == "blue"
    assert "telecharger_certificat.php?certificat=2BS999003" in first[7]


def test_an_unchanged_page_is_not_sent_again(visitor: Visitor, folder: Path) -> None:
    os.utime(folder / "twobsvs.csv", (LONG_AGO, LONG_AGO))
    page = visitor.get(VALID)
    tag, modified = page.headers["ETag"], page.headers["Last-Modified"]
    again = visitor.get(VALID, headers={"If-None-Match": tag, "If-Modified-Since": modified})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert visitor.get(VALID, headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304
    assert visitor.get(VALID, headers={"If-Modified-Since": modified}).status_code == 304
    assert visitor.get(VALID, headers={"If-None-Match": '"other"', "If-Modified-Since": modified}).status_code == 200
    assert visitor.get(SUSPENDED, headers={"If-None-Match": tag}).status_code == 200


def test_a_page_changed_this_second_has_no_date_that_could_hide_the_next_change(visitor: Visitor) -> None:
    page = visitor.get(VALID)
    assert "ETag" in page.headers
    assert "Last-Modified" not in page.headers


def test_a_changed_row_gives_another_tag(visitor: Visitor, folder: Path) -> None:
    tag = visitor.get(VALID).headers["ETag"]
    file = folder / "twobsvs.csv"
    file.write_text(file.read_text("utf-8").replace("2027-02-28", "2027-02-27"), "utf-8")
    page = visitor.get(VALID, headers={"If-None-Match": tag})
    assert page.status_code == 200
    assert "27/02/2027" in page.text


def test_addresses_without_their_last_slash_lead_on_and_others_are_not_found(visitor: Visitor) -> None:
    assert visitor.get(VALID.rstrip("/")).headers["Location"].endswith(VALID)
    assert visitor.get(f"{BELOW}/autre/").status_code == 404
    assert visitor.post(VALID).status_code == 405


def test_a_status_without_a_page_is_told(visitor: Visitor, said: list[str]) -> None:
    visitor.get(VALID)
    assert "twobsvs.csv: 2BS999040 is not listed: twobsvs has no status 'unknown'." in said
