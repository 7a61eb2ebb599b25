"""Django's settings. What an operator may set is read in `environ`."""

from datetime import timedelta
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
    "django.contrib.admin.apps.SimpleAdminConfig",  # the back office registers its pages itself
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "certwatch.config.apps.StaticFilesConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
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
    "certwatch.web.middleware.stay_logged_in",
    "certwatch.web.middleware.time_zone",
    "certwatch.web.middleware.Language",  # after authentication: a person's own setting comes first
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "certwatch.config.urls"
CSRF_FAILURE_VIEW = "certwatch.web.errors.form_expired"
ASGI_APPLICATION = "certwatch.config.asgi.application"
AUTH_USER_MODEL = "certwatch.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SESSION_LASTS = timedelta(hours=12)  # without activity
SESSION_COOKIE_AGE = int(SESSION_LASTS.total_seconds())
LOGIN_URL, LOGIN_REDIRECT_URL = "account_login", "/o/"

ACCOUNT_ADAPTER = "certwatch.web.adapters.Accounts"
ACCOUNT_FORMS = {
    "login": "certwatch.web.accounts.LogInForm",
    "signup": "certwatch.web.accounts.SignUpForm",
    "reset_password_from_key": "certwatch.web.accounts.NewPasswordForm",
    "change_password": "certwatch.web.accounts.ChangePasswordForm",
    "set_password": "certwatch.web.accounts.SetPasswordForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # only in the browser in which he signed up
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())  # "stay signed in"
ACCOUNT_MAX_EMAIL_ADDRESSES = 5

MFA_ADAPTER = "certwatch.web.adapters.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Certificate Watch"
MFA_TOTP_TOLERANCE = 1  # so many times 30 s may the telephone's clock be wrong

SOCIALACCOUNT_ADAPTER = "certwatch.web.adapters.SingleSignOn"
SOCIALACCOUNT_FORMS = {"signup": "certwatch.web.accounts.SingleSignUpForm"}
SOCIALACCOUNT_AUTO_SIGNUP = False  # who is new says what his organisation is called
# The operator chose whom to trust: an address that the provider has confirmed opens the account of that address.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = environ.single_sign_on(ENV)

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
            " PRAGMA cache_size=-16384;",
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

CACHES: dict[str, dict[str, Any]] = {
    "database": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "certwatch_cachedvalue",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # past it some are dropped, whatever they count
    }
}
CACHES["default"] = (  # shared by all processes: the limits on guessing count in it
    {
        "BACKEND": "certwatch.web.cache.ValkeyElseDatabase",
        "LOCATION": ENV.valkey_url,
        "OPTIONS": {"socket_connect_timeout": 0.1, "socket_timeout": 0.1},
    }
    if ENV.valkey_url
    else CACHES["database"]
)

DEFAULT_FROM_EMAIL = ENV.email_from
SERVER_EMAIL = ENV.email_from
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if ENV.email_url else "certwatch.channels.console.EmailBackend"
)
if ENV.email_url:
    _server = environ.mail_server(ENV.email_url)
    EMAIL_HOST, EMAIL_PORT = _server.host, _server.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _server.user, _server.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _server.tls == "implicit", _server.tls == "starttls"
    EMAIL_TIMEOUT = _server.timeout_s

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
