"""What people set for themselves."""

from certwatch.models import User


def choose_language(user: User, language: str) -> None:
    """`language` is one of ours; from now on pages and mails use it."""
    user.language = language
    user.save(update_fields=["language"])
