"""The back office. Its addresses have a namespace of their own, and all of them one door: tests/web/test_operator.py
tries every one of them."""

from tests.doors import Door

DOORS: list[Door] = []
