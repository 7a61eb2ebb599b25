"""The look-up with Django REST framework: one view, the ORM, the framework's own throttling. WSGI."""

import hashlib
import os
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import dj_database_url
import django
from django.conf import settings

DATABASE = dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=None)
if DATABASE["ENGINE"].endswith("sqlite3"):
    DATABASE["OPTIONS"] = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": DATABASE},
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    SECRET_KEY="benchmark",
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.http import Http404  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.serializers import CharField, ModelSerializer, SerializerMethodField  # noqa: E402
from rest_framework.throttling import SimpleRateThrottle  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Organisation(models.Model):
    rate_limit = models.IntegerField()
    time_zone = models.CharField(max_length=64)
    is_authenticated = True

    class Meta:
        app_label = "peer"
        db_table = "certwatch_organisation"
        managed = False


class ApiKey(models.Model):
    org = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    digest = models.BinaryField(max_length=32, unique=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "peer"
        db_table = "certwatch_apikey"
        managed = False


class SourceState(models.Model):
    source = models.CharField(max_length=40, primary_key=True)
    read_began = models.DateTimeField(null=True)

    class Meta:
        app_label = "peer"
        db_table = "certwatch_sourcestate"
        managed = False


class Certificate(models.Model):
    org = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    number = models.CharField(max_length=200)
    number_key = models.CharField(max_length=600)
    source = models.ForeignKey(SourceState, on_delete=models.CASCADE, db_column="source")
    word = models.CharField(max_length=16)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "peer"
        db_table = "certwatch_certificate"
        managed = False


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Organisation, ApiKey]:
        sent = request.META.get("HTTP_X_API_KEY", "")
        try:
            key = ApiKey.objects.select_related("org").get(
                digest=hashlib.sha256(sent.encode()).digest(), revoked_at=None
            )
        except ApiKey.DoesNotExist:
            raise AuthenticationFailed from None
        return key.org, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class OrgThrottle(SimpleRateThrottle):
    scope = "org"
    rate = "10000000/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"org-{request.user.pk}"


class CertificateSerializer(ModelSerializer):
    cert_number = CharField(source="number")
    status = SerializerMethodField()
    valid_until = SerializerMethodField()
    last_checked = SerializerMethodField()

    class Meta:
        model = Certificate
        fields = ("cert_number", "status", "valid_until", "last_checked")

    def get_status(self, certificate: Certificate) -> str:
        today = datetime.now(UTC).astimezone(ZoneInfo(certificate.org.time_zone)).date()
        if certificate.word == "valid" and certificate.valid_until and today > certificate.valid_until:
            return "expired"
        if certificate.word == "valid" and certificate.valid_from and today < certificate.valid_from:
            return "not_yet_valid"
        return certificate.word

    def get_valid_until(self, certificate: Certificate) -> str | None:
        return certificate.valid_until.strftime("%d.%m.%Y") if certificate.valid_until else None

    def get_last_checked(self, certificate: Certificate) -> str | None:
        began = certificate.source.read_began
        return began.strftime("%Y-%m-%dT%H:%M:%S.") + f"{began.microsecond // 1000:03}Z" if began else None


class LookUp(APIView):
    authentication_classes = (KeyAuthentication,)
    throttle_classes = (OrgThrottle,)

    def get(self, request: Request, number: str) -> Response:
        folded = unicodedata.normalize("NFC", unquote(number)).strip().casefold()
        try:
            certificate = Certificate.objects.select_related("source", "org").get(
                org=request.user, number_key=folded, removed_at=None
            )
        except Certificate.DoesNotExist:
            raise Http404 from None
        return Response(CertificateSerializer(certificate).data)


urlpatterns: list[Any] = [path("api/v1/certificate/<str:number>", LookUp.as_view())]
app = get_wsgi_application()
