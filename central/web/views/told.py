"""What is told of services, as requests have it: POST /v1/services, a rehearsal's facts."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from central.ratings.entry import Progress, Told, completing
from central.rules.calendar import number_of
from hosting.clock import CHINA
from protocol.field import Identifier, ProtocolError, place_id

_MOST_MS = 4_102_444_800_000  # 2100
_MOST_PROJECTS = 100


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
            if at.tzinfo is None:
                at = at.replace(tzinfo=CHINA)
            return round(at.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise ValueError(
                "write 2026-09-01 09:00 (China's time), or epoch milliseconds"
            ) from None
    return value


def _checked(check: Any) -> AfterValidator:
    def of(value: str) -> str:
        try:
            return check(value, "it")
        except ProtocolError as error:
            raise ValueError(f"{error}") from None

    return AfterValidator(of)


Instant = Annotated[int, BeforeValidator(_instant), Field(strict=True, ge=0, le=_MOST_MS)]
PlaceId = Annotated[str, Field(max_length=32), _checked(place_id)]
ServiceId = Annotated[str, Field(max_length=64), _checked(Identifier(64))]
ProjectNo = ServiceId
StaffNo = Annotated[str, Field(max_length=16), _checked(Identifier(16))]
Kind = Literal["single", "batch", "theme", "agent"]
Mode = Literal["per_visit", "per_matter", "survey"]
Channel = Literal["window", "on_site", "self_service", "web", "app", "phone", "sms", "written"]
What = Literal["invited", "expired", "accepted", "closed", "finished", "transferred", "no_show"]
_VISITS = ("window", "on_site")  # one rating a visit; elsewhere one a matter (S2 8, 9; S3 2, 14)


class Became(BaseModel, extra="forbid"):
    """What became of a service, and when. project_nos: of several projects, those that `finished`
    is about; empty for all.
    """

    what: What
    at: Instant
    project_nos: list[ProjectNo] = Field([], max_length=_MOST_PROJECTS)

    def progress(self) -> Progress:
        """As facts."""
        return Progress(self.what, self.at, tuple(self.project_nos))


class NewService(BaseModel, extra="forbid"):
    """A service. hall: the hall or platform. Instants: epoch milliseconds, or text, 2026-09-01
    09:00 in China's time.

    completes: a project's number; then the service is its completion: it has no id of its own,
    and `hall` may be left out where the project is known. mode: from the channel, unless said.
    matters: how many it is about. due_day: the last day of the time promised. participant: the
    rater's id as the business system has it; only an HMAC of it is kept.
    """

    hall: PlaceId | None = None
    service: ServiceId | None = None
    completes: ProjectNo | None = None
    channel: Channel = "window"
    mode: Mode | None = None
    kind: Kind = "single"
    window: PlaceId | None = None
    staff_no: StaffNo | None = None
    task_code: ServiceId | None = None
    project_nos: list[ProjectNo] = Field([], max_length=_MOST_PROJECTS)
    matters: int | None = Field(None, ge=1, le=1000)
    part_of: ServiceId | None = None
    opened_at: Instant | None = None
    due_day: date | None = None
    participant: str | None = Field(None, min_length=1, max_length=128)
    progress: list[Became] = Field([], max_length=7)

    @model_validator(mode="after")
    def _fits(self) -> "NewService":
        if (self.service is None) == (self.completes is None):
            raise ValueError("give service, its id, or completes, a project's number; not both")
        if self.service is not None and self.service.startswith("done-"):
            raise ValueError("service: done-… is the completion of a project: give completes")
        if self.service is not None and self.hall is None:
            raise ValueError("hall is needed: the hall or platform of the service")
        if self.completes is not None and (self.mode or self.project_nos or self.part_of):
            raise ValueError("completes goes without mode, project_nos and part_of")
        whats = [one.what for one in self.progress]
        if len(set(whats)) < len(whats):
            raise ValueError("progress: each kind once")
        return self

    def told(self, hall: str, participant: str | None) -> Told:
        """As facts. participant: its HMAC."""
        more = {
            "kind": self.kind,
            "channel": self.channel,
            "window": self.window,
            "staff_no": self.staff_no,
            "task_code": self.task_code,
            "opened_at_ms": self.opened_at,
            "due_day": None if self.due_day is None else number_of(self.due_day),
            "participant": participant,
        }
        if self.completes is not None:
            return completing(hall, self.completes, projects=self.matters or 1, **more)
        assert self.service is not None
        mode = self.mode or ("per_visit" if self.channel in _VISITS else "per_matter")
        project_nos = tuple(dict.fromkeys(self.project_nos))
        return Told(
            hall,
            self.service,
            mode,
            project_nos=project_nos,
            projects=self.matters or max(1, len(project_nos)),
            part_of=self.part_of,
            **more,
        )
