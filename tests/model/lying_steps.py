"""What can happen to a hall's devices, and what its hall does: (words, the next state).

A hall that lies may do any step at any time, or never. One that is honest does what it can before
time goes on, but may be closed, and restart its devices; then the centre may be down.
"""

from collections.abc import Iterator

from lying_centre import file_document, file_head, file_rating, is_approved, named, prove
from lying_values import (
    LACK,
    NEVER,
    SUM,
    Device,
    Enrolment,
    Head,
    LyingRules,
    Rating,
    Shown,
    State,
    World,
)

Step = tuple[str, State]


def start(world: World) -> State:
    """A device whose enrolment and first head have come."""
    return State(0, Device(0, 0, 0, 0, 0, NEVER), (Enrolment(0, True, proof=0),), hall_proof=0)


def steps(rules: LyingRules, world: World, state: State) -> Iterator[Step]:
    """Every step that is possible from `state`."""
    found = _honest(rules, world, state) if world.is_honest else _lying(rules, world, state)
    for words, after in found:
        if not world.is_honest:
            after = _with_head(rules, world, after)
        if after.now > state.now and named(rules, world, after):
            after = after._replace(named_at=after.now)
        yield words, after


def is_lost(rules: LyingRules, state: State, rating: Rating) -> bool:
    """Whether the centre does not hold it, or does not count it; an operator's word on an epoch is
    the end of what it owes.
    """
    if state.enrolments[rating.epoch].is_closed:
        return False
    is_held = rating.seq in state.enrolments[rating.epoch].records
    return not (is_held and is_approved(rules, state, rating.epoch))


def is_owed(world: World, state: State, shown: Shown) -> bool:
    """Whether a document is missing that the centre can know of: it was rated, or later numbers of
    its book have come, or its device has not been cut off before it told what it was shown.
    """
    if shown.service in state.documents:
        return False
    is_rated = any(one.service == shown.service for one in state.ratings)
    is_later = any(service > shown.service for service in state.documents)
    return is_rated or is_later or not (world.keeps_book and state.cuts)


def is_anything_lost(rules: LyingRules, world: World, state: State) -> bool:
    """Whether anything is missing at this moment."""
    return any(is_lost(rules, state, one) for one in state.ratings) or any(
        is_owed(world, state, one) for one in state.services
    )


# A hall that lies


def _lying(rules: LyingRules, world: World, state: State) -> Iterator[Step]:
    now = state.now
    if now > world.until and not is_anything_lost(rules, world, state):
        return  # whatever it does, nothing can be missing any more
    if now < world.last:
        yield "an hour goes by", _hour(state)
    if state.stage == 0:
        yield from _at_the_window(rules, world, state)
        if state.device.heard < now:
            yield "the device gets a receipt of now", _heard(state)
        if now <= world.until and len(state.enrolments) <= world.enrolments:
            yield from _enrolled(world, state)
    for stage, words, after in _told(rules, world, state):
        if stage >= state.stage:
            yield words, after._replace(stage=stage)


def _told(rules: LyingRules, world: World, state: State) -> Iterator[tuple[int, str, State]]:
    """What the centre may be told: (when in an hour, words, the next state)."""
    for head in state.hoard:
        yield 1, f"the hall shows {_of(head)}", file_head(rules, world, state, head)
    for one in state.ratings:
        if one.seq not in state.enrolments[one.epoch].records:
            yield 2, f"the hall sends {_name(one)}", file_rating(rules, state, one)
    for one in state.services:
        if one.service not in state.documents:
            words = f"the hall sends the document of service {one.service}"
            yield 3, words, file_document(state, one.service)
    if world.has_other and state.others_at < state.now:
        yield 4, "the other device is proven fresh", _other_proven(rules, world, state)
    for epoch, one in enumerate(state.enrolments):
        if not one.is_approved and not one.is_false:
            approved = _changed(state, epoch, one._replace(is_approved=True))
            yield 5, f"the province approves enrolment {epoch}", approved
        if one.ended != NEVER and not one.is_closed and world.has_operator:
            closed = _changed(state, epoch, one._replace(is_closed=True))
            yield 5, f"an operator closes enrolment {epoch}", closed
        if one.is_false and not one.records:
            rating = Rating(epoch, 1, NEVER, state.now)
            yield 5, "the hall rates itself", file_rating(rules, state, rating)


def _at_the_window(rules: LyingRules, world: World, state: State) -> Iterator[Step]:
    device, now = state.device, state.now
    may_rate = device.service != NEVER if world.services else True
    is_early = now <= world.until
    if is_early and len(state.ratings) < world.presses and may_rate:
        rating = Rating(device.epoch, device.seq + 1, device.service, now)
        pressed = device._replace(seq=rating.seq, service=NEVER)
        after = state._replace(device=pressed, ratings=(*state.ratings, rating))
        yield f"{_name(rating)} is thanked", after
    service = len(state.services)
    if is_early and service < world.services:
        place = device.shown + 1
        shown = Shown(service, now, device.epoch, device.boot, place)
        after = device._replace(shown=place, service=service)
        yield (
            f"service {service} is shown",
            state._replace(device=after, services=(*state.services, shown)),
        )
    one = state.enrolments[device.epoch]
    has_come = (one.boot, one.shown) == (device.boot, device.shown)
    if state.cuts < world.cuts and (world.keeps_book or world.is_honest or has_come):
        after = device._replace(boot=device.boot + 1, shown=0, service=NEVER)
        yield "power cut", state._replace(device=after, cuts=state.cuts + 1)


def _enrolled(world: World, state: State) -> Iterator[Step]:
    ended = _ended(state, state.now)
    device = Device(len(state.enrolments), 0, 0, 0, NEVER, NEVER)
    for is_approved_at_once in (True, False):
        new = Enrolment(state.now, is_approved_at_once, sum=state.hall_sum)
        words = "the province enrols" if is_approved_at_once else "a technician enrols"
        after = ended._replace(device=device, enrolments=(*ended.enrolments, new))
        yield f"{words} the device anew", after
    if world.invents:
        new = Enrolment(state.now, False, is_false=True, sum=state.hall_sum)
        after = ended._replace(enrolments=(*ended.enrolments, new))
        yield "the hall enrols a board of its own as the device", after


# One that is honest


def _honest(rules: LyingRules, world: World, state: State) -> Iterator[Step]:
    now, is_up = state.now, _is_up(state)
    is_visit = world.carry == 0 or now % world.carry == 0
    may_exchange = state.is_open and is_up and is_visit
    is_done = state.device.heard == now if world.carry else _own(state).proof == now
    is_done = is_done and (state.others_at == now or not world.has_other)
    if now < world.last and (is_done or not may_exchange):
        is_shut_too_long = not state.is_open and now - _own(state).proof >= world.alone - 1
        if not is_shut_too_long or not is_up:
            yield "an hour goes by", _hour(state)
    if may_exchange and not is_done:
        if world.has_other and state.others_at < now:
            yield "the other device is proven fresh", _other_proven(rules, world, state)
        if state.device.heard < now or _own(state).proof < now:
            yield "the hall and the centre tell each other all", _exchanged(rules, world, state)
    if state.is_open:
        yield from _at_the_window(rules, world, state)
    # Where one device can speak, all can: no hour ends between them.
    has_begun, is_own_done = state.others_at == now, _own(state).proof == now
    may_end = not world.has_other or has_begun == is_own_done
    if world.closures and is_up and may_end:
        words = "the hall closes" if state.is_open else "the hall opens"
        yield words, state._replace(is_open=not state.is_open)
    if is_up and may_end and len(state.down) < world.outages:
        yield "the centre goes down for this hour", state._replace(down=(*state.down, now))
    if may_exchange and len(state.enrolments) <= world.enrolments:
        yield "the bench enrols the device anew", _rescued(rules, world, state)


def _is_up(state: State) -> bool:
    return state.now not in state.down


def _exchanged(rules: LyingRules, world: World, state: State) -> State:
    """Documents, ratings and the head go up, and a receipt comes back."""
    for one in state.services:
        if one.service not in state.documents:
            state = file_document(state, one.service)
    for rating in state.ratings:
        if rating.seq not in state.enrolments[rating.epoch].records:
            state = file_rating(rules, state, rating)
    return _heard(file_head(rules, world, state, _head(rules, state)))


def _rescued(rules: LyingRules, world: World, state: State) -> State:
    """The bench brings what the device holds, and its head after a receipt from after the end,
    which was in the hour before.
    """
    ended = _ended(_exchanged(rules, world, state), state.now - 1)
    ended = file_head(rules, world, ended, _head(rules, ended))
    new = Enrolment(state.now, True, sum=ended.hall_sum)
    device = Device(len(state.enrolments), 0, 0, 0, NEVER, NEVER)
    return ended._replace(device=device, enrolments=(*ended.enrolments, new))


# Both


def _hour(state: State) -> State:
    now = state.now + 1
    named_at = state.named_at if now - state.named_at < LACK else NEVER
    return state._replace(now=now, stage=0, named_at=named_at)


def _other_proven(rules: LyingRules, world: World, state: State) -> State:
    """The other device of the hall has heard a receipt of now; of the last visit, if files are
    carried.
    """
    ratings = tuple(_beside_fresh(state, one) for one in state.ratings)
    at = state.now - world.carry
    state = state._replace(others_at=state.now, ratings=ratings)
    return prove(rules, world, state, None, at) if at >= 0 else state


def _beside_fresh(state: State, one: Rating) -> Rating:
    """The rating, when the other device is proven fresh now."""
    if state.others_at == NEVER or one.ripe_at != NEVER:
        return one
    others = one.others + min(state.now - max(state.others_at, one.at), 1)
    return one._replace(others=others, ripe_at=state.now if others >= SUM else NEVER)


def _own(state: State) -> Enrolment:
    return state.enrolments[state.device.epoch]


def _heard(state: State) -> State:
    return state._replace(device=state.device._replace(heard=state.now))


def _ended(state: State, at: int) -> State:
    epoch = len(state.enrolments) - 1
    return _changed(state, epoch, state.enrolments[epoch]._replace(ended=at))


def _changed(state: State, epoch: int, one: Enrolment) -> State:
    enrolments = state.enrolments
    return state._replace(enrolments=(*enrolments[:epoch], one, *enrolments[epoch + 1 :]))


def _head(rules: LyingRules, state: State) -> Head:
    device = state.device
    signed = NEVER if rules.heads_heard else state.now  # only a weakened centre looks at it
    return Head(device.epoch, device.boot, device.seq, device.shown, device.heard, signed)


def _with_head(rules: LyingRules, world: World, state: State) -> State:
    """With the head that the device signs now, if that is of any use to a hall that lies: of those
    that have heard the same, the first claims least; of those that claim the same, when nobody
    rates any more, the last proves most; one that proves nothing new only claims.
    """
    head = _head(rules, state)
    hoard = state.hoard
    known = {(one.epoch, one.boot, one.heard, one.signed) for one in hoard}
    if (head.epoch, head.boot, head.heard, head.signed) not in known:
        if state.now > world.until:
            hoard = frozenset(one for one in hoard if one[:4] != head[:4])
        hoard |= {head}
    hoard = frozenset(one for one in hoard if _is_news(state.enrolments[one.epoch], one))
    return state if hoard == state.hoard else state._replace(hoard=hoard)


def _is_news(one: Enrolment, head: Head) -> bool:
    return head.heard > one.proof or head.signed > one.signed


def _of(head: Head) -> str:
    return f"a head: {head.seq} ratings, {head.shown} shown, heard {head.heard}"


def _name(rating: Rating) -> str:
    return f"rating {rating.seq} of enrolment {rating.epoch}"
