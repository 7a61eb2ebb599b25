"""One certificate, its documents, entering by hand."""

from certwatch.actions import certificates, documents
from certwatch.actions.documents import Upload
from certwatch.models import Organisation, User
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading
from tests.actions.test_certificates import watch
from tests.conftest import NOON
from tests.doors import CHANGE, CHANGED, LOGIN, READ, Door

ONE, WATCHED, DOCUMENT = "<certificate>", "<watched>", "<document>"
NOT_FOR_GET = (LOGIN, 405, 405, 405, 405, 405, 405)

DOORS = [
    Door("certificate", READ, args=(ONE,)),
    Door("certificate", READ, args=(WATCHED,)),
    Door("certificate_describe", CHANGE, args=(ONE,)),
    Door("certificate_describe", CHANGED, "post", (ONE,), {"notes": "x"}),
    Door("certificate_choose", CHANGED, "post", (WATCHED,), {"holder": "One GmbH"}),
    Door("certificate_check", CHANGED, "post", (WATCHED,)),
    Door("certificate_approve", CHANGED, "post", (ONE,), {"entered_at": NOON.isoformat()}),
    Door("certificate_remove", CHANGE, args=(ONE,)),
    Door("certificate_remove", CHANGED, "post", (ONE,)),
    Door("document_add", CHANGED, "post", (ONE,)),
    Door("document", READ, args=(ONE, DOCUMENT)),
    Door("document_remove", CHANGE, args=(ONE, DOCUMENT)),
    Door("document_remove", CHANGED, "post", (ONE, DOCUMENT)),
    Door("enter", CHANGE),
    Door("enter", CHANGED, "post", data={"number": "KZR 9", "status": "valid"}),
    Door("correct", CHANGE, args=(ONE,)),
    Door("correct", CHANGED, "post", (ONE,), {"status": "valid"}),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    """A certificate entered by hand that waits, with a document, and one whose number names two holders."""
    mia = cast["mia"]
    assert mia is not None
    certificate = certificates.enter(
        org, "KZR 1", status=Status.VALID, valid_from=None, valid_until=None, by=mia, now=NOON
    ).certificate
    document = documents.add(certificate, Upload("scan.pdf", b"%PDF-1.7"), by=mia, now=NOON)
    run = reading()
    entry(run=run, holder="One GmbH")
    entry(run=run, holder="Other AG")
    (watched,) = watch(org, NUMBER)
    return {
        "certificate": certificate.public_id,
        "watched": watched.public_id,
        "document": document.public_id,
    }
