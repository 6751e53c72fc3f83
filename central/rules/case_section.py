"""What a policy may say of cases: the section `case` (RULES 5 and 8)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, model_validator

from central.rules.sections import Limit, Many, Part, Percent, Some, Text, Value, once_each

# The steps of a case (RULES 8; central/rules/cases/steps.py says what each is); `verified` is
# either finding.
Step = Literal[
    "received",
    "asked",
    "classified",
    "relayed",
    "joined",
    "assigned",
    "evidence",
    "accepted",
    "declined",
    "attempted",
    "contacted",
    "verified",
    "verified_true",
    "verified_false",
    "measures",
    "consulted",
    "rectified",
    "replied",
    "unreachable",
    "called_back",
    "urged",
    "satisfied",
    "not_satisfied",
    "extended",
    "no_legal_basis",
    "released",
    "appeal_filed",
    "appeal_upheld",
    "appeal_denied",
    "mistaken",
    "malicious",
    "fabricated",
    "restored",
    "confirmed",
    "refused",
    "review_asked",
    "noticed",
    "reported",
    "referred",
    "dishonesty_list",
    "closed",
]


Complexity = Literal["simple", "general", "complex"]
Need = Literal["contacted", "verified", "measures", "rectified", "replied", "called_back"]
_Few = Annotated[int, Field(strict=True, ge=1, le=10)]


class CaseLimit(Limit):
    """How long a case may take from one step to another. at_most: how far an extension may reach,
    in the same unit from the same start; None where no text bounds it.
    """

    model_config = ConfigDict(populate_by_name=True)

    step: Step
    from_: Step = Field(alias="from")
    complexity: Complexity | None = None
    may_extend: StrictBool = False
    at_most: Annotated[int, Field(strict=True, ge=1, le=3650)] | None = None

    @model_validator(mode="after")
    def _runs(self) -> "CaseLimit":
        if self.step == self.from_:
            raise ValueError("from and step are the same step")
        if self.n < 1:
            raise ValueError("n is at least 1")
        if self.at_most is not None and not (self.may_extend and self.at_most > self.n):
            raise ValueError("at_most needs may_extend, and is more than n")
        return self


class Unreachable(Part):
    """When a rater is 无法联系: after so many attempts on so many days."""

    attempts: _Few
    days: _Few

    @model_validator(mode="after")
    def _can_be(self) -> "Unreachable":
        if self.days > self.attempts:
            raise ValueError("days: so many attempts cannot be on more days")
        return self


class Proven(Part):
    """From how many proven complaints on something follows (R114): of one person in a year, of one
    window ever, of one person in a year for attitude or a breach of duty.
    """

    staff_in_year: _Few
    window_ever: _Few
    breaches_in_year: _Few


def _one_each(limits: tuple[CaseLimit, ...]) -> tuple[CaseLimit, ...]:
    once_each(tuple((one.from_, one.step, one.complexity) for one in limits))
    return limits


_Limits = Annotated[tuple[CaseLimit, ...], AfterValidator(_one_each)]


class Case(Part):
    """What is done about a bad rating or a complaint, and by when.

    complexity: as what a case is handled until it is classified. needs: the steps that a bad
    rating found true needs before its case is closed. consult: of which cases departments confer
    before the reply. reopen: how often a citizen who is not satisfied makes it be done again.
    warn: how long before a limit ends its officer is told. report: what is told to the authority
    above.
    """

    responsible: Value[Literal["institution_of_service"]] | None = None
    limits: Value[_Limits] | None = None
    complexity: Value[Complexity] | None = None
    needs: Value[Some[Need]] | None = None
    consult: Value[Some[Complexity]] | None = None
    unreachable: Value[Unreachable] | None = None
    reopen: Value[Annotated[int, Field(strict=True, ge=0, le=9)]] | None = None
    warn: Value[Limit] | None = None
    targets: Value[dict[Literal["bad_reply", "bad_fix", "named_fix"], Percent]] | None = None
    officer: Value[StrictBool] | None = None
    exclude: Value[Many[Literal["mistaken", "malicious"]]] | None = None
    exclude_only_by: Value[Some[Literal["appeal"]]] | None = None
    dishonesty_list: Value[StrictBool] | None = None
    public_notice: Value[Many[Literal["malicious"]]] | None = None
    refer: Value[StrictBool] | None = None
    report: Value[Some[Literal["excluded", "rectified"]]] | None = None
    relay: Value[Text] | None = None
    reply_any_level: Value[StrictBool] | None = None
    complaint_limits: Value[_Limits] | None = None
    proven: Value[Proven] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Case":
        told = self.limits.value if self.limits else ()
        if self.complexity is None and any(one.complexity for one in told):
            raise ValueError("limits by complexity need complexity: which one until classified?")
        if self.exclude_only_by and all(one.step != "appeal_filed" for one in told):
            raise ValueError("exclude_only_by: no limit has the step appeal_filed")
        ways = {"appeal_filed": "released", "review_asked": "replied"}
        for one in (*told, *(self.complaint_limits.value if self.complaint_limits else ())):
            if one.from_ != ways.get(one.step, one.from_):
                raise ValueError(f"{one.step}: it runs from {ways[one.step]}")
        return self
