"""Every address of the site and what each visitor gets, a module per area.

`DOORS` of each module: (name of the address, {its arguments} or None, method, answers), answers by visitor as in
`VISITORS`. `test_doors` walks them all and misses none.
"""

from dataclasses import dataclass, field

VISITORS = ("nobody", "clara", "ben", "mia", "anna", "otto", "operator")
# nobody: not logged in; clara: another organisation's admin; ben: auditor; mia: member; anna: admin; otto: owner;
# operator: staff with a second factor who is a member of nothing


@dataclass(frozen=True)
class Door:
    """`url`: the address's name in config/urls. `args`: besides the organisation's slug; words in <> are made by the
    test's cast (`<certificate>`, `<supplier>`, …). `answers`: one status per visitor in the order of VISITORS."""

    url: str
    answers: tuple[int, int, int, int, int, int, int]
    method: str = "get"
    args: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)


LOGIN = 302  # to the log-in, and back

# the usual rows of answers: nobody, clara, ben, mia, anna, otto, operator
PUBLIC = (200,) * 7
READ = (LOGIN, 404, 200, 200, 200, 200, 404)
CHANGE = (LOGIN, 404, 403, 200, 200, 200, 404)
READ_ADMIN = (LOGIN, 404, 200, 403, 200, 200, 404)
ADMIN = (LOGIN, 404, 403, 403, 200, 200, 404)
OWN = (LOGIN, 404, 403, 403, 403, 200, 404)

# a form that was sent: done is a redirect (302), except where a door says otherwise
CHANGED = (LOGIN, 404, 403, 302, 302, 302, 404)
ADMIN_CHANGED = (LOGIN, 404, 403, 403, 302, 302, 404)
OWN_CHANGED = (LOGIN, 404, 403, 403, 403, 302, 404)
