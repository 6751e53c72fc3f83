"""The steps of a case: what each is, and by whom it is taken (RULES 8). Append-only: a step that
was wrong is followed by another one.

Beyond RULES 8: `asked`, the citizen's wish for a reply; `attempted`, a call that reached nobody;
`joined`, one reply serves both cases; `confirmed` and `refused`, the second account's word on a
decision; `evidence`, `accepted`, `declined`, `review_asked` of complaints (S3 制度11).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["rating", "complaint", "object"]
Role = Literal["officer", "supervisor", "auditor", "citizen", "centre"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step: an account or a token by its id, what they are here, and the institution
    that they belong to; None for who stands above institutions.
    """

    id: str
    role: Role
    institution: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What a case is about; never changes.

    institution: of the service on that day, the rated one; None where the directory has none.
    received_ms: when the rating, complaint or object came here, however late it was read.
    bad_for: the profiles by which its rating is a bad one. due_day: of an object, the day by which
    whoever opened it wants it done. has_contact: did the citizen leave any?
    """

    no: str
    kind: Kind
    received_ms: int
    institution: str | None = None
    bad_for: frozenset[str] = frozenset()
    due_day: int | None = None
    has_contact: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step. at_ms: when it was taken; noted_ms: when it was noted here, never before.

    of: of `classified` the complexity, of `extended` the step whose limit it is, of an appeal that
    is upheld `mistaken` or `malicious`. to: an institution, or whom it was told, referred to or
    conferred with; of `joined` the other case. about: of `confirmed` and `refused` the decision's
    id. day: of `extended`, the last day of the new limit, 20260901. n: how many of its case were
    noted before it.
    """

    id: str
    what: str
    at_ms: int
    noted_ms: int
    actor: Actor
    of: str | None = None
    to: str | None = None
    about: str | None = None
    day: int | None = None
    text: str = ""
    n: int = 0

    @property
    def place(self) -> tuple[int, int, int, str]:
        """Where it stands in the one order of a case's steps."""
        return self.at_ms, self.noted_ms, self.n, self.id


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Each once, in their one order, however they came."""
    return sorted({one.id: one for one in steps}.values(), key=lambda one: one.place)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind of step is.

    by: who takes it. kinds: of which cases. zh: as pages call it. needs: what must be written with
    it. may_be_past: a deed outside the system, noted when it was done already; others are taken by
    noting them.
    """

    by: tuple[Role, ...]
    zh: str
    needs: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = KINDS
    may_be_past: bool = False


_DESK: tuple[Role, ...] = ("officer", "supervisor")
_SUPERVISOR: tuple[Role, ...] = ("supervisor",)
_RATING: tuple[Kind, ...] = ("rating",)
_COMPLAINT: tuple[Kind, ...] = ("complaint",)
_SPOKEN: tuple[Kind, ...] = ("rating", "complaint")  # somebody waits for an answer


def _deed(zh: str, *needs: str, kinds: tuple[Kind, ...] = KINDS) -> Rule:
    return Rule(_DESK, zh, needs, kinds, may_be_past=True)


def _decided(zh: str, *needs: str, kinds: tuple[Kind, ...] = _RATING) -> Rule:
    return Rule(_SUPERVISOR, zh, needs, kinds)


RULES: dict[str, Rule] = {
    "received": Rule((CENTRE,), "收到"),
    "asked": Rule(("citizen", "supervisor"), "要求答复", kinds=_RATING),
    "classified": _decided("分类", "of", kinds=_SPOKEN),
    "relayed": Rule(("supervisor", "centre"), "转办", ("to",), _SPOKEN, True),
    "joined": _decided("并案", "to", kinds=_SPOKEN),
    "assigned": Rule(("supervisor", "centre"), "交办", ("to",)),
    "evidence": _deed("补充材料", kinds=_COMPLAINT),
    "accepted": _decided("受理", kinds=_COMPLAINT),
    "declined": _decided("不予受理", "text", kinds=_COMPLAINT),
    "attempted": _deed("联系未果", kinds=_SPOKEN),
    "contacted": _deed("回访核实", kinds=_SPOKEN),
    "verified_true": _deed("核查属实", "text"),
    "verified_false": _deed("核查不属实", "text"),
    "measures": _deed("制定整改措施", "text"),
    "consulted": _deed("会商", "to"),
    "rectified": _deed("整改", "text"),
    "replied": _deed("答复", "text", kinds=_SPOKEN),
    "unreachable": Rule(_DESK, "无法联系", kinds=_SPOKEN),
    "called_back": _deed("整改后回访", kinds=_SPOKEN),
    "urged": Rule(("supervisor", "centre"), "督办", ("text",)),
    "satisfied": Rule(("citizen", *_DESK), "满意", kinds=_SPOKEN),
    "not_satisfied": Rule(("citizen", *_DESK), "不满意", kinds=_SPOKEN),
    "extended": Rule(_DESK, "延期", ("of", "day", "text")),
    "no_legal_basis": _deed("缺乏法定依据，已解释", "text", kinds=_SPOKEN),
    "released": _decided("发还申诉", "text"),
    "appeal_filed": Rule(("officer",), "申诉", ("text",), _RATING),
    "appeal_upheld": _decided("申诉成立", "of", "text"),
    "appeal_denied": _decided("申诉不成立", "text"),
    "mistaken": _decided("认定误评", "text"),
    "malicious": _decided("认定恶意评价", "text"),
    "fabricated": _decided("认定虚假评价", "text"),
    "restored": _decided("恢复计入", "text"),
    "confirmed": Rule(("supervisor", "auditor"), "第二人确认", ("about",), _RATING),
    "refused": Rule(("supervisor", "auditor"), "第二人否决", ("about", "text"), _RATING),
    "review_asked": Rule(
        ("citizen", "supervisor"), "申请复查", kinds=_COMPLAINT, may_be_past=True
    ),
    "noticed": _deed("向社会公告", "text", kinds=_RATING),
    "reported": _deed("上报", "to"),
    "referred": _deed("移送", "to"),
    "dishonesty_list": Rule(("officer",), "列入失信名单", ("text",), _RATING),
    "closed": Rule(_DESK, "办结"),
}

# Each takes two accounts: it holds from the second one's word on (DOMAIN decision 20).
DECISIONS = ("mistaken", "malicious", "fabricated", "appeal_upheld", "restored")
# What one case does for another that is joined to it (R110).
SHARED = ("contacted", "attempted", "unreachable", "rectified", "replied", "called_back")
SHARED += ("satisfied", "not_satisfied")
