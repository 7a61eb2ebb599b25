"""Taking no more mails of a kind: the link that stands in them, and what it does.

The link is signed and names a membership and the kind of mail; whoever holds it can do nothing else with it.
"""

from typing import Final

from django.conf import settings
from django.core import signing

from certwatch.models import Organisation, User
from certwatch.models.orgs import Digest
from certwatch.rules.errors import Refused

DIGEST: Final = "digest"  # the one kind of mail that comes again and again
_SALT = "certwatch.unsubscribe"


class WrongLink(Refused):
    """No link of ours, or one of a membership that has ended."""


def address(user: User, org: Organisation, kind: str = DIGEST) -> str:
    """Where `user`, a member of `org`, turns mails of `kind` off: for a mail's text and its List-Unsubscribe."""
    member = org.memberships.only("public_id").get(user=user)
    return f"{settings.BASE_URL}/unsubscribe/{signing.dumps([member.public_id, kind], salt=_SALT)}/"


def read(token: str) -> tuple[User, Organisation, str]:
    """Who gets what kind of mail from where, as a link says. It never ends. Raises `WrongLink`."""
    try:
        public_id, kind = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise WrongLink("This link is not one of ours.") from error
    user = User.objects.filter(memberships__public_id=public_id).first()
    if user is None or kind != DIGEST:
        raise WrongLink("This membership has ended.")
    return user, user.memberships.select_related("org").get(public_id=public_id).org, kind


def turn_off(user: User, org: Organisation) -> bool:
    """No digest of `org` for `user` any more; False where he had none."""
    had = org.memberships.filter(user=user).exclude(digest=Digest.OFF)
    return had.update(digest=Digest.OFF) > 0


def is_off(user: User, org: Organisation) -> bool:
    """Whether `user` gets no digest of `org`."""
    return org.memberships.filter(user=user, digest=Digest.OFF).exists()
