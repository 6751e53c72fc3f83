"""The centre's rules about halls that lie: what it files, and whom it names."""

from lying_values import (
    LACK,
    NEVER,
    PENDING,
    SUM,
    Enrolment,
    Head,
    LyingRules,
    Rating,
    State,
    World,
)


def file_head(rules: LyingRules, world: World, state: State, head: Head) -> State:
    """A head has come."""
    old = state.enrolments[head.epoch]
    new = old._replace(signed=max(old.signed, head.signed))
    if (head.seq, head.boot, head.shown) >= (old.seq, old.boot, old.shown):
        most, since = _lack(rules, state, old, head)
        new = new._replace(boot=head.boot, seq=head.seq, shown=head.shown)
        new = new._replace(most=most, lacking_since=since)
    if old.ended != NEVER and head.heard > old.ended:
        new = new._replace(end_seq=max(new.end_seq, head.seq))
    state = _with(state, head.epoch, _looked_over(rules, new, state.now))
    if rules.heads_heard and head.heard > old.proof:
        return prove(rules, world, state, head.epoch, head.heard)
    if not rules.heads_heard and head.signed > old.signed:
        return prove(rules, world, state, head.epoch, state.now)
    return state


def file_rating(rules: LyingRules, state: State, rating: Rating) -> State:
    """A rating has come."""
    old = state.enrolments[rating.epoch]
    new = old._replace(records=old.records | {rating.seq})
    awaited = state.awaited
    if rating.service != NEVER and rating.service not in state.documents:
        awaited |= {(rating.service, state.now)}
    counts_falsely = old.is_false and is_approved(rules, state, rating.epoch)
    return _with(state, rating.epoch, _looked_over(rules, new, state.now))._replace(
        awaited=awaited, falsely_counted=state.falsely_counted or counts_falsely
    )


def file_document(state: State, service: int) -> State:
    """A service's document has come; services are numbered from 0 in one book."""
    documents = state.documents | {service}
    is_whole = len(documents) == max(documents) + 1
    since = state.now if state.book_since == NEVER else state.book_since
    awaited = frozenset(one for one in state.awaited if one[0] != service)
    return state._replace(
        documents=documents, awaited=awaited, book_since=NEVER if is_whole else since
    )


def prove(rules: LyingRules, world: World, state: State, epoch: int | None, at: int) -> State:
    """A device has heard a receipt that was signed then; None: the other device of the hall."""
    total, proof, enrolments = state.hall_sum, state.hall_proof, state.enrolments
    if at > proof:
        passed = 0 if proof == NEVER else at - proof
        if passed > 1 and not rules.sum_goes_on:
            enrolments = tuple(one._replace(sum=total) for one in enrolments)
        total, proof = total + min(passed, max(1, world.carry)), at
    state = state._replace(hall_sum=total, hall_proof=proof, enrolments=enrolments)
    if epoch is None:
        return state
    old = state.enrolments[epoch]
    then = total - (proof - at) if rules.proofs_by_time else total  # at most this, at that time
    return _with(state, epoch, old._replace(proof=at, sum=max(old.sum, then)))


def is_approved(rules: LyingRules, state: State, epoch: int) -> bool:
    """Whether the ratings of an enrolment count."""
    if rules.enrolments_approved:
        return state.enrolments[epoch].is_approved
    return any(one.is_approved for one in state.enrolments)


def named(rules: LyingRules, world: World, state: State) -> str:
    """By which alarm the hall is named now; empty if it is not."""
    late = LACK + _carry(rules, world)
    for one in state.enrolments:
        if one.open_since != NEVER and state.now - one.open_since >= late:
            return "gap"
        if one.ended != NEVER and not _is_closed(rules, one):
            return "open_epoch"
        if one.lacking_since != NEVER and state.now - one.lacking_since >= late:
            return "documents_missing (shown)"
        is_late = rules.pending_is_told and state.now - one.began >= PENDING
        if is_late and not one.is_approved:
            return "pending_enrolment"
    if _is_silent(rules, world, state, state.enrolments[-1]):
        return "silent_device"
    if rules.facts_awaited and any(state.now - since >= late for _, since in state.awaited):
        return "facts_missing"
    if rules.numbers_counted and world.keeps_book and state.book_since != NEVER:
        return "documents_missing (number)" if state.now - state.book_since >= late else ""
    return ""


def _is_silent(rules: LyingRules, world: World, state: State, one: Enrolment) -> bool:
    if one.proof == NEVER and not rules.missed_from_start:
        return False
    carry = _carry(rules, world)
    if rules.sum_of_proofs and state.hall_sum - one.sum >= SUM + carry:
        return True
    since = max(one.began, one.proof)
    if not rules.sum_of_proofs and state.now - since >= SUM:
        return True
    if rules.downtime_is_no_silence:
        since += sum(unit >= since for unit in state.down)
    return rules.alone_is_missed and state.now - since >= world.alone + 2 * carry


def _carry(rules: LyingRules, world: World) -> int:
    return world.carry if rules.carries else 0


def _is_closed(rules: LyingRules, one: Enrolment) -> bool:
    if one.is_closed or not rules.epochs_stay_open:
        return True
    end_seq = one.end_seq if rules.ends_after_the_end else one.seq
    return rules.closes and end_seq != NEVER and _covered(one) >= end_seq


def _covered(one: Enrolment) -> int:
    covered = 0
    while covered + 1 in one.records:
        covered += 1
    return covered


def _looked_over(rules: LyingRules, one: Enrolment, now: int) -> Enrolment:
    """The enrolment, with since when something is missing."""
    claimed = max(one.records, default=0)
    if rules.heads_claim:
        claimed = max(claimed, one.seq)
    if _covered(one) >= claimed:
        return one._replace(open_since=NEVER)
    return one if one.open_since != NEVER else one._replace(open_since=now)


def _lack(rules: LyingRules, state: State, old: Enrolment, head: Head) -> tuple[int, int]:
    """most, lacking_since: documents are lacking when they are fewer beyond what was shown."""
    surplus = len(state.documents) - head.shown
    if not rules.shown_counted:
        return surplus, NEVER
    before = old.most
    if head.boot != old.boot:
        before = old.most + old.shown if rules.shown_over_starts else surplus
    most = max(surplus, before)
    if most == surplus:
        return most, NEVER
    is_new = old.lacking_since == NEVER or (head.boot != old.boot and not rules.shown_over_starts)
    return most, state.now if is_new else old.lacking_since


def _with(state: State, epoch: int, one: Enrolment) -> State:
    enrolments = state.enrolments
    return state._replace(enrolments=(*enrolments[:epoch], one, *enrolments[epoch + 1 :]))
