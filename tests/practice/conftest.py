"""A running server with a few rows of our own, and a visitor of it."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import httpx2
import pytest
from selectolax.lexbor import LexborHTMLParser

from certwatch.practice import PracticeRegisters
from certwatch.practice.trouble import parse

TODAY = date(2026, 11, 24)
HEAD = "number,holder,status,valid_from,valid_until,suspended_from,suspended_until"

ISCC = f"""{HEAD},City,Country,Scope,Colour
EU-ISCC-Cert-DE999-1,"C&D (HAINAN) CO., LTD",valid,2026-01-02,2027-01-01,,,Musterstadt,Germany,Trader,blue
EU-ISCC-Cert-DE999-2,Beispiel <Öle> GmbH,not_yet_valid,2027-01-02,2028-01-01,,,,,,
EU-ISCC-Cert-DE999-3,Erdacht e.K.,valid,2026-01-02,31/11/2026,2026-02-10,2026-02-24,,,,
EU-ISCC-Cert-DE999-4,Muster AG,suspended,2026-01-02,2027-01-01,2026-11-01,,,,,
EU-ISCC-Cert-DE999-5,Przykład Sp. z o.o.,Withdrawn,2026-01-02,2027-01-01,,,,,,
EU-ISCC-Cert-DE999-6,Minta Kft.,terminated,2026-01-02,2027-01-01,,,,,,
EU-ISCC-Cert-DE999-7,Ukázka s.r.o.,expired,2025-01-02,2026-01-01,,,,,,
EU-ISCC-Cert-DE999-8,Nobody,under review,2025-01-02,2026-01-01,,,,,,
"""

REDCERT = f"""{HEAD},City,Post code,Country,Certified as,Colour
EU-REDcert-999-1,Muster & Söhne,valid,2026-01-02,2027-01-01,,,Dresden,01067,Deutschland,101,blue
REDcert²-999-2,=1+1,suspended,2026-01-02,2027-01-01,,,Łódź,90-001,Polen,"801,901",
EU-REDcert-999-3,Ukázka s.r.o.,certificate under review,soon,2027-01-01,,,,,,,
EU-REDcert-999-4,Exemple S.A.,not_yet_valid,2027-01-02,2028-01-01,,,,,,,
EU-REDcert-999-5,Nobody,not_found,2027-01-02,2028-01-01,,,,,,,
"""

TWOBSVS = f"""{HEAD},Adresse,Pays,Type d’activité,Colour
2BS999003,COOPÉRATIVE EXEMPLE (siège),valid,2026-03-01,2027-02-28,,,"12 rue, 51000 Ville",France,Négociant,blue
2BS999004,Huiles & Dérivés,expired,2025-03-01,31/11/2026,,,,,,
2BS999010,Distillerie SA,suspended,2026-01-01,2026-12-31,2026-05-12,,,,,
2BS999020,Négoce SARL,withdrawn,2024-10-10,2025-10-09,2025-02-03,,,,,
2BS999030,Silo de l’Essai,terminated,2025-07-01,2026-06-30,,,,,,
2BS999040,Nobody,unknown,2025-07-01,2026-06-30,,,,,,
"""


class Visitor(httpx2.Client):
    """Somebody who keeps his cookies and asks ISCC's way."""

    def iscc(
        self, bucket: str | None = "valid", *, count: int | str = 200, page: int | str = 1, **more: object
    ) -> httpx2.Response:
        filters = {} if bucket is None else {"filters": {"status": [bucket]}}
        return self.post("/iscc/wp-json/api/certificates", json={**filters, "count": count, "page": page, **more})

    def numbers(self, bucket: str | None = "valid", **how: object) -> list[str]:
        reply = self.iscc(bucket, **how)  # type: ignore[arg-type]
        html = str(json_of(reply)["html"])
        return [tag.text() for tag in LexborHTMLParser(html).css(".tag")]


def json_of(reply: httpx2.Response) -> dict[str, object]:
    assert reply.status_code == 200
    body = json.loads(reply.content.decode("utf-8-sig"))
    assert body["success"] is True
    return dict(body["data"]["data"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "iscc.csv").write_text(ISCC, encoding="utf-8")
    (tmp_path / "redcert.csv").write_text(REDCERT, encoding="utf-8")
    (tmp_path / "twobsvs.csv").write_text(TWOBSVS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def said() -> list[str]:
    """What the registers complained of."""
    return []


@pytest.fixture
def registers(folder: Path, said: list[str]) -> Iterator[PracticeRegisters]:
    with PracticeRegisters(data=folder, today=TODAY, say=said.append) as registers:
        yield registers


@pytest.fixture
def visitor(registers: PracticeRegisters) -> Iterator[Visitor]:
    with Visitor(base_url=registers.url, trust_env=False, timeout=10) as visitor:
        yield visitor


@pytest.fixture
def troubled(folder: Path) -> Iterator[Callable[..., Visitor]]:
    """Visitors of registers that misbehave."""
    running: list[PracticeRegisters] = []
    visitors: list[Visitor] = []

    def start(*lines: str, timeout: float = 10) -> Visitor:
        running.append(PracticeRegisters(data=folder, troubles=map(parse, lines), today=TODAY, say=lambda _: None))
        running[-1].start()
        visitors.append(Visitor(base_url=running[-1].url, trust_env=False, timeout=timeout))
        return visitors[-1]

    yield start
    for visitor in visitors:
        visitor.close()
    for registers in running:
        registers.stop()
