"""Django's settings. What an operator may set is read in `environ`."""

from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from certwatch.config import environ, logs

ENV = environ.read()
LOGGING = logs.LOGGING
DT_RICH_TRACEBACK_CONFIG = {"no_install": True}  # plain ones in the log, without values of variables


def _check_sources() -> None:
    from certwatch.sources import SOURCES  # a command of a few rows need not load the connectors

    if unknown := [name for name in ENV.sources if name not in SOURCES]:
        raise environ.BadSetting(
            f"CERTWATCH_SOURCES must be names among {', '.join(SOURCES)}; {', '.join(unknown)} is none."
        )


if ENV.sources:
    _check_sources()

BASE_URL = ENV.base_url
OPERATOR_EMAIL = ENV.operator_email
SECRET_KEY = ENV.secret_key
SECRET_KEY_FALLBACKS = list(ENV.secret_key_fallbacks)
DEBUG = False
ALLOWED_HOSTS = [
    ENV.host,
    *(["localhost", "127.0.0.1", "[::1]"] if ENV.host in ("127.0.0.1", "localhost", "::1") else []),
]
CSRF_TRUSTED_ORIGINS = [ENV.base_url]

INSTALLED_APPS = [
    "certwatch.config.apps.CertwatchConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "django_typer",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "certwatch.web.static.StaticFiles",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "certwatch.web.middleware.caching",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "certwatch.web.middleware.log_in_first",
    "certwatch.web.middleware.Language",  # after authentication: a person's own setting comes first
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "certwatch.config.urls"
CSRF_FAILURE_VIEW = "certwatch.web.errors.form_expired"
ASGI_APPLICATION = "certwatch.config.asgi.application"
AUTH_USER_MODEL = "certwatch.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "certwatch.web.context.site",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    if ENV.sqlite_path is None:
        return {**dj_database_url.parse(ENV.database_url, conn_max_age=60, conn_health_checks=True)}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(ENV.sqlite_path),
        "OPTIONS": {
            # A deferred transaction that turns to writing is "database is locked" at once, whatever the time-out.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
            " PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY;",
        },
    }


DATABASES = {"default": _database()}

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
FORMAT_MODULE_PATH = "certwatch.locale"

STATIC_URL = "/static/"
STATIC_ROOT = ENV.home / "static"  # filled by certwatch.web.static.prepare
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False

DEFAULT_FROM_EMAIL = ENV.email_from
SERVER_EMAIL = ENV.email_from
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if ENV.email_url else "django.core.mail.backends.console.EmailBackend"
)

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = ENV.https
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31_536_000 if ENV.https else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

_single_sign_on = ["{0.scheme}://{0.netloc}".format(urlsplit(ENV.oidc_url))] if ENV.oidc_url else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # Bootstrap's icons, the picture for setting up a second factor
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'", *_single_sign_on],  # browsers hold redirects that answer a form to this, too
    }
}
