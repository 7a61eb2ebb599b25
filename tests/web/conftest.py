"""Pages need the static files' names."""

import pytest


@pytest.fixture(autouse=True)
def _static_files(static_files: None) -> None:
    """Made once, for every test of a page."""
