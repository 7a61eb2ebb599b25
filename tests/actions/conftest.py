"""A register that is read, and a certificate that is watched there."""

import pytest

from certwatch.actions import notices
from certwatch.models import Certificate, Organisation
from certwatch.sources import SOURCES
from tests.actions.noticed import sync, told
from tests.actions.registers import Clock, Register, row, watch
from tests.conftest import NOON


@pytest.fixture(autouse=True)
def nothing_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_broken", {})


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    register = Register([row(place) for place in range(1, 41)])
    monkeypatch.setitem(SOURCES, "iscc", register.source)
    return register


@pytest.fixture
def watched(register: Register, clock: Clock, nordmuehle: Organisation) -> Certificate:
    """EU-ISCC-Cert-XX999-00000001, read once and told."""
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    assert not told(nordmuehle)
    return certificate
