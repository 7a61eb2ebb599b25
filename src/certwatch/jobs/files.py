"""The duty `files`: documents, exports, uploads and suppliers' files that no row names any more are removed, at the
earliest a day later.

A backup, or somebody who is just downloading, may still want them. That a file is on its way out says a mark beside it,
so nobody has to remember when its row went.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from certwatch.models import Document, Export, Import, Proposal

LOOK_EVERY = timedelta(hours=6)
KEPT_FOR = timedelta(days=1)
Filed = type[Document] | type[Export] | type[Import] | type[Proposal]
FOLDERS: dict[str, Filed] = {"documents": Document, "exports": Export, "uploads": Import, "proposals": Proposal}
MARK, UNFINISHED = ".gone", ".part"
CHUNK = 500


def sweep(now: datetime) -> None:
    """Mark what no row names, and remove what has been marked for a day. A row that is back takes the mark away."""
    root = Path(settings.ENV.files)
    for folder, model in FOLDERS.items():
        _sweep(root, folder, model, now)


def _sweep(root: Path, folder: str, model: Filed, now: datetime) -> None:
    files = _files(root / folder)
    for start in range(0, len(files), CHUNK):
        names = {str(path.relative_to(root)): path for path in files[start : start + CHUNK]}
        known = set(model.across_orgs.filter(path__in=names).values_list("path", flat=True))
        for name, path in names.items():
            _settle(path, wanted=name in known, now=now)
    for path in (root / folder).glob(f"*/*{UNFINISHED}"):
        if _age(path, now) > KEPT_FOR:  # its upload died
            path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*/*")) if path.suffix not in (MARK, UNFINISHED)]


def _settle(path: Path, *, wanted: bool, now: datetime) -> None:
    mark = path.with_name(path.name + MARK)
    if wanted:
        mark.unlink(missing_ok=True)
    elif not mark.exists():
        mark.touch()
        os.utime(mark, (now.timestamp(), now.timestamp()))
    elif _age(mark, now) > KEPT_FOR:
        path.unlink(missing_ok=True)
        mark.unlink(missing_ok=True)


def _age(path: Path, now: datetime) -> timedelta:
    return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
