"""Which messages are sent next, in SQL: a window over another one, which the ORM cannot say."""

from datetime import datetime

from certwatch.models.staging import Bulk

IN_TURN = """
    WITH queues AS (
        SELECT id, org_id, host, due_at,
               row_number() OVER (PARTITION BY org_id, host ORDER BY due_at, id) AS place
          FROM certwatch_delivery
         WHERE state = 'waiting' AND due_at <= %s AND (leased_until IS NULL OR leased_until <= %s)
    ), turns AS (
        SELECT id, org_id, host, due_at, place,
               row_number() OVER (PARTITION BY host ORDER BY place, due_at, id) AS turn
          FROM queues
         WHERE place <= %s
    )
    SELECT id, org_id, host
      FROM turns
     WHERE turn <= %s
     ORDER BY turn, place, due_at, id
     LIMIT %s
"""


def in_turn(now: datetime, *, of_one: int, most: int) -> list[tuple[int, int | None, str]]:
    """Key, organisation and host of at most `most` messages that are due and nobody is at, `of_one` of each host.

    Hosts come in turn, of each one organisations in turn, of these the oldest first: neither a host to which
    everybody sends nor an organisation that sends much keeps others out.
    """
    bulk = Bulk()
    moment = bulk.moment(now)
    return [(pk, org, host) for pk, org, host in bulk.rows(IN_TURN, (moment, moment, of_one, of_one, most))]
