"""The life of an import: a file comes in, its columns are confirmed, each row gets its verdict, a person confirms, the
rows are applied.

What takes time stands in the import's row; whoever claims it works on it chunk by chunk, and another goes on where one
died. The outcome of a row is written in the transaction that applies it, so no row is applied twice.
"""

import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q

from certwatch.actions import audit, imports, reading
from certwatch.actions.imports import Judged, Pick
from certwatch.models import Import, ImportRow, ImportState, Organisation, User
from certwatch.models import imports as tables
from certwatch.models.imports import LEAVE_OUT
from certwatch.models.staging import Bulk
from certwatch.rules import numbers
from certwatch.rules.cells import one_line, printable
from certwatch.rules.errors import Refused
from certwatch.rules.imports import Outcome, Verdict
from certwatch.rules.layouts import Layout, Look
from certwatch.rules.sheets import LARGEST, Row

CHUNK = 1000  # rows a transaction, about 0.2 s: with 500 the same work takes an eighth longer
LEASE = timedelta(seconds=30)  # a chunk takes less than 2 s on two busy cores
AT_ONCE = 200  # rows that are applied while the person waits for the page
ADDING = (  # verdicts whose rows are watched once they are confirmed
    Verdict.CONTRADICTION, Verdict.FOUND, Verdict.AMBIGUOUS, Verdict.SUGGESTION, Verdict.NOT_READ_YET,
    Verdict.NOT_FOUND,
)  # fmt: skip
STOPPED = "Something went wrong on our side. Try again; what was added is not added twice."
_OPEN = (ImportState.UPLOADED, ImportState.LOOKING, ImportState.PREVIEW, ImportState.TAKING)

Clock = Callable[[], datetime]


def receive(org: Organisation, pieces: Iterable[bytes], *, name: str, by: User | None, now: datetime) -> Import:
    """Keep a file and look at its columns. Raises `Refused`, and keeps nothing, for one that cannot be read."""
    path, sha256, size = _keep(pieces)
    try:
        seen = _seen(reading.look(_file(path)))
    except BaseException:
        _file(path).unlink()
        raise
    upload: Import = org.imports.create(
        name=_name(name), path=path, sha256=sha256, size=size, created_at=now, created_by=by, **seen
    )
    return upload


def paste(org: Organisation, pasted: Sequence[str], *, by: User | None, now: datetime) -> Import:
    """An import of numbers that somebody pasted; each has its verdict when this returns."""
    text = "\n".join(pasted).encode()
    rows = [Row(line=place, number=number) for place, number in enumerate(pasted, start=1)]
    seen: set[str] = set()
    judged = [one for part in _chunks(rows) for one in imports.judge(org, part, seen=seen, now=now)]
    with transaction.atomic():
        upload: Import = org.imports.create(
            path="",
            sha256=hashlib.sha256(text).hexdigest(),
            size=len(text),
            total=len(rows),
            by_hand=False,
            created_at=now,
            created_by=by,
        )
        _write(upload, [([one.row.number], one) for one in judged])
        _show(upload)
    return upload


def choose_sheet(upload: Import, sheet: str) -> None:
    """Look at another sheet of the workbook. Raises `Refused` where it cannot be read."""
    seen = _seen(reading.look(_file(upload.path), sheet=sheet))
    upload.org.imports.filter(pk=upload.pk, state=ImportState.UPLOADED).update(**seen)


def set_columns(upload: Import, columns: Mapping[str, int]) -> None:
    """Have the rows looked at with these columns, field → place. Raises `Refused` where none holds the numbers."""
    if "number" not in columns:
        raise Refused("Say which column holds the certificate numbers.")
    with transaction.atomic():
        waiting = upload.org.imports.filter(pk=upload.pk, state__in=(ImportState.UPLOADED, ImportState.PREVIEW))
        if waiting.update(state=ImportState.LOOKING, columns=dict(columns), done=0, counts={}, claimed_until=None):
            upload.rows.all().delete()


def back_to_columns(upload: Import) -> None:
    """Let a person change the columns; the verdicts are given anew then."""
    upload.org.imports.filter(pk=upload.pk, state=ImportState.PREVIEW).exclude(path="").update(
        state=ImportState.UPLOADED
    )


def choose(upload: Import, *, picks: Mapping[int, str], by_hand: bool, describe: bool) -> None:
    """Keep what a person chose in the preview. `picks`: line → place among the row's candidates, LEAVE_OUT or ""."""
    with transaction.atomic():
        waiting = upload.org.imports.filter(pk=upload.pk, state=ImportState.PREVIEW)
        if not waiting.update(by_hand=by_hand, describe=describe):
            return
        rows = list(upload.rows.filter(line__in=picks))
        moved = [row for row in rows if _may_pick(row, picks[row.line]) and row.picked != picks[row.line]]
        for row in moved:
            row.picked = picks[row.line]
        ImportRow.objects.bulk_update(moved, ["picked"])
    upload.by_hand, upload.describe = by_hand, describe


def confirm(upload: Import, *, by: User | None, now: datetime, address: str | None) -> bool:
    """Have the rows applied. False if somebody did so before, or cancelled it."""
    with transaction.atomic():
        waiting = upload.org.imports.filter(pk=upload.pk, state=ImportState.PREVIEW)
        if not waiting.update(state=ImportState.TAKING, confirmed_at=now, done=0, claimed_until=None):
            return False
        about = upload.name or f"{upload.total} pasted numbers"
        audit.note(
            upload.org, "certificates.added", about=about, about_id=upload.public_id, by=by, now=now, address=address,
            rows=upload.total,
        )  # fmt: skip
    return True


def go_on(upload: Import) -> None:
    """Try again what failed: the rows that have no outcome yet."""
    failed = upload.org.imports.filter(pk=upload.pk, state=ImportState.FAILED)
    failed.exclude(confirmed_at=None).update(state=ImportState.TAKING, error="", ended_at=None, claimed_until=None)


def cancel(upload: Import, *, now: datetime) -> None:
    """End it. What was added stays; nothing else of it is kept."""
    with transaction.atomic():
        still_open = upload.org.imports.filter(pk=upload.pk, state__in=_OPEN)
        if still_open.update(state=ImportState.CANCELLED, ended_at=now, claimed_until=None):
            upload.rows.filter(outcome="").delete()
            upload.org.imports.filter(pk=upload.pk).update(counts=_counts(upload))


def work(upload: Import, *, clock: Clock) -> bool:
    """Do what waits: verdicts, or applying. False if nothing waits, or somebody else is at it."""
    now = clock()
    free = upload.org.imports.filter(pk=upload.pk, state__in=(ImportState.LOOKING, ImportState.TAKING)).filter(
        Q(claimed_until=None) | Q(claimed_until__lt=now)
    )
    if not free.update(claimed_until=now + LEASE):
        return False
    org = upload.org
    upload.refresh_from_db()
    upload.org, upload.claimed_until = org, now + LEASE
    try:
        step = _look if upload.state == ImportState.LOOKING else _take
        step(upload, clock)
    except Refused as refused:
        fail(upload, str(refused), now=clock())
    return True


def fail(upload: Import, why: str, *, now: datetime) -> None:
    """Note that it cannot go on, a sentence. What was added stays."""
    working = upload.org.imports.filter(pk=upload.pk, claimed_until=upload.claimed_until)
    working.update(state=ImportState.FAILED, error=why, ended_at=now, claimed_until=None, counts=_counts(upload))


def forget_file(upload: Import) -> None:
    """Remove the file of an import that has ended; its rows hold what was in it."""
    if upload.path:
        _file(upload.path).unlink(missing_ok=True)
        upload.org.imports.filter(pk=upload.pk).update(path="")


def ready(upload: Import) -> int:
    """How many rows will be added once this is confirmed."""
    rows = upload.rows.exclude(picked=LEAVE_OUT).filter(verdict__in=[*ADDING, Verdict.BY_HAND])
    if not upload.by_hand:
        rows = rows.exclude(Q(source="", picked=""))
    return rows.count()


def result(upload: Import, spoken: Callable[[str], str]) -> Iterator[list[str]]:
    """The result file: the file's own columns, and verdict, reason and outcome of each row. `spoken` says a sentence in
    the reader's language; verdicts and outcomes are the API's words."""
    columns = [column["heading"] for column in upload.look.get("columns", [])] or ["number"]
    yield [*columns, "verdict", "reason", "outcome"]
    width = len(columns)
    told = upload.rows.order_by("line").values_list("cells", "verdict", "reason", "outcome")
    for cells, verdict, reason, outcome in told.iterator(chunk_size=CHUNK):
        own = [*cells, *[""] * width][:width]
        yield [*own, verdict, " ".join(map(spoken, reason.splitlines())), outcome]


def _look(upload: Import, clock: Clock) -> None:
    """Give each row of the file its verdict, from the first that has none."""
    seen = {numbers.key(number) for number in upload.rows.exclude(number="").values_list("number", flat=True)}
    last = upload.rows.order_by("-line").values_list("line", flat=True).first() or 0
    told = upload.look["layout"]
    layout = Layout(told["sheet"], told["delimiter"], told["heading_line"], upload.columns)
    lines = (line for line in reading.rows(_file(upload.path), layout) if line[1].line > last)
    for part in _chunks(lines):
        judged = imports.judge(upload.org, [row for _, row in part], seen=seen, now=clock())
        with transaction.atomic():
            if not _hold_on(upload, clock(), done=len(part)):
                return
            _write(upload, [(cells, one) for (cells, _), one in zip(part, judged, strict=True)])
    with transaction.atomic():
        if _hold_on(upload, clock(), done=0):
            _show(upload)


def _take(upload: Import, clock: Clock) -> None:
    """Apply the rows that have no outcome yet."""
    waiting = upload.rows.filter(outcome="").order_by("line")
    last = -1
    while part := [_Waiting(*row) for row in waiting.filter(line__gt=last).values_list(*_Waiting._fields)[:CHUNK]]:
        last = part[-1].line
        with transaction.atomic():
            if not _hold_on(upload, clock(), done=len(part)):
                return
            _apply(upload, part, clock())
    with transaction.atomic():
        if _hold_on(upload, clock(), done=0):
            upload.org.imports.filter(pk=upload.pk).update(
                state=ImportState.DONE, ended_at=clock(), claimed_until=None, counts=_counts(upload)
            )


class _Waiting(NamedTuple):
    """What is needed of a row to apply it; a model for each would take twice the time."""

    pk: int
    line: int
    verdict: str
    said: dict[str, Any]
    picked: str
    candidates: list[dict[str, Any]]

    @property
    def pick(self) -> Pick | None:
        """What a person chose for it."""
        if self.picked == LEAVE_OUT:
            return imports.LEAVE_OUT
        if not self.picked:
            return None
        chosen = self.candidates[int(self.picked)]
        return chosen["number"], chosen["holder"]


def _apply(upload: Import, part: Sequence[_Waiting], now: datetime) -> None:
    left = [row.pk for row in part if row.verdict in (Verdict.UNREADABLE, Verdict.REPEATED)]
    rest = [row for row in part if row.verdict not in (Verdict.UNREADABLE, Verdict.REPEATED)]
    judged = imports.apply(
        upload.org,
        [msgspec.convert(row.said, Row) for row in rest],
        picks={row.line: pick for row in rest if (pick := row.pick)},
        by_hand=upload.by_hand,
        describe=upload.describe,
        by=upload.created_by,
        now=now,
    )
    settled = [
        (row.pk, *_told(one), str(one.taken.outcome), _certificate(one)) for row, one in zip(rest, judged, strict=True)
    ]
    tables.settle_rows(Bulk(), settled)
    if left:
        upload.rows.filter(pk__in=left).update(outcome=Outcome.LEFT_OUT)


def _hold_on(upload: Import, now: datetime, *, done: int) -> bool:
    """Whether the import is still ours: nobody cancelled it or thought us dead. Inside the transaction of a chunk."""
    ours = upload.org.imports.filter(pk=upload.pk, state=upload.state, claimed_until=upload.claimed_until)
    if not ours.update(claimed_until=now + LEASE, done=F("done") + done):
        return False
    upload.claimed_until = now + LEASE
    return True


def _write(upload: Import, lines: Sequence[tuple[Sequence[str], Judged]]) -> None:
    tables.add_rows(
        Bulk(),
        (
            (upload.pk, one.row.line, _json(list(cells)), _said(one.row), *_told(one), "", "", _certificate(one))
            for cells, one in lines
        ),
    )


def _certificate(one: Judged) -> int | None:
    return one.certificate.pk if one.certificate else None


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _told(one: Judged) -> tuple[str, str, str, str, str]:
    """Number, source, verdict, reason (a sentence a line) and candidates (JSON)."""
    return (
        one.taken.number or "",
        one.source,
        one.taken.verdict.value,
        "\n".join(" ".join(reason.split()) for reason in one.reasons),
        _json(one.taken.candidates),
    )


def _said(row: Row) -> str:
    """The row as JSON. PostgreSQL takes no NUL; a number with one has its verdict already."""
    return _json({**msgspec.to_builtins(row), "number": printable(row.number)})


def _show(upload: Import) -> None:
    """Let the verdicts be seen."""
    upload.state, upload.counts = ImportState.PREVIEW, _counts(upload)
    upload.done = upload.total = sum(upload.counts.values())
    upload.claimed_until = None
    upload.save(update_fields=["state", "counts", "done", "total", "claimed_until"])


def _counts(upload: Import) -> dict[str, int]:
    """Rows per verdict, and per outcome where they have one."""
    counts: Counter[str] = Counter()
    for verdict, outcome, count in upload.rows.values_list("verdict", "outcome").annotate(Count("pk")):
        counts[verdict] += count
        if outcome:
            counts[outcome] += count
    return dict(counts)


def _may_pick(row: ImportRow, pick: str) -> bool:
    return pick in ("", LEAVE_OUT) or (pick.isdecimal() and int(pick) < len(row.candidates))


def _chunks(of: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(of)
    while part := list(islice(rest, CHUNK)):
        yield part


def _seen(look: Look) -> dict[str, Any]:
    if len(look.layout.sheet) > 120:
        raise Refused("The name of the sheet is longer than 120 characters.")
    if not look.row_count:
        raise Refused("There are no rows below the headings.")
    return {
        "look": msgspec.to_builtins(look),
        "sheet": look.layout.sheet,
        "columns": dict(look.layout.columns),
        "total": look.row_count,
    }


def _name(name: str) -> str:
    return one_line(Path(name.replace("\\", "/")).name)[-255:] or "file"


def _file(path: str) -> Path:
    return Path(settings.ENV.files) / path


def _keep(pieces: Iterable[bytes]) -> tuple[str, str, int]:
    """Where the file now lies, below CERTWATCH_FILES, its SHA-256 and its size."""
    name = secrets.token_hex(16)
    path = f"uploads/{name[:2]}/{name}"
    target = _file(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    digest, size = hashlib.sha256(), 0
    try:
        with unfinished.open("xb") as file:
            for piece in pieces:
                size += len(piece)
                if size > LARGEST:
                    raise Refused("The file is larger than 20 MB.")
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return path, digest.hexdigest(), size
