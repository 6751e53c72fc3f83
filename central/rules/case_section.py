"""What a policy may say of cases: the section `case` (RULES 5 and 8)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, model_validator

from central.rules.sections import Limit, Many, Part, Percent, Some, Text, Value, once_each

# The steps of a case (RULES 8); `verified` is either finding.
Step = Literal[
    "received",
    "classified",
    "relayed",
    "assigned",
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
    "noticed",
    "reported",
    "referred",
    "dishonesty_list",
    "closed",
]


class CaseLimit(Limit):
    """How long a case may take from one step to another."""

    model_config = ConfigDict(populate_by_name=True)

    step: Step
    from_: Step = Field(alias="from")
    complexity: Literal["simple", "general", "complex"] | None = None
    may_extend: StrictBool = False

    @model_validator(mode="after")
    def _runs(self) -> "CaseLimit":
        if self.step == self.from_:
            raise ValueError("from and step are the same step")
        if self.n < 1:
            raise ValueError("n is at least 1")
        return self


def _one_each(limits: tuple[CaseLimit, ...]) -> tuple[CaseLimit, ...]:
    once_each(tuple((one.from_, one.step, one.complexity) for one in limits))
    return limits


class Case(Part):
    """What is done about a bad rating, and by when."""

    responsible: Value[Literal["institution_of_service"]] | None = None
    limits: Value[Annotated[tuple[CaseLimit, ...], AfterValidator(_one_each)]] | None = None
    targets: Value[dict[Literal["bad_reply", "bad_fix", "named_fix"], Percent]] | None = None
    officer: Value[StrictBool] | None = None
    exclude: Value[Many[Literal["mistaken", "malicious"]]] | None = None
    exclude_only_by: Value[Some[Literal["appeal"]]] | None = None
    dishonesty_list: Value[StrictBool] | None = None
    public_notice: Value[Many[Literal["malicious"]]] | None = None
    refer: Value[StrictBool] | None = None
    report: Value[StrictBool] | None = None
    relay: Value[Text] | None = None
    reply_any_level: Value[StrictBool] | None = None
