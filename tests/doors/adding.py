"""Adding, and imports in their steps."""

from typing import Any

from certwatch.actions import uploads
from certwatch.models import Organisation, User
from tests.conftest import NOON
from tests.doors import CHANGE, CHANGED, LOGIN, READ, Door

DOORS = [
    Door("add", CHANGE),
    Door("add", CHANGED, "post", data={"do": "paste", "text": "EU-ISCC-Cert-DE100-12345678"}),
    Door("add", CHANGE, "post", data={"do": "upload"}),  # no file: the form says so
    Door("imports", READ),
    Door("imports", (LOGIN, 404, 405, 405, 405, 405, 404), "post"),
    Door("import", READ, args=("<import>",)),
    Door("import", CHANGED, "post", ("<import>",), {"do": "confirm"}),
    Door("import", CHANGED, "post", ("<import>",), {"do": "cancel"}),
    Door("import", (LOGIN, 404, 403, 400, 400, 400, 404), "post", ("<import>",), {"do": "nothing that we know"}),
    Door("import", (LOGIN, 404, 404, 404, 404, 404, 404), args=("of-another",)),
    Door("import_csv", READ, args=("<import>",)),
    Door("import_xlsx", READ, args=("<import>",)),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, Any]:
    made = uploads.paste(org, ["EU-ISCC-Cert-DE100-12345678"], by=cast["mia"], now=NOON)
    return {"import": made.public_id}
