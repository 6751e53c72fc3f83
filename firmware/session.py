"""The session at a window: one table says what a device does next, and when a press counts.

Everything that changes the state stands in this file. A pair that is not in the table is ignored
on purpose. Next on a rating's way: firmware/app.py journals a press that counts.
"""

from protocol.message import CLOSED, INVITING

STANDBY = "standby"  # nobody is being served, or the service has been rated
SERVING = "serving"  # a ticket is shown; a press means nothing yet
ASKING = "inviting"  # lamps on: the first press counts
THANKING = "thanking"  # the rating is durable; the same for every level
OUT_OF_SERVICE = "out_of_service"  # the journal cannot take a rating; said so on the face

TABLE = {
    (STANDBY, "serve"): SERVING,
    (STANDBY, "invite"): ASKING,
    (SERVING, "serve"): SERVING,
    (SERVING, "invite"): ASKING,
    (SERVING, "close"): STANDBY,
    (ASKING, "serve"): SERVING,
    (ASKING, "invite"): ASKING,
    (ASKING, "close"): STANDBY,
    (ASKING, "expire"): SERVING,
    (ASKING, "rate"): THANKING,
    # While it thanks, a device shows nothing else; the newest ticket is taken up afterwards.
    (THANKING, "end"): STANDBY,
    (STANDBY, "fail"): OUT_OF_SERVICE,
    (SERVING, "fail"): OUT_OF_SERVICE,
    (ASKING, "fail"): OUT_OF_SERVICE,
    (THANKING, "fail"): OUT_OF_SERVICE,
    (OUT_OF_SERVICE, "mend"): STANDBY,
}

REMEMBERED = 16  # services; a retained ticket must not invite twice (TKT-1)


class Session:
    """Values in, values out: no pin, no clock, no network.

    rated: ids of the services last rated, oldest first, as read back from the journal.
    """

    def __init__(self, rated, thanks_ms):
        self.face = STANDBY
        self.ticket = None  # the one that the face is about
        self._newest = None
        self._rated = list(rated)[-REMEMBERED:]
        self._thanks_ms = thanks_ms
        self._since_ms = 0  # when the face was entered

    def take_ticket(self, ticket, now_ms: int):
        """The newest ticket counts (TKT-1)."""
        is_repeat = ticket == self._newest
        self._newest = ticket
        if not (is_repeat and self.face == ASKING):  # a repeat must not extend the invitation
            self._follow_ticket(now_ms)

    def accept(self, closed_at_ms: int, now_ms: int):
        """The ticket that a press at closed_at_ms rates, or None if it counts for nothing.

        A key that was down before the invitation is no press, and neither is one after its end
        (TKT-2).
        """
        self.tick(now_ms)
        if self.face != ASKING or closed_at_ms < self._since_ms:
            return None
        return self.ticket

    def took_ms(self, closed_at_ms: int) -> int:
        """How long the citizen took, from the invitation to the press."""
        return closed_at_ms - self._since_ms

    def rate(self, now_ms: int):
        """The press that was accepted is durable."""
        if self.ticket is not None:
            self._rated = (self._rated + [self.ticket.service])[-REMEMBERED:]
            self._event("rate", now_ms)

    def fail(self, now_ms: int):
        """The journal cannot take a rating."""
        self._event("fail", now_ms)

    def mend(self, now_ms: int):
        """The journal takes ratings again; the newest ticket is taken up."""
        if self.face == OUT_OF_SERVICE:
            self._event("mend", now_ms)
            self._follow_ticket(now_ms)

    def tick(self, now_ms: int):
        """Lets time pass."""
        left_ms = self.left_ms(now_ms)
        if left_ms is None or left_ms > 0:
            return
        if self.face == ASKING:
            self._event("expire", now_ms)
        else:
            self._event("end", now_ms)
            self._follow_ticket(now_ms)

    def left_ms(self, now_ms: int):
        """Milliseconds until `tick` will change the face, or None."""
        if self.face == ASKING and self.ticket is not None:
            return max(0, self._since_ms + self.ticket.invite_ms - now_ms)
        if self.face == THANKING:
            return max(0, self._since_ms + self._thanks_ms - now_ms)
        return None

    def _follow_ticket(self, now_ms):
        if self._newest is None or self.face in (THANKING, OUT_OF_SERVICE):
            return  # it is taken up afterwards
        self.ticket = self._newest
        if self.ticket.phase == CLOSED or self.ticket.service in self._rated:
            self._event("close", now_ms)
        elif self.ticket.phase == INVITING:
            self._event("invite", now_ms)
        else:
            self._event("serve", now_ms)

    def _event(self, event, now_ms):
        face = TABLE.get((self.face, event))
        if face is not None:
            self.face = face
            self._since_ms = now_ms
