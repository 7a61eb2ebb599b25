"""Links that turn the digest off."""

import pytest
from django.conf import settings
from django.core import signing

from certwatch.actions import unsubscribe
from certwatch.models import Organisation, User
from certwatch.models.orgs import Digest
from certwatch.rules.errors import Refused


def token(user: User, org: Organisation) -> str:
    return unsubscribe.address(user, org).removeprefix(f"{settings.BASE_URL}/unsubscribe/").removesuffix("/")


def test_a_link_names_its_reader_and_organisation_but_no_running_number(nordmuehle: Organisation, mia: User) -> None:
    link = token(mia, nordmuehle)
    assert unsubscribe.read(link) == (mia, nordmuehle, "digest")
    assert signing.loads(link, salt="certwatch.unsubscribe") == [nordmuehle.memberships.get().public_id, "digest"]


@pytest.mark.parametrize("wrong", ["", "x", "a:b:c", "\0", "ü" * 50])
def test_what_is_none_of_ours_is_refused(db: None, wrong: str) -> None:
    with pytest.raises(Refused):
        unsubscribe.read(wrong)


@pytest.mark.parametrize("signed", [None, 7, [], ["x"], ["x", "digest"], {"a": 1, "b": 2}])
def test_what_is_signed_and_names_no_membership_is_refused(db: None, signed: object) -> None:
    with pytest.raises(Refused):
        unsubscribe.read(signing.dumps(signed, salt="certwatch.unsubscribe"))


def test_a_changed_or_foreign_signature_is_refused(nordmuehle: Organisation, mia: User) -> None:
    link = token(mia, nordmuehle)
    public_id = nordmuehle.memberships.get().public_id
    for wrong in (link[:-1] + ("A" if link[-1] != "A" else "B"), signing.dumps([public_id, "digest"], salt="other")):
        with pytest.raises(Refused):
            unsubscribe.read(wrong)


def test_it_ends_with_the_membership(nordmuehle: Organisation, mia: User) -> None:
    link = token(mia, nordmuehle)
    nordmuehle.memberships.all().delete()
    with pytest.raises(Refused, match="This membership has ended"):
        unsubscribe.read(link)


def test_turning_off_is_for_one_organisation_and_may_be_repeated(
    nordmuehle: Organisation, suedoel: Organisation, mia: User, clara: User
) -> None:
    suedoel.memberships.create(user=mia, role="member", created_at=mia.date_joined)
    assert unsubscribe.turn_off(mia, nordmuehle)
    assert not unsubscribe.turn_off(mia, nordmuehle)
    assert nordmuehle.memberships.get(user=mia).digest == Digest.OFF
    assert set(suedoel.memberships.values_list("digest", flat=True)) == {Digest.ON}
