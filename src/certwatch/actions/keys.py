"""API keys: made and revoked."""

import ipaddress
from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from certwatch.actions import audit
from certwatch.models import ApiKey, Organisation, User
from certwatch.rules import keys, names
from certwatch.rules.errors import Refused, UnknownName

DEFAULT_SCOPES = ("certificates:read",)
LAST_YEAR = 9000  # what is beyond is a slip, and overflows calendars


@transaction.atomic
def create(
    org: Organisation,
    *,
    name: str,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    last_day: date | None = None,
    networks: Sequence[str] = (),
    by: User | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make an API key. The second value is its plaintext: show it once, keep it nowhere.

    `last_day` counts, in the organisation's time zone. `networks` are CIDR texts; none: from anywhere.
    """
    if wrong := [scope for scope in scopes if scope not in keys.SCOPES]:
        raise Refused(f"There is no scope “{wrong[0]}”; there are {', '.join(keys.SCOPES)}.")
    if last_day is not None and not org.today(now) <= last_day < date(LAST_YEAR, 1, 1):
        raise Refused(f"The last day must not lie in the past, nor after the year {LAST_YEAR - 1}: {last_day}.")
    plaintext = keys.make()
    key: ApiKey = org.api_keys.create(
        name=names.clean(name, "The name of a key", 100),
        digest=keys.digest(plaintext),
        begins=keys.begins(plaintext),
        scopes=list(dict.fromkeys(scopes)),
        networks=list(dict.fromkeys(str(ipaddress.ip_network(network)) for network in networks)),
        last_day=last_day,
        ends_at=keys.ends_at(last_day, org.time_zone) if last_day else None,
        created_at=now,
        created_by=by,
    )
    audit.note(org, "key.created", about=key.name, about_id=key.public_id, by=by, now=now, scopes=key.scopes)
    return key, plaintext


@transaction.atomic
def revoke(key: ApiKey, *, by: User | None, now: datetime) -> bool:
    """Make `key` useless with the next request, for good; False if it was revoked before."""
    if not ApiKey.across_orgs.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    key.revoked_at = now
    audit.note(key.org, "key.revoked", about=key.name, about_id=key.public_id, by=by, now=now)
    return True


def of_any_organisation(public_id: str) -> ApiKey:
    """The key with this id, for the operator. Raises `UnknownName`."""
    key = ApiKey.across_orgs.select_related("org").filter(public_id=public_id).first()
    if key is None:
        raise UnknownName(f"There is no key “{public_id}”. certwatch key list --org SLUG shows an organisation's.")
    return key
