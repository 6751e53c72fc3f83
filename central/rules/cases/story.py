"""What a case has come to, whatever a policy wants of it: the fold of its steps."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from central.rules.calendar import epoch_day
from central.rules.cases.steps import DECISIONS, SHARED, Case, Step, in_order


@dataclass(slots=True)
class Story:
    """first: of each kind of step the first instant, in the round that it belongs to.

    rounds: when each round began: the receipt, and each `not_satisfied` after a rectification.
    true_ms: since when it stands as found true. excluded: the decision that excludes its rating,
    since excluded_ms. pending: decisions that wait for the second account. appeal: filed, upheld,
    denied; None before. proven: was a complaint found true? extended: of the limits of the last
    round, the last day by step, with when that was said. attempts: calls since the rater was
    reached last.
    """

    case: Case
    first: list[dict[str, int]]
    rounds: list[int]
    steps: list[Step] = field(default_factory=list)
    institution: str | None = None
    complexity: str | None = None
    finding: bool | None = None
    true_ms: int | None = None
    false_ms: int | None = None
    no_basis_ms: int | None = None
    unreachable_ms: int | None = None
    excluded: str | None = None
    excluded_ms: int | None = None
    excluded_by: str | None = None
    pending: dict[str, Step] = field(default_factory=dict)
    released_ms: int | None = None
    appeal: str | None = None
    is_asked: bool = False
    is_satisfied: bool | None = None
    closed_ms: int | None = None
    joined: str | None = None
    extended: dict[str, tuple[int, int]] = field(default_factory=dict)
    attempts: list[int] = field(default_factory=list)
    urged: list[Step] = field(default_factory=list)

    def at(self, what: str, round: int | None = None) -> int | None:
        """When a kind of step was taken first, in a round or any; `verified`: either finding."""
        names = ("verified_true", "verified_false") if what == "verified" else (what,)
        rounds = self.first if round is None else [self.first[round]]
        found = [one[name] for one in rounds for name in names if name in one]
        return min(found, default=None)

    def has(self, what: str) -> bool:
        """Whether it was taken at all."""
        return self.at(what) is not None

    @property
    def reopened(self) -> int:
        """How often the citizen made it be done again."""
        return len(self.rounds) - 1

    @property
    def escalated(self) -> int:
        """Up how many tiers it has gone by itself: once for each limit that was missed."""
        return sum(1 for one in self.urged if one.actor.role == "centre")


def story_of(
    case: Case, steps: Iterable[Step], shared: Iterable[Step] = (), until_ms: int | None = None
) -> Story:
    """The fold. steps: in any order, doubled ones too. shared: the steps of the case that this one
    is joined to; of those one reply serves both (R110). until_ms: as it stood then.
    """
    served = [one for one in shared if one.what in SHARED and one.at_ms >= case.received_ms]
    told = [
        one for one in in_order([*steps, *served]) if until_ms is None or one.at_ms <= until_ms
    ]
    story = Story(case, [{}], [case.received_ms], told)
    for step in told:
        _take(story, step)
    return story


def _take(story: Story, step: Step) -> None:
    what, at_ms = step.what, step.at_ms
    if what == "closed":
        story.closed_ms = at_ms
    if what == "not_satisfied":
        story.is_satisfied = False
        if "rectified" in story.first[-1] and story.excluded is None:
            story.rounds.append(at_ms)
            story.first.append({})
            story.extended, story.attempts = {}, []
            story.closed_ms, story.unreachable_ms = None, None
    story.first[-1].setdefault(what, at_ms)
    if what == "satisfied":
        story.is_satisfied = True
    elif what == "asked":
        story.is_asked = True
        if not story.has("replied"):
            story.closed_ms = None
    elif what == "classified":
        story.complexity = step.of
    elif what == "assigned":
        story.institution = step.to
    elif what == "joined":
        story.joined = step.to
    elif what in ("contacted", "called_back"):
        story.attempts = []
    elif what == "attempted":
        story.attempts.append(at_ms)
    elif what in ("verified_true", "verified_false"):
        is_true = what == "verified_true"
        if is_true and story.finding is not True:
            story.true_ms = at_ms
        story.finding = is_true
        story.false_ms = None if is_true else at_ms
    elif what == "no_legal_basis":
        story.no_basis_ms = story.no_basis_ms or at_ms
    elif what == "unreachable":
        story.unreachable_ms = story.unreachable_ms or at_ms
    elif what == "released":
        story.released_ms = story.released_ms or at_ms
    elif what == "appeal_filed":
        story.appeal = "filed"
    elif what == "appeal_denied":
        story.appeal = "denied"
    elif what == "urged":
        story.urged.append(step)
    elif what == "extended" and step.of is not None and step.day is not None:
        story.extended[step.of] = (step.day, at_ms)
    elif what in DECISIONS:
        story.pending[step.id] = step
    elif what == "refused":
        story.pending.pop(step.about or "", None)
    elif what == "confirmed":
        _decide(story, step)


def _decide(story: Story, step: Step) -> None:
    """A decision holds from its second account's word on; the last one binds."""
    decided = story.pending.pop(step.about or "", None)
    if decided is None:
        return
    if decided.what == "restored":
        story.excluded = story.excluded_ms = story.excluded_by = None
        return
    story.excluded = decided.of if decided.what == "appeal_upheld" else decided.what
    story.excluded_by = decided.what
    story.excluded_ms = step.at_ms
    if decided.what == "appeal_upheld":
        story.appeal = "upheld"


def days_of(instants: Iterable[int]) -> int:
    """On how many days in China these are."""
    return len({epoch_day(at_ms) for at_ms in instants})
