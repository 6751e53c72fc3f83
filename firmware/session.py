"""The session at a window: one table says what a device does next, and how it answers a press.

Everything that changes the state stands in this file; docs/citizen.md shows the table as a
diagram (docs/session_diagram.py). A pair that is not in it is ignored on purpose. No row knows
which key it was: the five levels have one path. Next on a rating's way: firmware/app.py journals
a press that counts.
"""

from protocol.message import CLOSED, INVITING

STANDBY = "standby"  # nobody is being served, or the service has been rated
SERVING = "serving"  # a ticket is shown; a press means nothing yet
INVITED = "inviting"  # lamps on: the first press counts
THANKING = "thanking"  # the rating is durable; the same for every level
ASKING = "asking"  # why? keys 1 to 5 are reasons; silence is an answer too
OUT_OF_SERVICE = "out_of_service"  # the journal cannot take a rating; said so on the face
STARTING = "starting"  # the journal is being read; no session yet
TECHNICIAN = "technician"  # keys 1 and 5 were held at the start: every key is tried once

# Answers to a press that changes no face, or that needs more than the new face says.
NOT_NOW = "not_now"  # too early, too late, or held since before the lamps went on
ONE_KEY = "one_key"  # two keys at once
NOTED = "noted"  # a reason is durable
TRIED = "tried"  # a technician's press

TABLE = {
    (STANDBY, "serve"): (SERVING, None),
    (STANDBY, "invite"): (INVITED, None),
    (STANDBY, "press"): (STANDBY, NOT_NOW),
    (STANDBY, "chord"): (STANDBY, NOT_NOW),
    (SERVING, "serve"): (SERVING, None),
    (SERVING, "invite"): (INVITED, None),
    (SERVING, "close"): (STANDBY, None),
    (SERVING, "press"): (SERVING, NOT_NOW),
    (SERVING, "chord"): (SERVING, NOT_NOW),
    (INVITED, "serve"): (SERVING, None),
    (INVITED, "invite"): (INVITED, None),  # another one
    (INVITED, "close"): (STANDBY, None),
    (INVITED, "expire"): (SERVING, None),
    (INVITED, "rate"): (THANKING, None),
    (INVITED, "held"): (INVITED, NOT_NOW),  # it went down before the lamps went on
    (INVITED, "chord"): (INVITED, ONE_KEY),
    # While it thanks, a device shows nothing else: a second press is answered by the thanks going
    # on, and the newest ticket is taken up afterwards.
    (THANKING, "press"): (THANKING, None),
    (THANKING, "chord"): (THANKING, None),
    (THANKING, "ask"): (ASKING, None),
    (THANKING, "end"): (STANDBY, None),
    # Only another citizen's ticket ends the question early; the clerk who closes the service that
    # was rated does not.
    (ASKING, "serve"): (SERVING, None),
    (ASKING, "invite"): (INVITED, None),
    (ASKING, "reason"): (STANDBY, NOTED),
    (ASKING, "end"): (STANDBY, None),
    (ASKING, "held"): (ASKING, NOT_NOW),
    (ASKING, "chord"): (ASKING, ONE_KEY),
    # A thanks that filled the journal is finished first.
    (STANDBY, "fail"): (OUT_OF_SERVICE, None),
    (SERVING, "fail"): (OUT_OF_SERVICE, None),
    (INVITED, "fail"): (OUT_OF_SERVICE, None),
    (ASKING, "fail"): (OUT_OF_SERVICE, None),
    (OUT_OF_SERVICE, "mend"): (STANDBY, None),
    (OUT_OF_SERVICE, "press"): (OUT_OF_SERVICE, NOT_NOW),
    (OUT_OF_SERVICE, "chord"): (OUT_OF_SERVICE, NOT_NOW),
    (STANDBY, "maintain"): (TECHNICIAN, None),
    (TECHNICIAN, "press"): (TECHNICIAN, TRIED),
    (TECHNICIAN, "chord"): (TECHNICIAN, ONE_KEY),
    (TECHNICIAN, "end"): (STANDBY, None),
}

LINGER_MS = 60000  # who chooses among reasons may take so long in all
REMEMBERED = 16  # services; a retained ticket must not invite twice (TKT-1)


class Session:
    """Values in, values out: no pin, no clock, no network.

    rated: ids of the services last rated, oldest first, as read back from the journal. thanks_ms,
    why_ms: how long it thanks and asks; why_ms 0 asks nobody. test_ms: how long a technician has.
    """

    def __init__(self, rated, thanks_ms, why_ms, test_ms):
        self.table = TABLE
        self.face = STANDBY
        self.ticket = None  # the one that the face is about
        self.thanks_ms = thanks_ms
        self.why_ms = why_ms
        self._test_ms = test_ms
        self.shown = self.invited = 0  # services since the start, as a head has them
        self._newest = None
        self._has_ticket = False  # one came since the start
        self._is_retained = False  # the broker had kept the newest
        self._hall_ms = None  # what has to be added to now_ms for the hall's clock
        self._begun = None  # (service, until_ms) of the invitation begun last
        self._invite_ms = 0  # how long it stands
        self._told = self._asked = None  # the service counted last as shown, as invited
        self._rated = list(rated)[-REMEMBERED:]
        self._entered_ms = self._since_ms = 0  # when the face was entered, and last lingered on

    def take_ticket(self, ticket, now_ms: int, is_retained=False):
        """The newest ticket counts (TKT-1), None for no service. is_retained: by the broker."""
        if ticket is not None:
            self._count(ticket, is_retained and not self._has_ticket)
        self._has_ticket = True
        self._newest, self._is_retained = ticket, is_retained
        self._follow_ticket(now_ms)

    def take_time(self, hall_ms: int, now_ms: int):
        """The hall's clock is told: hall_ms has to be added to now_ms."""
        was_unknown, self._hall_ms = self._hall_ms is None, hall_ms
        if was_unknown and self.face in (STANDBY, SERVING):
            self._follow_ticket(now_ms)  # an invitation that was kept may still stand

    def _count(self, ticket, was_before):
        """was_before: it may be what an earlier start was shown."""
        if ticket.phase == CLOSED:
            return
        if ticket.service != self._told:
            self._told = ticket.service
            self.shown += not was_before
        if ticket.phase == INVITING and ticket.service != self._asked:
            self._asked = ticket.service
            self.invited += not was_before

    def accept(self, closed_at_ms: int, now_ms: int) -> bool:
        """Whether a press at closed_at_ms counts, as a rating if INVITED, as a reason if ASKING.

        A key that was down before the face is no press, and neither is one after its end (TKT-2).
        """
        self.tick(now_ms)
        return self.face in (INVITED, ASKING) and closed_at_ms >= self._since_ms

    def refuse(self, now_ms: int):
        """A press counts for nothing; gives the answer."""
        return self._event("held" if self.face in (INVITED, ASKING) else "press", now_ms)

    def refuse_chord(self, now_ms: int):
        """Two keys count for nothing; gives the answer."""
        self.tick(now_ms)
        return self._event("chord", now_ms)

    def took_ms(self, closed_at_ms: int) -> int:
        """How long the citizen took, from the invitation to the press."""
        return closed_at_ms - self._since_ms

    def rate(self, now_ms: int):
        """The rating that was accepted is durable."""
        if self.ticket is not None:
            self._rated = (self._rated + [self.ticket.service])[-REMEMBERED:]
            self._event("rate", now_ms)

    def reason(self, now_ms: int):
        """The reason that was accepted is durable; gives the answer."""
        answer = self._event("reason", now_ms)
        self._follow_ticket(now_ms)
        return answer

    def linger(self, now_ms: int):
        """The citizen is choosing reasons: the question stands as long again, LINGER_MS in all."""
        if self.face == ASKING and now_ms - self._entered_ms < LINGER_MS:
            self._since_ms = now_ms

    def skip(self, now_ms: int):
        """The citizen gives no reason, and says so instead of waiting."""
        if self.face == ASKING:
            self._event("end", now_ms)
            self._follow_ticket(now_ms)

    def fail(self, now_ms: int):
        """The journal cannot take a rating."""
        self._event("fail", now_ms)

    def mend(self, now_ms: int):
        """The journal takes ratings again; the newest ticket is taken up."""
        if self.face == OUT_OF_SERVICE:
            self._event("mend", now_ms)
            self._follow_ticket(now_ms)

    def maintain(self, now_ms: int):
        """The technician has come."""
        self._event("maintain", now_ms)

    def leave(self, now_ms: int):
        """The technician's test is over."""
        if self.face == TECHNICIAN:
            self._event("end", now_ms)
            self._follow_ticket(now_ms)

    def tick(self, now_ms: int):
        """Lets time pass."""
        left_ms = self.left_ms(now_ms)
        if left_ms is None or left_ms > 0:
            return
        if self.face == INVITED:
            self._event("expire", now_ms)
        elif self.face == THANKING and self.why_ms and self._is_over():
            self._event("ask", now_ms)
        else:
            self._event("end", now_ms)
            self._follow_ticket(now_ms)

    def left_ms(self, now_ms: int):
        """Milliseconds until `tick` will change the face, or None."""
        last_ms = None
        if self.face == INVITED and self.ticket is not None:
            last_ms = self._invite_ms
        elif self.face == THANKING:
            last_ms = self.thanks_ms
        elif self.face == ASKING:
            last_ms = self.why_ms
        elif self.face == TECHNICIAN:
            last_ms = self._test_ms
        return None if last_ms is None else max(0, self._since_ms + last_ms - now_ms)

    def _follow_ticket(self, now_ms):
        if self.face in (THANKING, OUT_OF_SERVICE, TECHNICIAN):
            return  # it is taken up afterwards
        newest = self._newest
        if self.face == INVITED and self._is_begun(newest):
            return  # a repeat must not extend the invitation
        is_over = self._is_over()
        if self.face == ASKING and is_over:
            return
        self.ticket = newest
        if newest is None or is_over:
            self._event("close", now_ms)
            return
        invite_ms = self._stands_ms(newest, now_ms)
        if invite_ms > 0:
            self._begun, self._invite_ms = (newest.service, newest.until_ms), invite_ms
            self._event("invite", now_ms)
        else:
            self._event("serve", now_ms)

    def _stands_ms(self, ticket, now_ms):
        """How long a ticket invites from now on; 0 if it does not, or no more (TKT-5)."""
        if ticket.phase != INVITING or self._is_begun(ticket):
            return 0
        if not self._is_retained:
            return ticket.invite_ms
        if self._hall_ms is None or ticket.until_ms is None:
            return 0
        left_ms = ticket.until_ms - now_ms - self._hall_ms
        return left_ms if left_ms <= ticket.invite_ms else 0

    def _is_begun(self, ticket):
        """Whether a ticket is the invitation that was begun last."""
        if ticket is None or ticket.phase != INVITING:
            return False
        return self._begun == (ticket.service, ticket.until_ms)

    def _is_over(self):
        newest = self._newest
        return newest is None or newest.phase == CLOSED or newest.service in self._rated

    def _event(self, event, now_ms):
        row = self.table.get((self.face, event))
        if row is None:
            return None
        face, answer = row
        if face != self.face or event == "invite":
            self.face = face
            self._entered_ms = self._since_ms = now_ms
        return answer
