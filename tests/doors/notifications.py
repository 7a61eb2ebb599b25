"""Org Admin: rules, channels, reminders; webhook endpoints and their messages."""

from django.test import Client
from django.utils import timezone

from certwatch.actions import alert_rules, channels, endpoints, reminder_plans, secrets
from certwatch.models import Organisation, User
from tests.doors import ADMIN, ADMIN_CHANGED, LOGIN, READ_ADMIN, Door
from tests.logins import log_in

SLACK = "slack://T0AB1CD2E/B0AB1CD2E/abcdefghijklmnopqrstuvwx"
URL = "https://1.2.3.4/hooks"
DAY = "2026-11-24"
NOBODYS = (LOGIN, 404, 403, 403, 404, 404, 404)  # of another organisation
READ_NOBODYS = (LOGIN, 404, 404, 403, 404, 404, 404)

DOORS = [
    Door("notifications", READ_ADMIN),
    Door("rule_create", ADMIN),
    Door("rule_create", ADMIN, "post", data={"name": ""}),
    Door("rule_create", ADMIN_CHANGED, "post", data={"name": "New", "least": "critical", "when": "at_once"}),
    Door("rule", ADMIN, args=("<rule>",)),
    Door("rule", NOBODYS, args=("<foreign_rule>",)),
    Door("rule", ADMIN_CHANGED, "post", args=("<rule>",), data={"name": "N", "least": "critical", "when": "digest"}),
    Door("rule_switch", ADMIN_CHANGED, "post", args=("<rule>",), data={"on": "0"}),
    Door("rule_remove", ADMIN, args=("<rule>",)),
    Door("rule_remove", ADMIN_CHANGED, "post", args=("<rule>",)),
    Door("plan_save", ADMIN_CHANGED, "post", data={"tag": "UCO", "days": "90"}),
    Door("plan_save", ADMIN, "post", data={"days": "90"}),
    Door("plan_remove", ADMIN_CHANGED, "post", data={"scheme": "", "tag": "Mill"}),
    Door("supplier_reminders", ADMIN_CHANGED, "post", data={"on": "on", "supplier_days": "90"}),
    Door("channel_create", ADMIN),
    Door("channel_create", ADMIN_CHANGED, "post", data={"name": "Sales", "target": SLACK}),
    Door("channel", ADMIN, args=("<channel>",)),
    Door("channel", NOBODYS, args=("<foreign_channel>",)),
    Door("channel", ADMIN_CHANGED, "post", args=("<channel>",), data={"name": "Oils"}),
    Door("channel_switch", ADMIN_CHANGED, "post", args=("<channel>",), data={"on": "0"}),
    Door("channel_test", ADMIN_CHANGED, "post", args=("<channel>",)),
    Door("channel_remove", ADMIN, args=("<channel>",)),
    Door("channel_remove", ADMIN_CHANGED, "post", args=("<channel>",)),
    Door("webhooks", READ_ADMIN),
    Door("webhook_create", ADMIN),
    Door("webhook_create", ADMIN, "post", data={"url": URL, "types": "certificate.renewed"}),  # it shows the secret
    Door("webhook", READ_ADMIN, args=("<webhook>",)),
    Door("webhook", READ_NOBODYS, args=("<foreign_webhook>",)),
    Door("webhook_edit", ADMIN, args=("<webhook>",)),
    Door("webhook_edit", ADMIN_CHANGED, "post", args=("<webhook>",), data={"url": URL, "types": "key.expiring"}),
    Door("webhook_rotate", ADMIN, args=("<webhook>",)),
    Door("webhook_rotate", ADMIN, "post", args=("<webhook>",)),
    Door("webhook_rotate", NOBODYS, "post", args=("<foreign_webhook>",)),
    Door("webhook_remove", ADMIN, args=("<webhook>",)),
    Door("webhook_remove", ADMIN_CHANGED, "post", args=("<webhook>",)),
    Door("webhook_switch", ADMIN_CHANGED, "post", args=("<webhook>",), data={"on": "0"}),
    Door("webhook_test", ADMIN_CHANGED, "post", args=("<webhook>",)),
    Door("webhook_replay", ADMIN, "post", args=("<webhook>",), data={"first": "2026-11-24", "last": ""}),
    Door("webhook_replay", ADMIN_CHANGED, "post", args=("<webhook>",), data={"first": DAY, "last": DAY}),
    Door("webhook_delivery", READ_ADMIN, args=("<message>",)),
    Door("webhook_delivery", READ_NOBODYS, args=("<foreign_message>",)),
    Door("webhook_again", ADMIN_CHANGED, "post", args=("<message>",)),
    Door("webhook_again", NOBODYS, "post", args=("<foreign_message>",)),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    anna, clara, now = cast["anna"], cast["clara"], timezone.now()
    assert anna is not None
    assert clara is not None
    other = Organisation.objects.get(memberships__user=clara)
    reminder_plans.save(org, tag="Mill", days=[9], by=anna, now=now)
    found = {}
    for name, owner, person in (("", org, anna), ("foreign_", other, clara)):
        found[f"{name}rule"] = alert_rules.save(owner, None, alert_rules.Said("Nordsee"), by=person, now=now).public_id
        made = channels.create(owner, name="#oils", target=SLACK, schemes=["slack"], by=person, now=now)
        found[f"{name}channel"] = made.public_id
        endpoint = owner.webhook_endpoints.create(url=URL, secret=secrets.encrypt("whsec_AA"), created_at=now)
        found[f"{name}webhook"] = endpoint.public_id
        found[f"{name}message"] = endpoints.test(endpoint, by=person, now=now).public_id
    return found


def enter(client: Client, user: User | None) -> None:
    if user is not None:
        log_in(client, user)
