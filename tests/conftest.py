"""The cast, always the same: Anna (admin at Nordmühle), Otto (owner), Mia (member), Ben (auditor there),
Clara (admin at Südöl, must see none of it)."""

from datetime import UTC, datetime

import pytest

from certwatch.models import Membership, Organisation, Role, User
from certwatch.web.static import prepare

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # noon in Berlin


@pytest.fixture(scope="session")
def static_files() -> None:
    """Pages need the static files' names."""
    prepare()


def member(org: Organisation, name: str, role: Role) -> User:
    user = User.objects.create_user(f"{name.lower()}@{org.slug}.example", name=name)
    Membership.across_orgs.create(org=org, user=user, role=role, created_at=NOON)
    return user


@pytest.fixture
def nordmuehle(db: None) -> Organisation:
    return Organisation.objects.create(name="Nordmühle", slug="nordmuehle", created_at=NOON)


@pytest.fixture
def suedoel(db: None) -> Organisation:
    return Organisation.objects.create(name="Südöl", slug="suedoel", created_at=NOON)


@pytest.fixture
def anna(nordmuehle: Organisation) -> User:
    return member(nordmuehle, "Anna", Role.ADMIN)


@pytest.fixture
def otto(nordmuehle: Organisation) -> User:
    return member(nordmuehle, "Otto", Role.OWNER)


@pytest.fixture
def mia(nordmuehle: Organisation) -> User:
    return member(nordmuehle, "Mia", Role.MEMBER)


@pytest.fixture
def ben(nordmuehle: Organisation) -> User:
    return member(nordmuehle, "Ben", Role.AUDITOR)


@pytest.fixture
def clara(suedoel: Organisation) -> User:
    return member(suedoel, "Clara", Role.ADMIN)
