"""Settings with a wrong value stop the program, by the variable's name and what it may be."""

from pathlib import Path

import pytest

from certwatch.config import environ
from certwatch.config.environ import BadSetting


@pytest.mark.parametrize("url", ["postgres://", "postgres:///", "postgres://me:hidden@db.example:5432"])
def test_a_database_without_a_name_is_refused_and_its_password_is_not_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSetting, match=r"^DATABASE_URL .* name is missing") as refused:
        environ.read({"CERTWATCH_HOME": str(tmp_path), "DATABASE_URL": url})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("sender", ["foo", "Certificate Watch", "@certwatch.example", "Watch <no-reply@>"])
def test_a_sender_that_is_no_address_is_refused(tmp_path: Path, sender: str) -> None:
    with pytest.raises(BadSetting, match=r"^CERTWATCH_EMAIL_FROM must be an e-mail address"):
        environ.read({"CERTWATCH_HOME": str(tmp_path), "CERTWATCH_EMAIL_FROM": sender})


@pytest.mark.parametrize("sender", ["no-reply@certwatch.example", "Certificate Watch <no-reply@certwatch.example>"])
def test_a_sender_may_have_a_name(tmp_path: Path, sender: str) -> None:
    assert environ.read({"CERTWATCH_HOME": str(tmp_path), "CERTWATCH_EMAIL_FROM": sender}).email_from == sender
