"""The first page of an organisation."""

from tests.doors import READ, Door

DOORS = [Door("dashboard", READ)]
