"""REDcert's side: ASP.NET pages with a session and postbacks, and the whole list as a spreadsheet (sources.md, 4.3).

The search form is shown; what is searched with it is not answered.
"""

import base64
import io
from collections.abc import Collection, Sequence
from datetime import datetime
from html import escape

from certwatch.practice.exchange import HTML, Reply, Request, Sessions, not_found
from certwatch.practice.rows import Row, Table, day
from certwatch.practice.trouble import Troubles
from certwatch.rules.status import Status

PAGE = "/ZertifikateDatenAnzeige.aspx"
EXPORT = "/ExportZertifikate.aspx"
COOKIE = "ASP.NET_SessionId"
TO_ENGLISH = "ctl00$languageEnglishLinkButton"
TO_GERMAN = "ctl00$languageGermanLinkButton"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GENERATOR = "A1B2C3D4"

COLUMNS = (  # English, German, our column if it is one
    ("Identifier", "Identifikator", "number"),
    ("Name of the certificate holder", "Name des Zertifikatsinhabers", "holder"),
    ("City", "Ort", ""),
    ("Post code", "PLZ", ""),
    ("Country", "Land", ""),
    ("Valid from", "Gültig von", "valid_from"),
    ("Valid until", "Gültig bis", "valid_until"),
    ("Certified as", "Zertifiziert als", ""),
    ("Certification body", "Zertifizierungsstelle", ""),
    ("Type", "Art", ""),
    ("State", "Zustand", "status"),
    ("Type of biomass", "Art der Biomasse", ""),
)
STATES = {  # our word → English, German
    Status.VALID: ("valid certificate", "gültiges Zertifikat"),
    Status.NOT_YET_VALID: ("valid certificate", "gültiges Zertifikat"),
    Status.EXPIRED: ("expired certificate", "abgelaufenes Zertifikat"),
    Status.SUSPENDED: ("suspended certificate", "ausgesetztes Zertifikat"),
    Status.WITHDRAWN: ("withdrawn certificate", "entzogenes Zertifikat"),
    Status.TERMINATED: ("terminated certificate", "beendetes Zertifikat"),
}
NUMBERS = ("Post code", "Certified as")  # numbers in the spreadsheet where they can be


class Redcert:
    name = "redcert"

    def __init__(self) -> None:
        self._sessions = Sessions()

    def buckets(self, request: Request) -> Collection[Status]:
        return ()

    def lets_in(self, request: Request) -> bool:
        start = request.method == "GET" and request.path.lower() == PAGE.lower()
        return start or request.cookie(COOKIE) in self._sessions

    def refusal(self) -> Reply:
        return Reply(403, b"<!DOCTYPE html><html><head><title>403 - Forbidden: Access is denied.</title></head></html>")

    def answer(self, request: Request, table: Table, troubles: Troubles) -> Reply:
        path = request.path.lower()
        visitor = request.cookie(COOKIE)
        if path == EXPORT.lower() and visitor in self._sessions:
            german = self._german(visitor)
            headers = [("Content-Disposition", 'attachment; filename="Zertifikate.xlsx"')]
            return Reply(200, _spreadsheet(table, troubles, german=german), XLSX, headers)
        if path not in (PAGE.lower(), EXPORT.lower()):
            return not_found()

        headers = []
        if visitor not in self._sessions:
            visitor = self._sessions.start()
            headers = [("Set-Cookie", f"{COOKIE}={visitor}; Path=/; HttpOnly; SameSite=Lax")]
        if request.method == "POST" and not self._post_back(request, visitor):
            return Reply(500, _VIEW_STATE_ERROR, headers=headers)
        return Reply(200, self._page(visitor, troubles), HTML, headers)

    def unlisted(self, table: Table) -> Sequence[Row]:
        return table.divided({}).get(Status.NOT_FOUND, ())

    def _post_back(self, request: Request, visitor: str) -> bool:
        """Do what the form asks. False if its hidden fields are not those of this visitor's page."""
        form = request.form
        if "__VIEWSTATE" not in form:
            return True  # then it is no postback, but a visit like any other
        if any(form.get(name) != value for name, value in self._hidden(visitor).items()):
            return False
        target = form.get("__EVENTTARGET", "")
        if target in (TO_ENGLISH, TO_GERMAN):
            self._sessions.of(visitor)["language"] = "en" if target == TO_ENGLISH else "de"
        return True

    def _german(self, visitor: str) -> bool:
        return self._sessions.of(visitor).get("language", "de") == "de"

    def _hidden(self, visitor: str) -> dict[str, str]:
        """The hidden fields that must come back as they are. They belong to one visitor, in one language."""
        german = self._german(visitor)
        return {
            "__VIEWSTATE": self._token(visitor, f"state {german}"),
            "__VIEWSTATEGENERATOR": GENERATOR,
            "__VIEWSTATEENCRYPTED": "",
            "__EVENTVALIDATION": self._token(visitor, f"validation {german}"),
        }

    def _token(self, visitor: str, purpose: str) -> str:
        # Base64 with + / =, as the real ones: a form that is not encoded properly is noticed.
        return base64.b64encode(
            b"\xfb\xff\xfe" + bytes.fromhex(self._sessions.token(visitor, purpose)) + b"\xfb"
        ).decode()

    def _page(self, visitor: str, troubles: Troubles) -> bytes:
        german = self._german(visitor)
        hidden = {"__EVENTTARGET": "", "__EVENTARGUMENT": "", **self._hidden(visitor)}
        fields = "\n".join(
            f'<input type="hidden" name="{n}" id="{n}" value="{escape(v)}" />' for n, v in hidden.items()
        )
        headings = _headings(troubles, german=german)
        table = "".join(f"<th>{escape(headings[place])}</th>" for place in (10, 0, 1, 5, 6, 7, 11, 8, 9))
        return _PAGE.format(language="de" if german else "en", fields=fields, headings=table).encode()


def _spreadsheet(table: Table, troubles: Troubles, *, german: bool) -> bytes:
    """The export. Dates are text, codes and post codes numbers where they can be."""
    import xlsxwriter  # only here: what starts the registers need not wait for it

    known = {english.casefold(): english for english, _, _ in COLUMNS}
    further = [name for name in table.more if name.casefold() not in known]
    as_headed = {known[name.casefold()]: name for name in table.more if name.casefold() in known}
    headings = _headings(troubles, german=german)
    rows, _ = troubles.listed([row for row in table.rows if row.word is not Status.NOT_FOUND], None)

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.set_properties({"created": datetime(2026, 1, 1)})  # noqa: DTZ001 (the same rows are the same bytes)
        sheet = book.add_worksheet("Sheet1")
        for place, heading in enumerate([*headings, *(troubles.label(name) for name in further)]):
            sheet.write_string(0, place, heading)
        for line, row in enumerate(rows, 1):
            cells = [_cell(row, english, as_headed, german=german) for english, _, _ in COLUMNS]
            for place, text in enumerate([*cells, *(row.more.get(name, "") for name in further)]):
                numeric = place < len(COLUMNS) and COLUMNS[place][0] in NUMBERS and text.isascii() and text.isdigit()
                if numeric and len(text) < 10:
                    sheet.write_number(line, place, int(text))
                elif text:
                    sheet.write_string(line, place, text)
    return file.getvalue()


def _headings(troubles: Troubles, *, german: bool) -> list[str]:
    return [troubles.label(g if german else e, e, g, *([ours] if ours else [])) for e, g, ours in COLUMNS]


def _cell(row: Row, heading: str, as_headed: dict[str, str], *, german: bool) -> str:
    match heading:
        case "Identifier":
            return row.number
        case "Name of the certificate holder":
            return row.holder
        case "Valid from":
            return day(row.valid_from, "%d.%m.%Y")
        case "Valid until":
            return day(row.valid_until, "%d.%m.%Y")
        case "State":
            # Only our word as we write it: “Valid” was REDcert's own word once, and stands as it is.
            words = {ours.value: states for ours, states in STATES.items()}.get(row.status)
            return words[1 if german else 0] if words else row.status
    return row.more.get(as_headed.get(heading, ""), "")


_VIEW_STATE_ERROR = b"""<!DOCTYPE html><html><head><title>Runtime Error</title></head><body>
<h1>Server Error in '/' Application.</h1><h2><i>Validation of viewstate MAC failed.</i></h2></body></html>
"""

_PAGE = """<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>REDcert</title></head><body>
<form method="post" action="./ZertifikateDatenAnzeige.aspx" id="aspnetForm">
{fields}
<a id="ctl00_languageGermanLinkButton" href="javascript:__doPostBack('ctl00$languageGermanLinkButton','')">Deutsch</a>
<a id="ctl00_languageEnglishLinkButton" href="javascript:__doPostBack('ctl00$languageEnglishLinkButton','')">English</a>
<input name="ctl00$mainContentPlaceHolder$zertifikatIdentifikatorTextBox" type="text" value="" />
<input name="ctl00$mainContentPlaceHolder$zertifikatsInhaberNameTextBox" type="text" value="" />
<input type="submit" name="ctl00$mainContentPlaceHolder$SearchButton" value="Suche starten" />
<table id="ctl00_mainContentPlaceHolder_zertifikateDatenAnzeigeGridView"><tr><th></th>{headings}</tr></table>
<a id="ctl00_mainContentPlaceHolder_ExportLinkButton" href="ExportZertifikate.aspx">Export</a>
</form></body></html>
"""
