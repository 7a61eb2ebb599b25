"""The settings, read from the environment (operations.md, Settings). Knows no Django, so the API process can use it.

With an empty environment everything runs: SQLite, one process, mail to the console. A wrong value
raises `BadSetting`, naming the variable and what it may be.
"""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from certwatch.rules.errors import Refused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BadSetting(Refused):
    """A variable of the environment has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Environment:
    """All settings, as values that can be used."""

    home: Path
    files: Path
    database_url: str
    valkey_url: str  # "" with one process
    email_url: str  # "" for the console
    email_from: str
    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    base_url: str  # without a slash at the end
    sources: tuple[str, ...]  # empty: all
    source_urls: Mapping[str, str]  # name → address in place of the register's scheme and host
    webhook_allowed_networks: tuple[Network, ...]
    sign_up: str
    trial_days: int
    operator_email: str
    trusted_proxies: tuple[Network, ...]
    apprise_schemes: tuple[str, ...]
    metrics_networks: tuple[Network, ...]
    oidc_url: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def sqlite_path(self) -> Path | None:
        """The embedded database's file, or None with PostgreSQL."""
        prefix = "sqlite:///"
        return Path(self.database_url[len(prefix) :]) if self.database_url.startswith(prefix) else None


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where our mails are handed over."""

    host: str
    port: int
    user: str
    password: str
    tls: str  # "implicit": from the first byte; "starttls": asked for first; "none"
    timeout_s: int


def read(env: Mapping[str, str] = os.environ) -> Environment:
    """The settings of `env`. Makes CERTWATCH_HOME and the secret key where there are none yet."""
    home = Path(env.get("CERTWATCH_HOME") or "var").absolute()
    base_url = _base_url(env)
    return Environment(
        home=home,
        files=Path(env.get("CERTWATCH_FILES") or home / "files").absolute(),
        database_url=_database_url(env, home),
        valkey_url=_valkey_url(env),
        email_url=_email_url(env),
        email_from=_sender(env) or f"Certificate Watch <no-reply@{urlsplit(base_url).hostname or 'localhost'}>",
        secret_key=secret(env, "CERTWATCH_SECRET_KEY") or _kept_secret(home),
        secret_key_fallbacks=_words(secret(env, "CERTWATCH_SECRET_KEY_FALLBACKS")),
        base_url=base_url,
        sources=_words(env.get("CERTWATCH_SOURCES", "")),
        source_urls=_source_urls(env),
        webhook_allowed_networks=_networks(env, "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS", ""),
        sign_up=_one_of(env, "CERTWATCH_SIGN_UP", "open", ("open", "invite")),
        trial_days=number(env, "CERTWATCH_TRIAL_DAYS", 14, least=0, most=3650),
        operator_email=_address(env, "CERTWATCH_OPERATOR_EMAIL"),
        trusted_proxies=_networks(env, "CERTWATCH_TRUSTED_PROXIES", "127.0.0.0/8,::1/128"),
        apprise_schemes=_words(
            env.get("CERTWATCH_APPRISE_SCHEMES", "slack,workflows,discord,gchat,tgram,wxteams,pagerduty,opsgenie")
        ),
        metrics_networks=_networks(env, "CERTWATCH_METRICS_NETWORKS", ""),
        oidc_url=_oidc_url(env),
        oidc_client_id=env.get("CERTWATCH_OIDC_CLIENT_ID", "").strip(),
        oidc_client_secret=secret(env, "CERTWATCH_OIDC_CLIENT_SECRET"),
        oidc_name=env.get("CERTWATCH_OIDC_NAME", ""),
    )


def number(env: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadSetting(f"{name} must be a whole number from {least} to {most}; it is {text!r}.")
    return int(text)


def flag(env: Mapping[str, str], name: str, default: bool) -> bool:
    """Yes or no."""
    text = env.get(name, "").strip().lower()
    if text not in ("", "1", "0", "true", "false", "yes", "no", "on", "off"):
        raise BadSetting(f"{name} must be yes or no; it is {text!r}.")
    return default if not text else text in ("1", "true", "yes", "on")


def secret(env: Mapping[str, str], name: str) -> str:
    """A secret, from the variable or from the file that `NAME_FILE` names."""
    path = env.get(f"{name}_FILE", "").strip()
    if not path:
        return env.get(name, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{name}_FILE must name a readable text file; {path} is none.") from error


def _base_url(env: Mapping[str, str]) -> str:
    text = (env.get("CERTWATCH_BASE_URL") or "http://127.0.0.1:8000").strip().rstrip("/")
    return _checked_url("CERTWATCH_BASE_URL", text, ("http", "https"), "http://127.0.0.1:8000", path_allowed=False)


def _database_url(env: Mapping[str, str], home: Path) -> str:
    text = secret(env, "DATABASE_URL")
    if not text:
        return f"sqlite:///{home / 'certwatch.sqlite3'}"
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return f"sqlite:///{Path(text[len('sqlite:///') :]).absolute()}"
    example = "postgres://user@host:5432/name"
    _checked_url("DATABASE_URL", text, ("postgres", "postgresql"), example, show=False)
    if not urlsplit(text).path.strip("/"):
        raise BadSetting(f"DATABASE_URL must be an address like {example}; the database's name is missing.")
    return text


def _valkey_url(env: Mapping[str, str]) -> str:
    name = "VALKEY_URL" if secret(env, "VALKEY_URL") else "REDIS_URL"
    text = secret(env, name)
    if not text:
        return ""
    example = "valkey://127.0.0.1:6379/0"
    text = _checked_url(name, text, ("redis", "valkey", "rediss", "valkeys"), example, show=False)
    database = urlsplit(text).path.strip("/")
    if database and not database.isdigit():
        raise BadSetting(f"{name} must look like {example}; what follows the last slash is a database number.")
    return "redis" + text.removeprefix("valkey").removeprefix("redis")


def _email_url(env: Mapping[str, str]) -> str:
    text = secret(env, "EMAIL_URL")
    if not text:
        return ""
    text = _checked_url("EMAIL_URL", text, ("smtp", "smtps"), "smtp://user:password@mail.example:587", show=False)
    mail_server(text)
    return text


def mail_server(url: str) -> MailServer:
    """What an EMAIL_URL says. `smtps` speaks TLS from the first byte (port 465), `smtp` asks for it (STARTTLS) at port
    587 and not at others (port 25); `?tls=starttls` and `?tls=none` say otherwise. `?timeout=30`: seconds.
    """
    parts = urlsplit(url)
    implicit = parts.scheme == "smtps"
    port = parts.port or (465 if implicit else 25)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = options.pop("tls", "implicit" if implicit else "starttls" if port == 587 else "none")
    timeout_s = number(
        {"EMAIL_URL's timeout": options.pop("timeout", "")}, "EMAIL_URL's timeout", 15, least=1, most=120
    )
    if options or tls not in (("implicit",) if implicit else ("starttls", "none")):
        raise BadSetting(
            "EMAIL_URL may end in ?timeout=SECONDS and, with smtp://, ?tls=starttls or ?tls=none; "
            "smtps:// always speaks TLS."
        )
    return MailServer(
        host=parts.hostname or "",
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        timeout_s=timeout_s,
    )


def single_sign_on(env: Environment) -> dict[str, Any]:
    """The OpenID Connect provider as django-allauth wants it; nothing without settings."""
    if not env.oidc_url:
        return {}
    app = {
        "provider_id": "sso",
        "name": env.oidc_name or "Single sign-on",
        "client_id": env.oidc_client_id,
        "secret": env.oidc_client_secret,
        "settings": {"server_url": env.oidc_url},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}


def _oidc_url(env: Mapping[str, str]) -> str:
    text = env.get("CERTWATCH_OIDC_URL", "").strip().rstrip("/")
    if not text:
        return ""
    if not env.get("CERTWATCH_OIDC_CLIENT_ID", "").strip():
        raise BadSetting("CERTWATCH_OIDC_CLIENT_ID must name this installation at the provider of CERTWATCH_OIDC_URL.")
    return _checked_url("CERTWATCH_OIDC_URL", text, ("https", "http"), "https://login.example/realms/main")


def _source_urls(env: Mapping[str, str]) -> dict[str, str]:
    urls = {}
    for name, value in env.items():
        if name.startswith("CERTWATCH_SOURCE_") and name.endswith("_URL") and value.strip():
            source = name.removeprefix("CERTWATCH_SOURCE_").removesuffix("_URL").lower()
            url = _checked_url(name, value.strip().rstrip("/"), ("http", "https"), "http://127.0.0.1:9090/iscc")
            urls[source] = url
    return urls


def _checked_url(
    name: str, text: str, schemes: tuple[str, ...], example: str, *, show: bool = True, path_allowed: bool = True
) -> str:
    """`text` if it is an address of one of `schemes`. `show`: whether a message may hold it (it may be a secret)."""
    it_is = f"; it is {text!r}" if show else ""
    wrong = BadSetting(f"{name} must be an address like {example}{it_is}.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    has_host = bool(parts.hostname) or (schemes[0] == "postgres" and parts.scheme in schemes)
    if parts.scheme not in schemes or not has_host or port == 0 or any(c.isspace() for c in text):
        raise wrong
    if not path_allowed and (parts.path or parts.query or parts.fragment):
        raise wrong
    return text


def _one_of(env: Mapping[str, str], name: str, default: str, words: tuple[str, ...]) -> str:
    text = env.get(name, "").strip().lower() or default
    if text not in words:
        raise BadSetting(f"{name} must be one of {', '.join(words)}; it is {text!r}.")
    return text


def _networks(env: Mapping[str, str], name: str, default: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in _words(env.get(name, default)))
    except ValueError as error:
        raise BadSetting(f"{name} must be networks like 10.0.0.0/8,fd00::/8; {error}.") from error


def _address(env: Mapping[str, str], name: str) -> str:
    text = env.get(name, "").strip()
    before, at, after = text.rpartition("@")
    if text and (not at or not before or not after or any(c.isspace() for c in text)):
        raise BadSetting(f"{name} must be an e-mail address; it is {text!r}.")
    return text


def _sender(env: Mapping[str, str]) -> str:
    text = env.get("CERTWATCH_EMAIL_FROM", "").strip()
    if text and not all(parseaddr(text)[1].partition("@")):
        raise BadSetting(
            "CERTWATCH_EMAIL_FROM must be an e-mail address, a name before it or not, like "
            f"Certificate Watch <no-reply@certwatch.example>; it is {text!r}."
        )
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _kept_secret(home: Path) -> str:
    """The secret key that was made once for this installation."""
    path = home / "secret_key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = home / f"secret_key.{os.getpid()}.{secrets.token_hex(4)}"
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(50), encoding="ascii")
            try:
                os.link(fresh, path)  # fails if another process was quicker: then its key counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise BadSetting(f"CERTWATCH_HOME must be a folder that can be written to; {error}.") from error
