"""The pages for everybody."""

from tests.doors import PUBLIC, Door

DOORS = [
    Door("home", PUBLIC),
    Door("api_docs", PUBLIC),
    Door("robots", PUBLIC),
    Door("security", (404,) * 7),  # without an operator's address there is nobody to name
    Door("favicon", (301,) * 7),
    Door("theme", (302,) * 7, "post", data={"theme": "dark"}),
    Door("theme", (405,) * 7),
    Door("language", (302,) * 7, "post", data={"language": "de"}),
    Door("language", (405,) * 7),
]
