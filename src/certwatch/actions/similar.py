"""Entries of the registers whose numbers are similar to what somebody wrote."""

from collections import defaultdict
from collections.abc import Mapping

from certwatch.actions.sources import names as monitored_names
from certwatch.models import Entry
from certwatch.rules import numbers, similar
from certwatch.rules.status import Status

MOST = 10  # suggestions for a number; a person chooses among them
CHUNK = 1000  # sketches a query


def find(written: Mapping[int, str]) -> dict[int, list[Entry]]:
    """Entries that are still listed and may be meant, the likeliest first, by the key of each written number."""
    wanted = {place: similar.sketches(number) for place, number in written.items()}
    all_of_them = sorted({sketch for sketches in wanted.values() for sketch in sketches})
    listed = Entry.objects.filter(source__in=monitored_names(), gone_at=None).exclude(word=Status.NOT_FOUND)
    by_sketch: dict[str, list[Entry]] = defaultdict(list)
    for start in range(0, len(all_of_them), CHUNK):
        for entry in listed.filter(sketch__in=all_of_them[start : start + CHUNK]).order_by("id"):
            by_sketch[entry.sketch].append(entry)
    if not by_sketch:
        return {}
    found = {
        place: [
            entry
            for sketch in sketches
            for entry in by_sketch.get(sketch, ())
            if entry.number_key != numbers.key(written[place])
        ][:MOST]
        for place, sketches in wanted.items()
    }
    return {place: entries for place, entries in found.items() if entries}
