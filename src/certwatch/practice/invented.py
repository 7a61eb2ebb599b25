"""Invented rows for the registers: no holder, number or certification body of them exists.

Every status, dates around a given day, names in several languages with all that makes names difficult. Their numbers
are from ranges that no certification body uses (999).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from certwatch.practice.rows import as_csv
from certwatch.rules.status import Status

_YEAR = 364  # a certificate lasts a year less a day: both days count


@dataclass(frozen=True, slots=True)
class _Town:
    street: str
    post_code: str
    name: str
    country: str  # ISO code


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a certificate. Days are counted from today."""

    status: Status
    ends: int
    suspended: int | None = None
    resumes: int | None = None


def files(today: date) -> dict[str, str]:
    """Source → the text of its file."""
    return {"iscc": _iscc(today), "redcert": _redcert(today), "twobsvs": _twobsvs(today)}


def _iscc(today: date) -> str:
    rows = []
    for place, (holder, fate) in enumerate(zip(_HOLDERS, _fates(), strict=True)):
        town = _town(place)
        prefix = ("EU-ISCC", "EU-ISCC", "ISCC-PLUS", "EU-ISCC", "ISCC-CORSIA", "ISCC-PLUS", "ISCC-CORSIA-PLUS")[
            place % 7
        ]
        raw, product = _MATERIALS[place % len(_MATERIALS)]
        scope = _SCOPES[place % len(_SCOPES)]
        rows.append(
            _row(f"{prefix}-Cert-{town.country}999-{10_000_100 + place * 37}", holder, fate, today)
            | {
                "Street": town.street,
                "Post code": town.post_code,
                "City": town.name,
                "Country": _COUNTRIES[town.country][0],
                "Scope": scope,
                "Processing Unit Type": "Converter" if "Processing" in scope else "",
                "Raw Material": raw,
                "Products": product,
                "Add-ons/CTS": "ISCC EU 205-01 GHG Emissions" if place % 9 == 0 else "",
                "Issuing CB": _BODIES[place % len(_BODIES)],
                "Latitude": f"{47 + place % 7}.{100_000 + place * 7}",
                "Longitude": f"{6 + place % 9}.{200_000 + place * 13}",
            }
        )
    rows[5]["number"] = rows[4]["number"]  # one number for two holders
    rows[8]["number"] = rows[8]["number"].replace("999-", "999- ")  # misprinted, as a few of the real ones
    rows[12]["number"] = "DE-B-BLE-BM-10-999-00000012"  # the old German form
    rows.append(dict(rows[20]))  # the same card twice
    return as_csv(rows, [name for name in rows[0] if name not in _OURS])


def _redcert(today: date) -> str:
    rows = []
    for place, (holder, fate) in enumerate(zip(reversed(_HOLDERS), _fates(), strict=True)):
        town = _town(place + 3)
        chemical = place % 4 == 2
        number = f"REDcert²-999-{35_290_000 + place * 11}" if chemical else f"EU-REDcert-999-{54_240_000 + place * 11}"
        rows.append(
            _row(number, holder, fate, today)
            | {
                "City": town.name,
                "Post code": town.post_code,
                "Country": _COUNTRIES[town.country][1],
                "Certified as": ("101", "201,301", "401", "801,901")[place % 4],
                "Certification body": _BODIES[place % len(_BODIES)].partition(",")[0],
                "Type": "Certificate REDcert² Chem" if chemical else "Certificate REDcert-EU",
                "Type of biomass": ("SBG / SBM, Gül", "RS/PFÖ", "", "UCO,AuR")[place % 4],
            }
        )
    rows[7]["status"] = "certificate under review"  # a word that nobody has seen before
    return as_csv(rows, [name for name in rows[0] if name not in _OURS])


def _twobsvs(today: date) -> str:
    rows = []
    for place, (holder, fate) in enumerate(zip(_HOLDERS[7:] + _HOLDERS[:7], _fates(), strict=True)):
        town = _town(place + 5)
        row = _row(f"2BS999{100 + place * 3:03}", holder, fate, today)
        if fate.status is Status.WITHDRAWN:
            row["suspended_from"] = _day(today, -30 - place)  # the day of withdrawal
        rows.append(
            row
            | {
                "Adresse": f"{town.street}, {town.post_code} {town.name}",
                "Pays": _COUNTRIES[town.country][2],
                "Type d'activité": ("Premier collecteur", "Négociant", "Opérateur de transformation")[place % 3],
            }
        )
    return as_csv(rows, [name for name in rows[0] if name not in _OURS])


_OURS = ("number", "holder", "status", "valid_from", "valid_until", "suspended_from", "suspended_until")


def _row(number: str, holder: str, fate: _Fate, today: date) -> dict[str, str]:
    return {
        "number": number,
        "holder": holder,
        "status": fate.status.value,
        "valid_from": _day(today, fate.ends - _YEAR),
        "valid_until": _day(today, fate.ends),
        "suspended_from": "" if fate.suspended is None else _day(today, fate.suspended),
        "suspended_until": "" if fate.resumes is None else _day(today, fate.resumes),
    }


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def _fates() -> list[_Fate]:
    """A fate for each holder: most are valid, some for not much longer, and every status occurs."""
    valid = [_Fate(Status.VALID, 24 + place * 37 % 330) for place in range(len(_HOLDERS))]
    special = dict(zip(range(3, len(_HOLDERS), 3), _SPECIAL, strict=False))
    return [special.get(place, fate) for place, fate in enumerate(valid)]


def _town(place: int) -> _Town:
    return _TOWNS[place % len(_TOWNS)]


_SPECIAL = (
    _Fate(Status.SUSPENDED, 150, suspended=-12),
    _Fate(Status.EXPIRED, -3),
    _Fate(Status.WITHDRAWN, 90),
    _Fate(Status.NOT_YET_VALID, _YEAR + 10),
    _Fate(Status.VALID, 0),  # its last day is today
    _Fate(Status.TERMINATED, 45),
    _Fate(Status.SUSPENDED, 210, suspended=-40, resumes=20),
    _Fate(Status.VALID, 1),
    _Fate(Status.EXPIRED, -40),
    _Fate(Status.VALID, 6),
    _Fate(Status.WITHDRAWN, -15),
    _Fate(Status.VALID, 180, suspended=-90, resumes=-60),  # a suspension that is over
    _Fate(Status.TERMINATED, 170),
    _Fate(Status.SUSPENDED, 33, suspended=-1),
    _Fate(Status.EXPIRED, -120),
    _Fate(Status.VALID, 13),
    _Fate(Status.NOT_YET_VALID, _YEAR + 1),
    _Fate(Status.WITHDRAWN, 200),
    _Fate(Status.EXPIRED, -1),
    _Fate(Status.SUSPENDED, -5, suspended=-60),  # its last day has passed meanwhile
    _Fate(Status.TERMINATED, -20),
    _Fate(Status.EXPIRED, -210),
)

_HOLDERS = (
    "Muster Biogas GmbH & Co. KG",
    "Beispiel Fette & Öle GmbH",
    "Erdacht Agrarhandel e.K.",
    "Muster Kunststoff AG",
    "Beispiel Ölmühle GmbH",
    "Gedacht & Söhne Handels-GmbH",
    "Irgendwo Raiffeisen-Lager eG (Zentrale)",
    "Fiktiva Bioenergie, Zweigniederlassung Nord",
    "Musterland Speisefett-Sammlung KG",
    "Beispielhof Getreide GbR",
    "Nirgendwo Umesterung AG",
    "Phantasie Rohstoffe SE",
    "Österreichische Muster-Fettschmelze Ges.m.b.H.",
    "Beispielwerk Pflanzenöl²",
    'Agrar-Kontor "Zum Beispiel" OHG',
    "Attrappe Chemie GmbH",
    "Société Exemple S.A.",
    "Coopérative Fictive de l’Exemple (siège)",
    "Huiles & Dérivés Imaginaires SAS",
    "Négoce Fictif SARL",
    "Distillerie du Modèle SA",
    "Silo de l’Essai",
    "Éthanol d’Imagination, S.C.A.",
    "Établissements Lambda Père & Fils",
    "Sucrerie Inventée du Nord",
    "Przykład Sp. z o.o.",
    "Wzór Tłuszcze Roślinne Sp. z o.o. Sp.k.",
    "Zakłady Tłuszczowe „Przykładowo” S.A.",
    "Spółdzielnia Zmyślona w Łęgu",
    "Fikcja Biopaliwa Sp. j.",
    "Gdzieś Śląska Olejarnia Sp. z o.o.",
    "Ukázka s.r.o.",
    "Příklad Řepkový Olej, a.s.",
    "Vzorové družstvo Nikde",
    "Príklad Energia, s. r. o.",
    "Minta Bioüzemanyag Kft.",
    "Példa Növényolaj Zrt.",
    "Ejemplo Aceites S.L.",
    "Muestra Reciclaje de Aceites, S.A.",
    "Compañía Inventada Ñandú S.L.U.",
    "Exemplo Óleos Vegetais, Lda.",
    "Amostra Combustíveis Unipessoal, Lda.",
    "Esempio Oli e Grassi S.p.A.",
    "Finzione Biocarburanti S.r.l.",
    "Società d’Esempio F.lli Nessuno S.n.c.",
    "Voorbeeld Handel B.V.",
    "Nergens Recycling & Opslag N.V.",
    "'t Verzonnen Vetsmelterij B.V.",
    "Eksempel Fedt A/S",
    "Opdigtet Landhandel ApS",
    "Exempel Förnybart AB",
    "Påhittad Skogsråvara AB (publ)",
    "Esimerkki Öljyt Oy",
    "Keksitty Jäte Oyj",
    "UAB Pavyzdys",
    "SIA „Izdomāts Biodīzelis”",
    "Näidis Õlid OÜ",
    "Παράδειγμα Έλαια Α.Ε.",
    "Измислица Биогорива ООД",
    "Exemplu Uleiuri S.R.L.",
    "Izmišljeno Ulje d.o.o.",
    "Fictitious Oils Trading Ltd.",
    "Sample & Specimen Feedstocks plc",
    "Nowhere Renewable Fuels LLC",
    'The "Placeholder" Collection Company',
    "INVENTED (HAINAN) CO., LTD",
    "PT Contoh Sawit Khayalan, Tbk",
    "Misalan Minyak Sdn. Bhd.",
    "Örnek Yağ Sanayi ve Tic. A.Ş.",
    "O'Nobody Rendering DAC",
)

_TOWNS = (
    _Town("Hafenweg 12", "01067", "Musterstadt", "DE"),
    _Town("12 rue de l’Église", "51000", "Exempleville", "FR"),
    _Town("ul. Zmyślona 4", "90-001", "Wzorów", "PL"),
    _Town("Voorbeeldkade 7", "3011 AA", "Voorbeeldhaven", "NL"),
    _Town("Beispielgasse 3/2", "1010", "Beispielbrunn", "AT"),
    _Town("Calle del Ejemplo, 5", "41001", "Villamuestra", "ES"),
    _Town("Industriestraße 3", "74613", "Beispielhausen", "DE"),
    _Town("Via dell’Esempio 21", "00100", "Esempio sul Mare", "IT"),
    _Town("Ukázková 88", "110 00", "Vzorov", "CZ"),
    _Town("3 quai des Essais", "59000", "Port-Modèle", "FR"),
    _Town("Eksempelvej 9", "8000", "Eksempelby", "DK"),
    _Town("Route de Nulle-Part 1", "4000", "Fictif-lez-Exemple", "BE"),
    _Town("Minta utca 6", "1051", "Mintaháza", "HU"),
)

_COUNTRIES = {  # English (ISCC), German (REDcert), French (2BSvs)
    "AT": ("Austria", "Österreich", "Autriche"),
    "BE": ("Belgium", "Belgien", "Belgique"),
    "CZ": ("Czech Republic", "Tschechien", "République tchèque"),
    "DE": ("Germany", "Deutschland", "Allemagne"),
    "DK": ("Denmark", "Dänemark", "Danemark"),
    "ES": ("Spain", "Spanien", "Espagne"),
    "FR": ("France", "Frankreich", "France"),
    "HU": ("Hungary", "Ungarn", "Hongrie"),
    "IT": ("Italy", "Italien", "Italie"),
    "NL": ("Netherlands", "Niederlande", "Pays-Bas"),
    "PL": ("Poland", "Polen", "Pologne"),
}

_SCOPES = (
    "Trader with Storage",
    "Collecting Point, Trader with Storage",
    "First Gathering Point",
    "Processing Unit",
    "Trader",
    "Point of Origin",
    "Warehouse",
)

_MATERIALS: Sequence[tuple[str, str]] = (
    ("Used cooking oil (UCO), AF 1", ""),
    ("Rape/canola, Wheat", ""),
    ("", "Polypropylene (PP)"),
    ("POME", ""),
    ("Tallow (cat. 1 & 2)", "Biodiesel (FAME)"),
)

_BODIES = (
    "Musterzert GmbH, Musterstadt, DE",
    "Sample Assurance B.V., Voorbeeldhaven, NL",
    "Exemple Contrôle S.A., Exempleville, FR",
)
