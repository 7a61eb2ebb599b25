"""What a browser calls itself, in words that its owner knows."""

BROWSERS = (  # sign in the User-Agent → name; the first that fits, for most claim to be several
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def name(user_agent: str) -> str:
    """“Firefox, Windows”; what is not known is told as it is, shortened."""
    found = [_first(user_agent, names) for names in (BROWSERS, SYSTEMS)]
    return ", ".join(word for word in found if word) or user_agent[:60]


def _first(user_agent: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((word for sign, word in names if sign in user_agent), "")
