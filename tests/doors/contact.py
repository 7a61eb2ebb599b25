"""Contact Us."""

from tests.doors import PUBLIC, Door

LETTER = {"name": "Kim", "email": "kim@example.org", "text": "Hello", "website": ""}

DOORS = [
    Door("contact", PUBLIC),
    Door("contact", (302,) * 7, "post", data=LETTER),
    Door("contact", PUBLIC, "post", data={**LETTER, "email": "kim"}),
    Door("contact_sent", PUBLIC),
    Door("contact_sent", (405,) * 7, "post"),
]
