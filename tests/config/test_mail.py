"""EMAIL_URL, to the last option, and against a real SMTP server."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from smtplib import SMTPException

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.core.mail import EmailMessage, get_connection

from certwatch.config import environ
from certwatch.config.environ import BadSetting, MailServer, mail_server
from tests import smtp_server


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", MailServer("mail.example", 25, "", "", "none", 15)),
        ("smtp://mail.example:587", MailServer("mail.example", 587, "", "", "starttls", 15)),
        ("smtp://mail.example:25?tls=starttls", MailServer("mail.example", 25, "", "", "starttls", 15)),
        ("smtp://mail.example:587?tls=none&timeout=30", MailServer("mail.example", 587, "", "", "none", 30)),
        ("smtps://mail.example", MailServer("mail.example", 465, "", "", "implicit", 15)),
        (
            "smtps://anna%40x.example:p%3Aw%2Fd@mail.example:4650",
            MailServer("mail.example", 4650, "anna@x.example", "p:w/d", "implicit", 15),
        ),
    ],
)
def test_the_address_says_server_login_and_tls(url: str, expected: MailServer) -> None:
    assert mail_server(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "smtps://mail.example?tls=none",
        "smtp://mail.example?tls=ssl",
        "smtp://mail.example?ssl=yes",
        "smtp://mail.example?timeout=0",
        "smtp://mail.example?timeout=soon",
        "http://mail.example",
        "mail.example",
    ],
)
def test_a_wrong_address_stops_the_start_without_showing_the_password(url: str, tmp_path: Path) -> None:
    env = {"CERTWATCH_HOME": str(tmp_path), "EMAIL_URL": url.replace("mail.", "anna:secret@mail.")}
    with pytest.raises(BadSetting, match="EMAIL_URL") as complaint:
        environ.read(env)
    assert "secret" not in str(complaint.value)


def test_single_sign_on_needs_a_client() -> None:
    with pytest.raises(BadSetting, match="CERTWATCH_OIDC_CLIENT_ID"):
        environ.read({"CERTWATCH_OIDC_URL": "https://login.example/realms/main"})


def send(url: str) -> None:
    server = mail_server(url)
    connection = get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.tls == "starttls",
        use_ssl=server.tls == "implicit",
        timeout=server.timeout_s,
    )
    mail = EmailMessage("Prüfung", "Grüße aus der Nordmühle", to=["otto@nordmuehle.example"], connection=connection)
    try:
        mail.send()
    finally:
        connection.close()


def test_a_mail_goes_through_a_real_server() -> None:
    with smtp_server.mailbox() as box:
        send(f"smtp://127.0.0.1:{box.port}")
    assert box.mails[0]["subject"] == "Prüfung"
    assert smtp_server.text(box.mails[0]).strip() == "Grüße aus der Nordmühle"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for this machine, which everybody here trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + made.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_starttls_protects_user_and_password(certificate: ssl.SSLContext) -> None:
    with smtp_server.mailbox(tls_context=certificate, require_starttls=True, auth_required=True) as box:
        with pytest.raises(SMTPException):
            send(f"smtp://anna:secret@127.0.0.1:{box.port}")  # without TLS the server takes nothing
        assert box.logins == []
        send(f"smtp://anna%40x.example:p%3Aw%2Fd@127.0.0.1:{box.port}?tls=starttls")
    assert box.logins == [("anna@x.example", "p:w/d")]
    assert len(box.mails) == 1


def test_smtps_speaks_tls_from_the_first_byte(certificate: ssl.SSLContext) -> None:
    with smtp_server.mailbox(ssl_context=certificate) as box:
        send(f"smtps://127.0.0.1:{box.port}")
    assert len(box.mails) == 1
