"""The list of alerts, and one alert."""

from datetime import date

from certwatch.models import Organisation, User
from certwatch.rules.notices import State
from tests.actions.notices import alert
from tests.actions.watched import watch
from tests.conftest import NOON
from tests.doors import CHANGE, CHANGED, LOGIN, READ, Door

DOORS = [
    Door("alerts", READ),
    Door("acknowledge_many", CHANGE, "post", data={"id": "<open>"}),
    Door("acknowledge_many", CHANGED, "post", data={"id": "<open>", "confirmed": "1"}),
    Door("acknowledge_many", CHANGED, "post", data={"id": "<foreign>", "confirmed": "1"}),
    Door("acknowledge_many", (LOGIN, 404, 403, 405, 405, 405, 404)),
    Door("alert", READ, args=("<open>",)),
    Door("alert", (LOGIN, 404, 404, 404, 404, 404, 404), args=("<foreign>",)),
    Door("alert", (LOGIN, 404, 405, 405, 405, 405, 404), "post", ("<open>",)),
    Door("alert_acknowledge", CHANGED, "post", ("<open>",)),
    Door("alert_acknowledge", CHANGE, "post", ("<open>",), {"ack-until": "2020-01-01"}),  # what is wrong stands there
    Door("alert_acknowledge", CHANGED, "post", ("<solved>",)),  # back to the page, which says why not
    Door("alert_acknowledge", (LOGIN, 404, 403, 404, 404, 404, 404), "post", ("<foreign>",)),
    Door("alert_acknowledge", (LOGIN, 404, 403, 405, 405, 405, 404), "get", ("<open>",)),
    Door("alert_snooze", CHANGED, "post", ("<open>",), {"snooze-reason": "Fair", "snooze-until": "2099-12-31"}),
    Door("alert_snooze", CHANGE, "post", ("<open>",)),
    Door("alert_snooze", (LOGIN, 404, 403, 404, 404, 404, 404), "post", ("<foreign>",)),
    Door("alert_assign", CHANGED, "post", ("<open>",), {"to": "mia@nordmuehle.example"}),
    Door("alert_assign", CHANGE, "post", ("<open>",), {"to": "clara@suedoel.example"}),
    Door("alert_assign", (LOGIN, 404, 403, 404, 404, 404, 404), "post", ("<foreign>",)),
    Door("alert_reopen", CHANGED, "post", ("<open>",)),
    Door("alert_reopen", (LOGIN, 404, 403, 404, 404, 404, 404), "post", ("<foreign>",)),
    Door("certificate_reminders", CHANGE, args=("<certificate>",)),
    Door("certificate_reminders", CHANGED, "post", ("<certificate>",), {"way": "never"}),
    Door("certificate_reminders", (LOGIN, 404, 403, 404, 404, 404, 404), args=("<theirs>",)),
    Door("successor_accept", CHANGED, "post", ("<certificate>", "<suggestion>")),
    Door("successor_accept", (LOGIN, 404, 403, 404, 404, 404, 404), "post", ("<certificate>", "<elsewhere>")),
    Door("successor_accept", (LOGIN, 404, 403, 405, 405, 405, 404), "get", ("<certificate>", "<suggestion>")),
    Door("successor_dismiss", CHANGED, "post", ("<certificate>", "<suggestion>")),
    Door("successor_dismiss", (LOGIN, 404, 403, 404, 404, 404, 404), "post", ("<theirs>", "<elsewhere>")),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    foreign = Organisation.objects.exclude(pk=org.pk).get()
    certificate, suggestion = _suggested(org, "DE-1")
    theirs, elsewhere = _suggested(foreign, "DE-2")
    return {
        "certificate": certificate,
        "suggestion": suggestion,
        "theirs": theirs,
        "elsewhere": elsewhere,
        "open": alert(org).public_id,
        "solved": alert(org, state=State.SOLVED).public_id,
        "foreign": alert(foreign).public_id,
    }


def _suggested(org: Organisation, number: str) -> tuple[str, str]:
    """A certificate and what may take its place."""
    later = watch(org, f"{number}-later", removed_at=NOON, valid_until=date(2099, 12, 31))
    old = watch(org, number, valid_until=date(2099, 6, 30))
    assert later.entry is not None
    suggestion = org.successors.create(certificate=old, entry=later.entry, suggested_at=NOON)
    return old.public_id, suggestion.public_id
