"""Mails where there is no mail server: printed as a person reads them."""

from django.core.mail import EmailMessage
from django.core.mail.backends.console import EmailBackend as DjangoConsole


class EmailBackend(DjangoConsole):
    """To whom, about what and the text. Of a mail that has an HTML part, too, only the text: it says the same."""

    def write_message(self, message: EmailMessage) -> None:
        to = ", ".join(message.recipients())
        self.stream.write(f"---- mail to {to}\nSubject: {message.subject}\n\n{str(message.body).rstrip()}\n")
        self.stream.write("----\n")
