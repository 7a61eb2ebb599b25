"""The list of alerts, and one alert."""

from certwatch.models import Organisation, User
from certwatch.rules.notices import State
from tests.actions.notices import alert
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
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    foreign = Organisation.objects.exclude(pk=org.pk).get()
    return {
        "open": alert(org).public_id,
        "solved": alert(org, state=State.SOLVED).public_id,
        "foreign": alert(foreign).public_id,
    }
