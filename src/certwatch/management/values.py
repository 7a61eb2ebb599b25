"""What people type where a command wants a day, a network, an address: read, or wrong usage."""

import getpass
import ipaddress
import sys
from collections.abc import Callable
from datetime import date
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from typer import BadParameter

from certwatch.rules import keys, names
from certwatch.rules.errors import Refused

validate_length = MaxLengthValidator(254)  # what RFC 5321 lets an address have, and our column


def day(text: str) -> date:
    """A day written YYYY-MM-DD, and in no other way."""
    try:
        if len(text) == len("2027-12-31"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadParameter(f"“{text}” is no day; write it like 2027-12-31.")


def network(text: str) -> str:
    """A network in CIDR form, or one address."""
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError as error:
        raise BadParameter(f"{error}; write it like 192.0.2.0/24.") from error


def time_zone(text: str) -> str:
    """A name of the time zone database."""
    if text not in available_timezones():
        raise BadParameter(f"“{text}” is no time zone; write it like Europe/Berlin.")
    return text


def slug(text: str) -> str:
    """What may stand for an organisation in addresses."""
    if len(text) > names.LONGEST_SLUG or not names.SLUG.fullmatch(text):
        raise BadParameter(
            f"“{text}” is no slug: up to {names.LONGEST_SLUG} of a-z and 0-9, with single dashes between."
        )
    return text


def email(text: str) -> str:
    """An e-mail address, in small letters."""
    try:
        validate_email(text)
        validate_length(text)
    except ValidationError as error:
        raise BadParameter(f"“{text}” is no e-mail address.") from error
    return text.lower()


def scope(text: str) -> str:
    """What a key may do."""
    if text not in keys.SCOPES:
        raise BadParameter(f"“{text}” is no scope; there are {', '.join(keys.SCOPES)}.")
    return text


def name(what: str, longest: int) -> Callable[[str], str]:
    """A reader of names that `longest` characters must hold."""

    def read(text: str) -> str:
        try:
            return names.clean(text, what, longest)
        except Refused as refused:
            raise BadParameter(str(refused)) from refused

    return read


def password() -> str:
    """The first line of standard input; on a terminal asked twice and not shown."""
    if sys.stdin.isatty():
        first = getpass.getpass("Password: ", stream=sys.stderr)
        if first != getpass.getpass("Again: ", stream=sys.stderr):
            raise Refused("The two passwords differ.")
        return first
    try:
        line = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Refused("The password on standard input is no text.") from error
    if not line:
        raise Refused("There is no password: it is read from the first line of standard input.")
    return line
