"""The link to the hall: what the device says, and what it is told (protocol/README.md, 4).

It never gives up and nobody waits for it: a new record leaves at once if there is a connection,
and everything above `hall`, up to which the hall says in its `ack` that it lacks nothing, is
offered again in rounds (SND-1). Next on a rating's way:
gateway/hall/custody.py takes it off the broker.
"""

import asyncio

from firmware.dialler import Dialler
from firmware.mqtt import LARGEST, Mqtt
from firmware.timing import RATINGS_A_DAY, happens
from protocol.field import ProtocolError
from protocol.limits import PROBLEMS
from protocol.mac import to_hex
from protocol.message import (
    INVITING,
    Ack,
    Clock,
    Find,
    State,
    Ticket,
    Will,
    decode_message,
    encode_message,
)
from protocol.settings import SettingsError
from protocol.topic import ACK, CLOCK, FIND, RECORD, SETTINGS, STATE, TICKET, topic

_REFUSED_SETTINGS = (
    "settings_unsigned",
    "settings_elsewhere",
    "settings_older",
    "settings_malformed",
)


class Link:
    """The device's side of its topics.

    board: what the dialler needs, tell_time(now_ms), random(n), ticks_ms, ticks_diff, log(text),
    find(seconds), free_memory().
    on_ticket(ticket, is_retained): called for every valid ticket, None for no service. on_time():
    called when the clock was set. on_settings(envelope): puts settings to use or raises
    SettingsError. on_freed(): called when a full journal has room again.
    """

    def __init__(
        self,
        board,
        bundle,
        journal,
        clock,
        timing,
        firmware,
        on_ticket,
        on_time,
        on_settings,
        on_freed,
    ):
        self._board = board
        self._bundle = bundle
        self._journal = journal
        self._clock = clock
        self._timing = timing
        self._firmware = firmware
        self._on_ticket = on_ticket
        self._on_time = on_time
        self._on_settings = on_settings
        self._on_freed = on_freed
        self._settings = 0  # version
        self._fresh = []  # envelopes journalled since they were last looked at
        self._cursor = None  # seq up to which this round has sent; None between rounds
        self._sent_in_round = False
        self._session = ""
        self._hall = None  # what the newest ack said, in RAM only (ACK-5)
        self._next_round = 0  # up_ms
        self._round_ms = timing.round_ms
        self._dialler = Dialler(board, bundle.mqtt, timing, self.report)
        self._buffer = bytearray(LARGEST)
        self._memory = board.free_memory()
        self._work = asyncio.Event()
        self._change = asyncio.Event()
        self._face = "standby"
        self._shown = self._invited = 0
        self.problems = []
        self.is_online = False

    def send(self, envelope: bytes):
        """Sends a new record at once if connected, else a round brings it; never waits."""
        if self.is_online and len(self._fresh) < self._timing.in_flight:  # the round has the rest
            self._fresh.append(envelope)
            self._work.set()

    def show(self, session):
        """Tells the hall what the face shows, and in heads how many services were shown."""
        self._shown, self._invited = session.shown, session.invited
        if session.face != self._face:
            self._face = session.face
            self._change.set()

    def use_settings(self, settings):
        """Tells the hall which version of the settings is in use: the centre's acknowledgement.
        What they say of the broker counts from the next connection on.
        """
        self._settings, self._dialler.further = settings.version, settings.broker
        self._change.set()

    def report(self, problem: str, is_there: bool = True):
        """Adds a word to the problems in `state`, or takes it away."""
        if is_there != (problem in self.problems):
            if is_there:
                self.problems = (self.problems + [problem])[-PROBLEMS:]
                self._board.log(f"problem: {problem}")
            else:
                self.problems = [known for known in self.problems if known != problem]
            self._change.set()

    async def run(self):
        """Connects, again and again, with back-off; ends only by JournalDamageError."""
        await self._dialler.run(self._serve, self._end)

    def _end(self):
        self.is_online = False

    async def _serve(self, stream, host):
        broker, timing, board = self._bundle.mqtt, self._timing, self._board
        limits = timing.in_flight, timing.puback_ms
        mqtt = Mqtt(stream, self._buffer, board.ticks_ms, board.ticks_diff, *limits)
        self._session = to_hex(board.random(8))
        will = encode_message(Will(False, self._session))
        login = mqtt.connect(
            broker.username, broker.password, timing.keep_alive_s, self._topic(STATE), will
        )
        await asyncio.wait_for_ms(login, timing.connect_ms)
        self._journal.begin(self._clock.up_ms(), self._clock.at())
        self.start_rounds()
        names = TICKET, ACK, CLOCK, FIND, SETTINGS
        asking = mqtt.subscribe([self._topic(name) for name in names])
        await asyncio.wait_for_ms(asking, timing.connect_ms)
        self.is_online = True
        board.log(f"connected: {self._bundle.hall} at {host}")
        await _first_end(
            mqtt.run(self.take, self.take_grant),
            mqtt.keep_alive(timing.keep_alive_s),
            mqtt.watch(timing.keep_alive_s),
            self._tell_state(mqtt),
            self._send_records(mqtt),
        )

    def start_rounds(self):
        """A new connection: what the hall holds is not known until its first ack (ACK-5)."""
        self._hall = self._cursor = None
        self._fresh = []  # the first round has them
        self._round_ms = self._timing.round_ms
        self._next_round = self._clock.up_ms() + self._timing.answer_ms

    # Telling

    async def _tell_state(self, mqtt):
        while True:
            self._change.clear()
            await mqtt.publish(self._topic(STATE), encode_message(self._state()), retain=True)
            if not await happens(self._change, self._timing.state_ms):
                self._memory = self._board.free_memory()  # at rest: no rating's trace is in it

    def _state(self):
        journal = self._journal
        head = journal.head(self._clock.up_ms(), self._shown, self._invited)
        return State(
            online=True,
            session=self._session,
            firmware=self._firmware,
            epoch=self._bundle.identity.epoch,
            seq=journal.seq,
            first=journal.first(),
            receipt=journal.receipt(),
            head=None if head is None else head.decode(),
            free=journal.free(),
            capacity=journal.capacity(),
            capacity_days=journal.capacity() // RATINGS_A_DAY,
            clock=self._clock.quality(),
            face=self._face,
            settings=self._settings,
            problems=tuple(self.problems),
            memory=self._memory,
        )

    async def _send_records(self, mqtt):
        while True:
            self._work.clear()
            envelope = self.next_envelope()
            if envelope is not None:
                await mqtt.publish(self._topic(RECORD), envelope)
                continue
            wait_ms = max(1, self._next_round - self._clock.up_ms())
            await happens(self._work, wait_ms)

    def next_envelope(self):
        """The next record to send: new ones first, then the round's; None when there is none."""
        if self._fresh:
            return self._fresh.pop(0)
        if self._cursor is None:
            if self._clock.up_ms() < self._next_round:
                return None
            self._cursor = self._journal.first() - 1 if self._hall is None else self._hall
            self._sent_in_round = False
        held = self._journal.after(max(self._cursor, self._hall or 0), 1)
        if held:
            self._cursor = held[0][0]
            self._sent_in_round = True
            return held[0][1]
        self._cursor = None
        self._next_round = self._clock.up_ms() + self._round_ms
        if self._sent_in_round:  # and it may have been for nothing: the next one comes later
            self._round_ms = min(self._round_ms * 2, self._timing.round_max_ms)
        return None

    # Being told

    def take(self, name, payload, is_retained=False):
        """Takes a message that came on the topic `name`; is_retained: the broker had kept it.

        A bad one is reported until a good one comes, never raised.
        """
        problem = f"bad_{name.split('/')[-1]}"
        try:
            if name == self._topic(TICKET):
                ticket = decode_message(Ticket, payload) if payload else None  # no service
                self._on_ticket(ticket, is_retained)
            elif name == self._topic(ACK):
                self._take_ack(decode_message(Ack, payload))
            elif name == self._topic(CLOCK):
                was = self._clock.quality()
                now_ms = decode_message(Clock, payload).now_ms
                self._clock.set(now_ms)
                self.report("tls_expired", self._board.tell_time(now_ms))
                if was != "good":
                    self._board.log("the hall told the time")
                    self._change.set()
                self._on_time()
            elif name == self._topic(FIND):
                seconds = decode_message(Find, payload).seconds
                if self._face != INVITING:  # those lamps are the citizen's
                    self._board.find(seconds)
            elif name == self._topic(SETTINGS) and payload:  # empty: withdrawn, what is used stays
                self._take_settings(payload)
        except ProtocolError as error:
            self._board.log(f"refused what came on {name}: {error.subject} {error.rule or ''}")
            self.report(problem)
        else:
            self.report(problem, False)

    def take_grant(self, is_granted: bool):
        """The broker's word on the subscriptions. Raises OSError where it refuses one: without
        them a device hears nothing, and only another connection may be answered better.
        """
        self.report("subscribe_refused", not is_granted)
        if not is_granted:
            raise OSError("the broker refuses a subscription")
        self._dialler.take_grant()

    def _take_settings(self, payload):
        """What is in use stays in use when a bad envelope comes (SET-2)."""
        for problem in _REFUSED_SETTINGS:
            self.report(problem, False)
        try:
            self._on_settings(payload)
        except SettingsError as error:
            self.report(error.problem)
            raise

    def _take_ack(self, ack):
        if ack.epoch != self._bundle.identity.epoch:
            return
        if self._hall is None or ack.hall < self._hall or ack.hall >= self._journal.seq:
            self._round_ms = self._timing.round_ms  # what fell back, or all is well: start afresh
        if self._hall is None:
            self._next_round = self._clock.up_ms()
        self._hall = ack.hall
        if ack.hall < self._journal.seq:
            latest = self._clock.up_ms() + self._round_ms
            self._next_round = min(self._next_round, latest)
        self._work.set()
        if ack.receipt is not None:
            was_full = self._journal.is_full()
            is_good = self._journal.take_receipt(ack.receipt)
            self.report("bad_receipt", not is_good)
            if not is_good:
                # What the hall holds under our seqs may be another board's (RCT-2).
                self._hall = min(self._hall, self._journal.receipt_seq())
            if was_full and not self._journal.is_full():
                self._on_freed()

    def _topic(self, name):
        return topic(self._bundle.hall, self._bundle.identity.device, name)


async def _first_end(*coroutines):
    """Runs coroutines together until one ends or fails, ends the others, and raises its error."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
