"""Pages need the static files' names."""

import pytest

from certwatch.web.static import prepare


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    prepare()
