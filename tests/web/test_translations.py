"""Every text of templates and code has its German. `tools.messages --check` looks at the catalogue itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.template import engines
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation

import certwatch

PACKAGE = Path(certwatch.__file__).parent
MESSAGES = PACKAGE / "locale" / "de" / "LC_MESSAGES"
MARKERS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}


def written() -> dict[str, str]:
    """The catalogue as people write it: text → German."""
    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(MESSAGES / "django.po"))}


def texts_of_templates() -> Iterator[str]:
    for path in sorted((PACKAGE / "templates").rglob("*.html")):
        name = str(path.relative_to(PACKAGE / "templates"))
        nodes = engines["django"].engine.get_template(name).nodelist  # type: ignore[attr-defined]
        for node in nodes.get_nodes_by_type(TranslateNode):
            yield node.filter_expression.var.literal
        for node in nodes.get_nodes_by_type(BlockTranslateNode):
            assert node.trimmed, f"{name}: blocktranslate without trimmed"
            yield node.render_token_list(node.singular)[0]
            if node.plural:
                yield node.render_token_list(node.plural)[0]


def texts_of_code() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS:
                yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def test_every_text_has_its_german() -> None:
    texts = {re.sub(r"\s*\n\s*", " ", text.strip()) for text in (*texts_of_templates(), *texts_of_code())}
    german = written()
    assert len(texts) > 150
    assert sorted(text for text in texts if not german.get(text)) == []


def test_placeholders_and_code_are_the_same_in_both_languages() -> None:
    for text, german in written().items():
        for pattern in (r"%\(\w+\)s", r"</?\w+", r"\b[a-z]+_[a-z_]+\b"):
            assert sorted(re.findall(pattern, text)) == sorted(re.findall(pattern, german)), text


@pytest.mark.parametrize(
    "word", ["gültig", "läuft bald ab", "abgelaufen", "ausgesetzt", "entzogen", "beendet", "nie geprüft"]
)
def test_the_statuses_have_their_fixed_german_words(word: str) -> None:
    from certwatch.templatetags.certwatch import STATUSES

    with translation.override("de"):
        assert word in {str(shown.word).lower() for shown in STATUSES.values()}
