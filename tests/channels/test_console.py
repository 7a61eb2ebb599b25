"""Mails without a mail server."""

import io

from django.core.mail import EmailMultiAlternatives

from certwatch.channels.console import EmailBackend


def test_a_mail_is_printed_as_a_person_reads_it() -> None:
    screen = io.StringIO()
    mail = EmailMultiAlternatives("Gültig bis: 14.03.", "Nordmühle, bitte lesen.\n", to=["anna@nordmuehle.example"])
    mail.attach_alternative("<p>Nordmühle</p>", "text/html")
    assert EmailBackend(stream=screen).send_messages([mail]) == 1
    assert screen.getvalue() == (
        "---- mail to anna@nordmuehle.example\nSubject: Gültig bis: 14.03.\n\nNordmühle, bitte lesen.\n----\n"
    )
