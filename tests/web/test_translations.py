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
from certwatch.templatetags.certwatch import STATUSES
from certwatch.web.verdicts import VERDICTS

PACKAGE = Path(certwatch.__file__).parent
MESSAGES = PACKAGE / "locale" / "de" / "LC_MESSAGES"
MARKERS = {  # what the code uses, and no others → which of its arguments are context, text and plural
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext_lazy": (0, 1, None),
}
LITERAL = re.compile(r"""_\((["'])(.*?)\1\)""")  # in a tag of a template: {% firstof name _("Nobody") %}

Text = tuple[str, str, str]  # the text, its plural or "", its context or ""


def catalogue() -> dict[Text, list[str]]:
    """What is written: text → German, singular and plural."""
    return {
        (entry.msgid, entry.msgid_plural, entry.msgctxt or ""): list(entry.msgstr_plural.values()) or [entry.msgstr]
        for entry in polib.pofile(str(MESSAGES / "django.po"))
    }


def texts_of_templates() -> Iterator[Text]:
    templates = PACKAGE / "templates"
    for path in sorted((*templates.rglob("*.html"), *templates.rglob("*.txt"))):
        name = str(path.relative_to(templates))
        nodes = engines["django"].engine.get_template(name).nodelist  # type: ignore[attr-defined]
        for node in nodes.get_nodes_by_type(TranslateNode):
            context = node.message_context.var if node.message_context else ""
            yield node.filter_expression.var.literal, "", context
        for node in nodes.get_nodes_by_type(BlockTranslateNode):
            assert node.trimmed, f"{name}: blocktranslate without trimmed"
            plural = node.render_token_list(node.plural)[0] if node.plural else ""
            yield one_line(node.render_token_list(node.singular)[0]), one_line(plural), ""
        for found in LITERAL.finditer(path.read_text(encoding="utf-8")):
            yield found[2], "", ""


def one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


def texts_of_code() -> Iterator[Text]:
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        markers = dict(markers_of(tree, path))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in markers:
                said = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
                context, text, plural = (said[n] if n is not None else "" for n in MARKERS[markers[node.func.id]])
                if text is not None:
                    yield str(text), str(plural), str(context)


def markers_of(tree: ast.Module, path: Path) -> Iterator[tuple[str, str]]:
    """How this file calls what marks a text: name here → name of Django's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.FunctionDef) and _is_for_the_outside(node):
            yield "gettext_noop", "gettext_noop"
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            for name in node.names:
                if "gettext" in name.name:
                    assert name.name in MARKERS, f"{path}: {name.name}"
                    assert name.asname in (None, "_"), f"{path}: GNU gettext does not know “{name.asname}”"
                    yield name.asname or name.name, name.name


def _is_for_the_outside(node: ast.ImportFrom | ast.FunctionDef) -> bool:
    """What calls the outside knows no Django, so it has a marker of its own."""
    if isinstance(node, ast.FunctionDef):
        return node.name == "gettext_noop"
    return node.module == "certwatch.net.addresses" and "gettext_noop" in [name.name for name in node.names]


def test_every_text_has_its_german_and_no_text_too_many_is_written() -> None:
    texts = {*texts_of_templates(), *texts_of_code()}
    german = catalogue()
    assert len(texts) > 1500
    assert sorted(texts - german.keys()) == []
    assert sorted(german.keys() - texts) == [], "Run: make messages"
    assert sorted(text for text, words in german.items() if not all(words)) == []


def test_placeholders_and_code_are_the_same_in_both_languages() -> None:
    for (text, plural, _), german in catalogue().items():
        for said, words in zip([text, plural] if plural else [text], german, strict=True):
            for pattern in (r"%\(\w+\)[sd]|%[sd]", r"\{\w+\}", r"</?\w+", r"\b[a-z]+_[a-z_]+\b"):
                assert sorted(re.findall(pattern, said)) == sorted(re.findall(pattern, words)), said


def test_quotation_marks_and_dashes_are_german() -> None:
    for words in catalogue().values():
        for word in words:
            assert not re.search("[“”](?=\\w)|’|\\b[0-9]+,[0-9]{3}\\b| - ", word.replace("„", " „")), word


@pytest.mark.parametrize(
    "word",
    [
        "gültig", "läuft bald ab", "abgelaufen", "ausgesetzt", "entzogen", "beendet", "nicht gefunden", "unklar",
        "noch nicht gültig", "nie geprüft",
    ],
)  # fmt: skip
def test_the_statuses_have_their_fixed_german_words(word: str) -> None:
    with translation.override("de"):
        assert word in {str(shown.word).lower() for shown in STATUSES.values()}


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        ("unreadable", "Keine Nummer"),
        ("repeated", "Doppelt in der Datei"),
        ("already_watched", "Wird schon überwacht"),
        ("contradiction", "System und Nummer widersprechen sich"),
        ("found", "Gefunden"),
        ("ambiguous", "Mehrere Inhaber"),
        ("suggestion", "Ähnliche Nummer"),
        ("not_read_yet", "Noch nicht geprüft"),
        ("not_found", "In keinem Register"),
        ("by_hand", "Von Hand eintragen"),
    ],
)
def test_the_verdicts_have_their_fixed_german_words(verdict: str, word: str) -> None:
    with translation.override("de"):
        assert str(VERDICTS[verdict].word) == word


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("Start Free Trial", "Kostenlos testen"),
        ("Contact Us", "Kontakt"),
        ("Org Admin", "Verwaltung"),
        ("Terms of Use", "Nutzungsbedingungen"),
        ("API Documentation", "API-Dokumentation"),
        ("Entered by hand", "Von Hand eingetragen"),
        ("Last known", "Zuletzt bekannt"),
        ("Sign in", "Anmelden"),
        ("Sign out", "Abmelden"),
        ("Audit log", "Protokoll"),
        ("Holder", "Inhaber"),
        ("Supplier", "Lieferant"),
        ("Scheme", "Zertifizierungssystem"),
    ],
)
def test_what_has_a_fixed_wording_keeps_it(english: str, german: str) -> None:
    with translation.override("de"):
        assert translation.gettext(english) == german
