import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from certwatch.channels.chat import NO_ADDRESS, OVERRULES, SCHEME, TEAMS_HOST, Facts, check, send
from certwatch.rules.errors import DeliveryFailed, Refused
from tests.receivers import Receiver, answers, receiver

SCHEMES = ("slack", "workflows", "discord", "gchat", "tgram", "wxteams", "pagerduty", "opsgenie")
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TEAMS = "workflows://prod-01.westeurope.logic.azure.com:443/643e69f83c8944438d68119179a10a64/KODuebWbDGYFr0z0eu_X"
HOSTILE = "643e69f83c8944438d68119179a10a64/KODuebWbDGYFr0z0eu_X"


@pytest.fixture
def discord(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A service at this machine, in the place of Discord's."""
    from apprise.plugins.discord import NotifyDiscord

    with receiver() as made:
        monkeypatch.setattr(NotifyDiscord, "notify_url", made.url)
        yield made


@pytest.mark.parametrize(
    ("address", "facts"),
    [
        (DISCORD, Facts("discord", "discord", "discord://…V_js")),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", Facts("slack", "slack", "slack://…i7FQ")),
        (TEAMS, Facts("workflows", "prod-01.westeurope.logic.azure.com", "workflows://…eu_X")),
        (
            f"workflows://default12.3a.environment.api.powerplatform.com/{HOSTILE}?pa=yes",
            Facts("workflows", "default12.3a.environment.api.powerplatform.com", "workflows://…eu_X"),
        ),
        ("pagerduty://A1BRTD4JD@TIiajkdnlazkcOXrIdevi7FQ/", Facts("pagerduty", "pagerduty", "pagerduty://…i7FQ")),
    ],
)
def test_of_an_address_only_its_end_is_shown(address: str, facts: Facts) -> None:
    assert check(address, SCHEMES) == facts


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", NO_ADDRESS),
        ("slack", NO_ADDRESS),
        ("slack://x", NO_ADDRESS),
        (DISCORD + " " + DISCORD, NO_ADDRESS),
        (DISCORD + "\n", NO_ADDRESS),
        ("json://localhost/", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("mailto://anna:geheim@example.com", SCHEME),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", SCHEME),
        *[
            (f"{DISCORD}?{said}", OVERRULES)
            for said in (
                "redirect=yes", "verify=no", "rto=900", "cto=900", "Redirect=yes", "REDIRECT", "red%69rect=yes",
                "a=1&verify=no", "a=1;verify=no", "a=1?verify=no", "template=/etc/passwd", "template=http://10.0.0.1/",
                "retry=5", "wait=60", "%20verify%20=no", "+verify=no", "-verify=no",
            )
        ],
        ("workflows://evil.example/" + HOSTILE, TEAMS_HOST),
        ("workflows://127.0.0.1:443/" + HOSTILE, TEAMS_HOST),
        ("workflows://logic.azure.com.evil.example/" + HOSTILE, TEAMS_HOST),
        ("workflows://evil.example%23.logic.azure.com/" + HOSTILE, TEAMS_HOST),
        ("workflows://evil-logic.azure.com/" + HOSTILE, TEAMS_HOST),
        ("workflows://prod-01.logic.azure.com:8443/" + HOSTILE, TEAMS_HOST),
    ],
)  # fmt: skip
def test_what_could_lead_us_elsewhere_is_refused(address: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        check(address, SCHEMES)
    assert str(refused.value) in (why, NO_ADDRESS)
    if why != TEAMS_HOST:
        assert str(refused.value) == why


def test_a_message_arrives_with_its_title(discord: Receiver) -> None:
    send(DISCORD, "Suspended: EU-1", "Certificate **EU-1** is suspended.", schemes=SCHEMES)
    (got,) = discord.got
    assert got.path == "/hooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
    said = json.dumps(json.loads(got.body))
    assert "Suspended: EU-1" in said
    assert "**EU-1** is suspended" in said
    assert "github" not in said


@pytest.mark.parametrize("status", [301, 400, 404, 410, 500])
def test_a_service_that_does_not_take_it_is_a_failure_that_is_tried_again(discord: Receiver, status: int) -> None:
    with receiver() as elsewhere:
        discord.behave = answers(status, location=elsewhere.url)
        with pytest.raises(DeliveryFailed) as failed:
            send(DISCORD, "Suspended", "Suspended.", schemes=SCHEMES)
        assert elsewhere.got == []
    assert (failed.value.permanent, failed.value.status) == (False, status)
    assert len(discord.got) == 1


def test_an_address_stands_in_no_error_and_no_log(discord: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    class Log(logging.Handler):  # where the product's own stands
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [Log()])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    discord.behave = answers(404)
    with pytest.raises(DeliveryFailed) as failed:
        send(DISCORD, "Suspended", "Suspended.", schemes=SCHEMES)
    logging.getLogger("certwatch").error("This is heard.")
    assert "JHMHI8" not in str(failed.value)
    assert "This is heard." in lines
    assert not any("JHMHI8" in line for line in lines)


def test_an_address_that_was_good_once_is_checked_again_when_it_is_used() -> None:
    for address in (TEAMS.replace("logic.azure.com", "evil.example"), DISCORD + "?verify=no", "json://localhost"):
        with pytest.raises(DeliveryFailed):
            send(address, "Suspended", "Suspended.", schemes=SCHEMES)


def test_apprise_is_loaded_by_nobody_who_does_not_need_it() -> None:
    script = "import certwatch.channels.chat, sys; assert not [m for m in sys.modules if m.startswith('apprise')]"
    subprocess.run([sys.executable, "-c", script], check=True)
