"""Upload links and what comes over them, the calendar, unsubscribing."""

from django.conf import settings
from django.utils import timezone

from certwatch.actions import feed, unsubscribe, upload_links
from certwatch.actions.documents import Upload
from certwatch.models import Organisation, User
from tests.actions.asked import PDF, certificate
from tests.doors import CHANGE, CHANGED, LOGIN, PUBLIC, READ, Door

ONE, LINK, FILE, TOKEN = "<certificate>", "<link>", "<proposal>", "<token>"
NOWHERE = (404,) * 7
OWN_DONE = (LOGIN, *(302,) * 6)

DOORS = [
    Door("supplier_ask", CHANGE, args=(ONE,)),
    Door("supplier_ask", CHANGED, "post", (ONE,), {"to": "<contact>"}),
    Door("supplier_ask", CHANGE, "post", (ONE,), {"to": "link"}),  # the page shows the link
    Door("upload_link_revoke", CHANGED, "post", (ONE, LINK)),
    Door("upload_link_revoke", (LOGIN, 404, 403, 404, 404, 404, 404), "post", (ONE, "none")),
    Door("proposal", READ, args=(ONE, FILE)),
    Door("proposal_accept", CHANGED, "post", (ONE, FILE)),
    Door("proposal_dismiss", CHANGED, "post", (ONE, FILE)),
    Door("upload", PUBLIC, args=(TOKEN,)),
    Door("upload", PUBLIC, "post", (TOKEN,)),  # nothing chosen
    Door("upload", NOWHERE, args=("another-token",)),
    Door("upload", NOWHERE, "post", ("another-token",)),
    Door("calendar", PUBLIC, args=("<calendar>",)),
    Door("calendar", (405,) * 7, "post", ("<calendar>",)),
    Door("calendar", NOWHERE, args=("another-token",)),
    Door("unsubscribe", PUBLIC, args=("<signed>",)),
    Door("unsubscribe", PUBLIC, "post", ("<signed>",)),
    Door("unsubscribe", NOWHERE, args=("not-signed",)),
    Door("unsubscribe", NOWHERE, "post", ("not-signed",)),
    Door("me_organisations", OWN_DONE, "post"),
    Door("me_calendar", (LOGIN, *(200,) * 6), "post", data={"show": "mine"}),  # the page shows the address
    Door("me_calendar_choose", OWN_DONE, "post", data={"show": "all"}),
    Door("me_calendar_remove", OWN_DONE, "post"),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    """A certificate whose supplier was asked, and uploaded something."""
    mia, now = cast["mia"], timezone.now()
    assert mia is not None
    mia.refresh_from_db(fields=["language"])
    watched = certificate(org)
    link = upload_links.ask(watched, contact=None, language=mia.language or "en", by=mia, now=now)
    proposal = upload_links.upload(link, Upload("new.pdf", PDF), "", now=now, address="192.0.2.7")
    return {
        "certificate": watched.public_id,
        "contact": org.supplier_contacts.get().public_id,
        "link": link.public_id,
        "proposal": proposal.public_id,
        "token": upload_links.address_of(link).rsplit("/", 2)[1],
        "calendar": feed.make(mia, everything=True, now=now),
        "signed": unsubscribe.address(mia, org).removeprefix(f"{settings.BASE_URL}/unsubscribe/").removesuffix("/"),
    }
