"""The worker's part of exports."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail

from certwatch.actions import exports as actions
from certwatch.jobs import exports
from certwatch.models import Export, Organisation, User
from tests.conftest import NOON


@pytest.fixture
def asked(nordmuehle: Organisation, anna: User) -> Export:
    return actions.ask(nordmuehle, by=anna, now=NOON)


def test_each_that_waits_is_handed_out(asked: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[int] = []
    monkeypatch.setattr(exports, "make_soon", handed.append)
    exports.look(NOON)
    assert handed == [asked.pk]
    actions.claim(asked, NOON)
    exports.look(NOON)
    assert handed == [asked.pk]
    exports.look(NOON + 2 * actions.LEASE)
    assert handed == [asked.pk, asked.pk]


def test_it_is_made_and_told(asked: Export) -> None:
    exports.make(asked.pk)
    asked.refresh_from_db()
    assert (Path(settings.ENV.files) / asked.path).stat().st_size == asked.size
    assert [letter.to for letter in mail.outbox] == [["anna@nordmuehle.example"]]
    exports.make(asked.pk)  # a doubled task harms nothing
    exports.tidy(NOON)
    assert len(mail.outbox) == 1


def test_one_that_fails_says_so_and_can_be_asked_for_again(
    asked: Export, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(actions, "make", broken)
        exports.make(asked.pk)
    asked.refresh_from_db()
    assert asked.error == actions.STOPPED
    assert not mail.outbox
    again = actions.ask(asked.org, by=anna, now=NOON)
    assert again != asked


def test_a_removed_one_is_passed_over(asked: Export) -> None:
    pk = asked.pk
    asked.delete()
    exports.make(pk)


def test_old_files_go(asked: Export) -> None:
    actions.claim(asked, NOON)
    actions.make(asked, clock=lambda: NOON)
    exports.tidy(NOON + actions.LASTS)
    asked.refresh_from_db()
    assert asked.path == ""
