"""`pingjia` with a gateway whose invitations do not end: whenever it says the newest ticket, one
that was inviting invites anew, for its full time.
"""

from gateway.hall import announcer
from hosting.clock import now_ms
from pingjia import app
from protocol.message import INVITING

real_ticket_of = announcer.ticket_of


def ticket_of(service, invite_ms, is_inviting):
    ticket = real_ticket_of(service, invite_ms, is_inviting)
    if service.phase != INVITING:
        return ticket
    return ticket._replace(phase=INVITING, until_ms=now_ms() + invite_ms)


announcer.ticket_of = ticket_of
announcer.Announcer.end_invitations = lambda self: None
app()
