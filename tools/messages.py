"""The pages' German: `python -m tools.messages` brings it up to date, `… --check` says whether it is.

Checking needs nothing else; bringing up to date also finds new texts, which needs GNU gettext.
"""

import shutil
import sys
from pathlib import Path

import polib
from django.core.management import call_command

LOCALE = Path("src/certwatch/locale")


def main() -> int:
    files = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))
    if "--check" in sys.argv:
        faults = [fault for file in files for fault in faults_of(file)]
        sys.stderr.writelines(f"{fault}\n" for fault in faults)
        return 1 if faults else 0
    if shutil.which("xgettext") is None:
        sys.stderr.write("GNU gettext is missing. On Debian and Ubuntu: apt-get install gettext\n")
        return 1
    call_command(
        "makemessages", all=True, no_location=True, no_obsolete=True, ignore_patterns=[".venv", "var", "tests"]
    )
    for file in files:
        polib.pofile(str(file)).save_as_mofile(str(file.with_suffix(".mo")))
    return 0


def faults_of(file: Path) -> list[str]:
    """What is missing, uncertain or not compiled, a sentence each."""
    written = polib.pofile(str(file))
    faults = [f"{file}: no translation of {entry.msgid!r}." for entry in written.untranslated_entries()]
    faults += [f"{file}: uncertain translation of {entry.msgid!r}." for entry in written.fuzzy_entries()]
    compiled = file.with_suffix(".mo")
    said = {(e.msgctxt, e.msgid): e for e in polib.mofile(str(compiled))} if compiled.exists() else {}
    wanted = {(e.msgctxt, e.msgid): e for e in written.translated_entries()}
    same = said.keys() == wanted.keys() and all(
        (e.msgstr, e.msgstr_plural) == (said[key].msgstr, said[key].msgstr_plural) for key, e in wanted.items()
    )
    return faults if same else [*faults, f"{compiled} is not what {file.name} says. Run: make messages"]


if __name__ == "__main__":
    sys.exit(main())
