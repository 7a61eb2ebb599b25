"""Addresses at which suppliers upload a new certificate without an account, and what people make of what came.

The token of a link is made of its public id and the secret key, so that each try of a mail carries the same address,
while the table holds only its SHA-256. An upload is a proposal: nothing of it counts until a person accepts it.
"""

import base64
import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from certwatch.actions import audit, deliveries, documents, notices
from certwatch.actions.documents import Upload
from certwatch.models import (
    Certificate,
    Decision,
    Document,
    Organisation,
    Proposal,
    Purpose,
    SupplierContact,
    UploadLink,
    User,
)
from certwatch.rules.clients import neighbourhood
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind

LASTS = timedelta(days=60)
LARGEST = 10 * 1024 * 1024  # bytes of a file
MOST_FILES = 5  # of one link
LONGEST_NOTE = 2_000  # characters
LONGEST_NAME = 200
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A_CLIENT_MAY = ((HOUR, 20), (DAY, 60))  # so many files in such a time: more than one link takes, less than a flood
MOST_A_DAY = 100  # links that people of one organisation make: mails to strangers must not be had by the thousand
SUPPLIER = "supplier"  # who uploads, in the audit log


class Over(Refused):
    """The link has ended, was revoked, or nobody may use it now."""


class Full(Refused):
    """The link has taken all the files that it may."""


class TooMany(Refused):
    """This client has uploaded too often."""


def make(
    certificate: Certificate, *, contact: SupplierContact | None, language: str, by: User | None, now: datetime
) -> UploadLink:
    """A link for a new edition of `certificate`, good for 60 days. Inside the caller's transaction."""
    link = UploadLink(
        org=certificate.org,
        certificate=certificate,
        contact=contact,
        language=language,
        made_at=now,
        made_by=by,
        ends_at=now + LASTS,
    )
    link.token_digest = _digest(_token(link, settings.SECRET_KEY))
    link.save()
    return link


@transaction.atomic
def ask(
    certificate: Certificate,
    *,
    contact: SupplierContact | None,
    language: str = "en",
    by: User,
    now: datetime,
    address: str | None = None,
) -> UploadLink:
    """Ask the supplier for a new edition: by a mail to `contact` in his language, else over the link alone, which
    `by` hands on himself. Raises `Refused`.
    """
    org = certificate.org
    if org.upload_links.filter(made_at__gt=now - DAY).exclude(made_by=None).count() >= MOST_A_DAY:
        raise Refused(_("%(most)s links have been made within a day. Go on tomorrow.") % {"most": MOST_A_DAY})
    if contact is not None and not contact.email:
        raise Refused(_("%(name)s has no e-mail address.") % {"name": contact.name})
    link = make(certificate, contact=contact, language=contact.language if contact else language, by=by, now=now)
    if contact is not None:
        deliveries.make(
            org,
            Purpose.SUPPLIER,
            told_for=f"supplier:{certificate.pk}:{link.public_id}",
            host=deliveries.MAIL,
            now=now,
            contact=contact,
            facts={"certificate": certificate.public_id, "link": link.public_id},
        )
    audit.note(
        org, "proposal.asked", about=certificate.number, about_id=certificate.public_id, by=by, now=now,
        address=address, contact=contact.email if contact else "",
    )  # fmt: skip
    return link


@transaction.atomic
def revoke(link: UploadLink, *, by: User, now: datetime, address: str | None = None) -> None:
    """End `link` before its time. What was uploaded over it stays."""
    if not link.org.upload_links.filter(pk=link.pk, revoked_at=None).update(revoked_at=now):
        return
    audit.note(
        link.org, "proposal.link_revoked", about=link.certificate.number, about_id=link.certificate.public_id,
        by=by, now=now, address=address,
    )  # fmt: skip


def address_of(link: UploadLink) -> str:
    """Where the supplier uploads. Raises `Refused` where the secret key of that time is known no more."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _token(link, secret)
        if _digest(token) == bytes(link.token_digest):
            return f"{settings.BASE_URL}/upload/{token}/"
    raise Refused("The link was made under a secret key that this installation does not know any more.")


def named(token: str) -> UploadLink | None:
    """The link with this token, whatever became of it."""
    found = UploadLink.across_orgs.filter(token_digest=_digest(token))
    return found.select_related("org", "certificate__entry", "made_by", "contact").first()


def is_open(link: UploadLink, now: datetime) -> bool:
    """Whether the supplier may use it: also not while the organisation is closed or its trial over."""
    if link.revoked_at is not None or link.ends_at <= now or link.certificate.removed_at is not None:
        return False
    return link.org.state(now) in notices.WORKING


@transaction.atomic
def upload(link: UploadLink, file: Upload, note: str, *, now: datetime, address: str | None) -> Proposal:
    """Keep what the supplier uploads and tell the organisation. The same file once more is no other one.

    Raises `Over`, `Full`, `TooMany`, or another `Refused` for what is no document or too large.
    """
    org, certificate = link.org, link.certificate
    if len(file.content) > LARGEST:
        raise Refused(_("%(name)s is larger than 10 MB.") % {"name": file.name})
    kind = documents.content_type(file.content)
    sha256 = hashlib.sha256(file.content).hexdigest()
    locked = org.upload_links.select_for_update().get(pk=link.pk)  # so that two at once do not make a sixth
    if locked.revoked_at is not None or not is_open(link, now):
        raise Over("This link is not good any more.")
    before = list(link.proposals.all())
    twin = next((p for p in before if p.sha256 == sha256 and p.decision == Decision.WAITING), None)
    if twin is not None:
        return twin
    if len(before) >= MOST_FILES:
        raise Full(_("This link has taken %(most)s files, and takes no more.") % {"most": MOST_FILES})
    _limit(address, now)
    proposal: Proposal = org.proposals.create(
        link=link,
        certificate=certificate,
        name=documents.shown_name(file.name)[-LONGEST_NAME:],
        content_type=kind,
        size=len(file.content),
        sha256=sha256,
        path=documents.write("proposals", file.content, kind),
        note=note[:LONGEST_NOTE],
        uploaded_at=now,
        uploaded_from=address,
    )
    told_for = _told_for(proposal)
    facts = {"name": proposal.name, "contact": link.contact.name if link.contact else ""}
    notices.add(
        org, Kind.PROPOSAL, told_for=told_for, batch=f"n:{told_for}", now=now, certificate=certificate,
        about=proposal.name, about_id=proposal.public_id, facts=facts,
    )  # fmt: skip
    _note("proposal.uploaded", proposal, by=None, now=now, address=address)
    return proposal


@transaction.atomic
def accept(proposal: Proposal, *, by: User, now: datetime, address: str | None = None) -> Document:
    """Make the file one of the certificate's documents; its link has served and ends. Raises `Refused`."""
    org = proposal.org
    try:
        content = documents.content(proposal)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Refused(_("The file is gone.")) from error
    _decide(proposal, Decision.ACCEPTED, by=by, now=now)
    document = documents.keep(proposal.certificate, Upload(proposal.name, content), by=by, now=now)
    org.upload_links.filter(pk=proposal.link_id, revoked_at=None).update(revoked_at=now)
    _note("proposal.accepted", proposal, by=by, now=now, address=address)
    return document


@transaction.atomic
def dismiss(proposal: Proposal, *, by: User, now: datetime, address: str | None = None) -> None:
    """Say that the file is not what was asked for. Its link stays good for another. Raises `Refused`."""
    _decide(proposal, Decision.DISMISSED, by=by, now=now)
    _note("proposal.dismissed", proposal, by=by, now=now, address=address)


def waiting(org: Organisation, *, supplier: int | None = None, certificate: int | None = None) -> list[Proposal]:
    """What was uploaded for a supplier's certificates, or for one, and nobody has decided; the newest first."""
    found = org.proposals.filter(decision=Decision.WAITING, certificate__removed_at=None)
    if supplier is not None:
        found = found.filter(certificate__supplier=supplier)
    if certificate is not None:
        found = found.filter(certificate=certificate)
    return list(found.select_related("certificate", "link__contact").order_by("-id"))


def standing(certificate: Certificate, now: datetime) -> list[UploadLink]:
    """Its links that are good, the newest first."""
    good = certificate.upload_links.filter(revoked_at=None, ends_at__gt=now)
    return list(good.select_related("contact", "made_by").order_by("-id"))


def _decide(proposal: Proposal, decision: Decision, *, by: User, now: datetime) -> None:
    """The file's name leaves its row, so the file goes a day later (`jobs/files.py`)."""
    facts = {"decision": decision, "decided_at": now, "decided_by": by, "path": ""}
    undecided = proposal.org.proposals.filter(pk=proposal.pk, decision=Decision.WAITING)
    if not undecided.update(**facts):
        raise Refused(_("Somebody has decided about %(name)s already.") % {"name": proposal.name})
    notices.solve(proposal.org.notices.filter(told_for=_told_for(proposal)), by=decision, now=now)


def _limit(address: str | None, now: datetime) -> None:
    where = neighbourhood(address or "")
    of_late = Proposal.across_orgs.filter(uploaded_at__gt=now - DAY).values_list("uploaded_from", "uploaded_at")
    moments = [at for came_from, at in of_late if neighbourhood(came_from or "") == where]
    for time, most in A_CLIENT_MAY:
        if sum(at > now - time for at in moments) >= most:
            raise TooMany(_("Many files came from your connection lately. Send this one again in an hour."))


def _told_for(proposal: Proposal) -> str:
    return f"p{proposal.pk}:proposal"


def _note(action: str, proposal: Proposal, *, by: User | None, now: datetime, address: str | None) -> None:
    audit.note(
        proposal.org, action, about=proposal.name, about_id=proposal.public_id, by=by, now=now, address=address,
        actor=SUPPLIER, certificate=proposal.certificate.number, sha256=proposal.sha256,
    )  # fmt: skip


def _token(link: UploadLink, secret: str) -> str:
    made = salted_hmac("certwatch.upload_links", link.public_id, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(made).decode("ascii").rstrip("=")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
