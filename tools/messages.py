"""The pages' German: `python -m tools.messages` brings it up to date, `… --check` says whether it is.

Checking needs nothing else; bringing up to date also finds new texts, which needs GNU gettext. What is written keeps
its place: a new text stands behind the one that comes before it in the code, one that nobody says any more is dropped.
"""

import contextlib
import shutil
import sys
from pathlib import Path

import polib
from django.core.management import call_command
from django.core.management.commands import makemessages

PACKAGE = Path("src/certwatch")
LOCALE = PACKAGE / "locale"


class Collect(makemessages.Command):
    """Django finds the texts; how they join what is written is ours, since msgmerge guesses and moves entries about."""

    def write_po_file(self, potfile: str, locale: str) -> None:
        file = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        merged(file, polib.pofile(potfile)).save(str(file))


def main() -> int:
    files = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))
    if "--check" in sys.argv:
        faults = [fault for file in files for fault in faults_of(file)]
        sys.stderr.writelines(f"{fault}\n" for fault in faults)
        return 1 if faults else 0
    if shutil.which("xgettext") is None:
        sys.stderr.write("GNU gettext is missing. On Debian and Ubuntu: apt-get install gettext\n")
        return 1
    with contextlib.chdir(PACKAGE):
        call_command(Collect(), locale=[file.parts[-3] for file in files], no_location=True, verbosity=0)
    for file in files:
        written = polib.pofile(str(file))
        written.save_as_mofile(str(file.with_suffix(".mo")))
        sys.stdout.write(f"{file}: {len(written)} texts, {len(written.untranslated_entries())} to translate.\n")
    return 0


def merged(file: Path, found: polib.POFile) -> polib.POFile:
    """What is written, with the texts that were found and no others."""
    written = polib.pofile(str(file), wrapwidth=0)
    said = {_key(entry): entry for entry in written}
    wanted = {_key(entry) for entry in found}
    written[:] = [entry for entry in written if _key(entry) in wanted]
    before = None
    for entry in found:
        present = said.get(_key(entry))
        if present is None:
            written.insert(written.index(before) + 1 if before else 0, entry)
        else:
            present.comment, present.flags = entry.comment, entry.flags
        before = present or entry
    return written


def _key(entry: polib.POEntry) -> tuple[str | None, str, str]:
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def faults_of(file: Path) -> list[str]:
    """What is missing, uncertain or not compiled, a sentence each."""
    written = polib.pofile(str(file))
    faults = [f"{file}: no translation of {entry.msgid!r}." for entry in written.untranslated_entries()]
    faults += [f"{file}: uncertain translation of {entry.msgid!r}." for entry in written.fuzzy_entries()]
    faults += [f"{file}: nobody says {entry.msgid!r} any more." for entry in written.obsolete_entries()]
    compiled = file.with_suffix(".mo")
    said = {(e.msgctxt, e.msgid): e for e in polib.mofile(str(compiled))} if compiled.exists() else {}
    wanted = {(e.msgctxt, e.msgid): e for e in written.translated_entries()}
    same = said.keys() == wanted.keys() and all(
        (e.msgstr, e.msgstr_plural) == (said[key].msgstr, said[key].msgstr_plural) for key, e in wanted.items()
    )
    return faults if same else [*faults, f"{compiled} is not what {file.name} says. Run: make messages"]


if __name__ == "__main__":
    sys.exit(main())
