"""Mails: handed to the mail server, one to each reader, so that one address that is refused is nobody else's matter."""

import smtplib
from email.errors import HeaderParseError

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from certwatch.rules.errors import DeliveryFailed


def send(mail: EmailMessage, *, connection: BaseEmailBackend) -> None:
    """Hand `mail`, which has one recipient, over. Raises `DeliveryFailed`; permanent where the address is refused."""
    if len(mail.recipients()) != 1:
        raise ValueError("A mail goes to one address.")
    try:
        connection.send_messages([mail])
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(*next(iter(error.recipients.values()))) from error
    except smtplib.SMTPDataError as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryFailed("The mail server refused our log-in.") from error
    except smtplib.SMTPNotSupportedError as error:  # letters that it cannot transport
        raise DeliveryFailed("The mail server cannot send to this address.", permanent=True) from error
    except smtplib.SMTPResponseException as error:  # a greeting, or our own address
        sentence = f"The mail server answered {error.smtp_code}: {_said(error.smtp_error)}"
        raise DeliveryFailed(sentence) from error
    except (smtplib.SMTPException, OSError) as error:
        if isinstance(error, TimeoutError) or "timed out" in str(error):
            raise DeliveryFailed("The mail server did not answer in time.") from error
        raise DeliveryFailed(f"The mail server could not be reached: {_said(str(error))}") from error
    except (ValueError, HeaderParseError) as error:  # what is no address never becomes one
        raise DeliveryFailed("This is no address to which mail can be sent.", permanent=True) from error
    finally:
        connection.close()


def _refused(code: int, said: bytes | str) -> DeliveryFailed:
    return DeliveryFailed(f"The mail server answered {code}: {_said(said)}", permanent=500 <= code < 600)


def _said(text: bytes | str) -> str:
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(text.split()).replace("\0", "\ufffd")[:500]
