"""Secrets at rest."""

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings

from certwatch.actions import secrets
from certwatch.management import program
from certwatch.models import Channel, Organisation, User, WebhookEndpoint
from tests.conftest import NOON


def test_what_is_stored_does_not_hold_the_secret() -> None:
    stored = secrets.encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in stored
    assert stored != secrets.encrypt("JBSWY3DPEHPK3PXP")  # equal secrets do not look equal
    assert secrets.decrypt(stored) == "JBSWY3DPEHPK3PXP"


def test_former_secret_keys_still_read(settings: LazySettings) -> None:
    stored = secrets.encrypt("seed")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert secrets.decrypt(stored) == "seed"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(secrets.Unreadable, match="CERTWATCH_SECRET_KEY_FALLBACKS"):
        secrets.decrypt(stored)


@pytest.mark.django_db
def test_after_rotation_former_secret_keys_can_go(
    settings: LazySettings, anna: User, capsys: pytest.CaptureFixture[str]
) -> None:
    Authenticator.objects.create(user=anna, type="totp", data={"secret": secrets.encrypt("totp")})
    Authenticator.objects.create(
        user=anna, type="recovery_codes", data={"seed": secrets.encrypt("seed"), "used_mask": 5}
    )
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert program.run(["secrets", "rotate"]) == 0
    assert "2 stored secrets written anew" in capsys.readouterr().out
    settings.SECRET_KEY_FALLBACKS = []
    totp, codes = Authenticator.objects.order_by("-type")
    assert secrets.decrypt(totp.data["secret"]) == "totp"
    assert secrets.decrypt(codes.data["seed"]) == "seed"
    assert codes.data["used_mask"] == 5


@pytest.mark.django_db
def test_addresses_of_channels_and_secrets_of_webhooks_are_written_anew(
    settings: LazySettings, nordmuehle: Organisation
) -> None:
    nordmuehle.channels.create(name="#oils", scheme="slack", address=secrets.encrypt("slack://A/B/C"), created_at=NOON)
    nordmuehle.channels.create(name="gone", scheme="slack", address="", on=False, created_at=NOON)  # removed
    nordmuehle.webhook_endpoints.create(
        url="https://erp.example", secret=secrets.encrypt("whsec_new"), old_secret=secrets.encrypt("whsec_old"),
        created_at=NOON,
    )  # fmt: skip
    nordmuehle.webhook_endpoints.create(url="https://bi.example", secret=secrets.encrypt("whsec_bi"), created_at=NOON)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert secrets.rotate() == 4
    settings.SECRET_KEY_FALLBACKS = []
    assert [c.address and secrets.decrypt(c.address) for c in Channel.across_orgs.order_by("pk")] == [
        "slack://A/B/C",
        "",
    ]
    erp, bi = WebhookEndpoint.across_orgs.order_by("pk")
    assert [secrets.decrypt(erp.secret), secrets.decrypt(erp.old_secret)] == ["whsec_new", "whsec_old"]
    assert (secrets.decrypt(bi.secret), bi.old_secret) == ("whsec_bi", "")
