"""Terms, privacy, imprint."""

from tests.doors import PUBLIC, Door

DOORS = [Door("terms", PUBLIC), Door("privacy", PUBLIC), Door("imprint", PUBLIC)]
