"""API keys: made, replaced and revoked."""

import ipaddress
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import ApiKey, Organisation, User
from certwatch.models.base import as_json
from certwatch.rules import keys, names
from certwatch.rules.errors import Refused, UnknownName

DEFAULT_SCOPES = ("certificates:read",)
LAST_YEAR = 9000  # what is beyond is a slip, and overflows calendars
LONGEST_OVERLAP = 30  # days in which a key and its successor are both good


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
    address: str | None = None,
) -> tuple[ApiKey, str]:
    """Make an API key. The second value is its plaintext: show it once, keep it nowhere.

    `last_day` counts, in the organisation's time zone. `networks` are CIDR texts; none: from anywhere.
    """
    if wrong := [scope for scope in scopes if scope not in keys.SCOPES]:
        raise Refused(f"There is no scope “{wrong[0]}”; there are {', '.join(keys.SCOPES)}.")
    _check_last_day(org, last_day, now)
    key, plaintext = _make(
        org,
        names.clean(name, "The name of a key", 100),
        list(dict.fromkeys(scopes)),
        list(dict.fromkeys(str(ipaddress.ip_network(network)) for network in networks)),
        last_day,
        by=by,
        now=now,
    )
    audit.note(
        org, "key.created", about=key.name, about_id=key.public_id, by=by, now=now, address=address,
        scopes=key.scopes, networks=key.networks, last_day=as_json(last_day),
    )  # fmt: skip
    return key, plaintext


@transaction.atomic
def rotate(
    key: ApiKey,
    *,
    last_day: date | None,
    overlap_days: int,
    by: User | None,
    now: datetime,
    address: str | None = None,
) -> tuple[ApiKey, str]:
    """A successor of `key` with the same name and rights, and its plaintext, as `create` answers.

    `key` stays good for `overlap_days` more calendar days, if it has as many; with 0 it is revoked at once. Raises
    `Refused` for a key that is no good any more.
    """
    org = key.org
    _check_last_day(org, last_day, now)
    if not 0 <= overlap_days <= LONGEST_OVERLAP:
        raise Refused(f"Both keys can be good for 0 to {LONGEST_OVERLAP} days, not {overlap_days}.")
    key = org.api_keys.select_for_update().get(pk=key.pk)
    if not key.usable(now):
        raise Refused(_("This key is no good any more. Create a new one."))
    successor, plaintext = _make(org, key.name, key.scopes, key.networks, last_day, by=by, now=now)
    _let_end(key, org, overlap_days, now)
    audit.note(
        org, "key.rotated", about=key.name, about_id=key.public_id, by=by, now=now, address=address,
        successor=successor.public_id, last_day=as_json(last_day), overlap_days=overlap_days,
    )  # fmt: skip
    return successor, plaintext


@transaction.atomic
def revoke(key: ApiKey, *, by: User | None, now: datetime, address: str | None = None) -> bool:
    """Make `key` useless with the next request, for good; False if it was revoked before."""
    if not ApiKey.across_orgs.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    key.revoked_at = now
    audit.note(key.org, "key.revoked", about=key.name, about_id=key.public_id, by=by, now=now, address=address)
    return True


def follow_time_zone(org: Organisation) -> None:
    """Let each key end at midnight after its last day where `org` now is. Inside the caller's transaction."""
    for key in org.api_keys.filter(revoked_at=None).exclude(last_day=None):
        assert key.last_day is not None  # the query asks for it
        key.ends_at = keys.ends_at(key.last_day, org.time_zone)
        key.save(update_fields=["ends_at"])


def of_any_organisation(public_id: str) -> ApiKey:
    """The key with this id, for the operator. Raises `UnknownName`."""
    key = ApiKey.across_orgs.select_related("org").filter(public_id=public_id).first()
    if key is None:
        raise UnknownName(f"There is no key “{public_id}”. certwatch key list --org SLUG shows an organisation's.")
    return key


def _check_last_day(org: Organisation, last_day: date | None, now: datetime) -> None:
    if last_day is not None and not org.today(now) <= last_day < date(LAST_YEAR, 1, 1):
        raise Refused(f"The last day must not lie in the past, nor after the year {LAST_YEAR - 1}: {last_day}.")


def _make(
    org: Organisation,
    name: str,
    scopes: list[str],
    networks: list[str],
    last_day: date | None,
    *,
    by: User | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    plaintext = keys.make()
    key: ApiKey = org.api_keys.create(
        name=name,
        digest=keys.digest(plaintext),
        begins=keys.begins(plaintext),
        scopes=scopes,
        networks=networks,
        last_day=last_day,
        ends_at=keys.ends_at(last_day, org.time_zone) if last_day else None,
        created_at=now,
        created_by=by,
    )
    return key, plaintext


def _let_end(key: ApiKey, org: Organisation, overlap_days: int, now: datetime) -> None:
    if not overlap_days:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        return
    last_day = org.today(now) + timedelta(days=overlap_days)
    if key.last_day is None or last_day < key.last_day:
        key.last_day, key.ends_at = last_day, keys.ends_at(last_day, org.time_zone)
        key.save(update_fields=["last_day", "ends_at"])
