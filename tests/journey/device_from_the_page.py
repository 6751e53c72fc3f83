"""A device written from protocol/README.md alone: the standard library and paho, nothing of ours.

    python device_from_the_page.py BUNDLE.json FOLDER LEVEL

One start of a device whose journal is in FOLDER, made if it is not there (the enrolment). It rates
the first invitation with LEVEL, says so ("thanks"), says when the hall holds all of it ("held"),
and ends when the centre's receipt covers all of it, which it prints. It shows no words, asks
nobody and frees nothing, all of which the page allows. Section numbers are the page's.
"""

import hashlib
import hmac
import json
import os
import queue
import random
import secrets
import signal
import ssl
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho

N = 64  # records in a segment
PATIENCE_S = 120  # it outlives no test for longer
MOST = 8  # segments; then it is out of service, because it frees none


def sealed(key, members):
    """Section 2: the record's bytes, a line feed, 64 hex digits."""
    record = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    return record + b"\n" + hmac.new(key, record, hashlib.sha256).hexdigest().encode()


def opened(key, envelope):
    """A signed record's members, if the MAC is good (ENV-4)."""
    record, _, mac = envelope.rpartition(b"\n")
    good = hmac.new(key, record, hashlib.sha256).hexdigest().encode()
    return json.loads(record) if hmac.compare_digest(good, mac) else None


def mac16(envelope):
    return envelope[-64:-48].decode()


def sealed_answer(key, members, level):
    """SEA-1: the members, which have 32 zeros as answer, with their answer."""
    record = json.dumps(members, separators=(",", ":")).encode()
    mask = hmac.new(key, b"answer\n" + record, hashlib.sha256).digest()
    plain = bytes([level]) + bytes(15)
    return members | {"answer": bytes(a ^ b for a, b in zip(plain, mask)).hex()}


def appended(path, data, mode="ab"):
    """Durable when it returns."""
    with path.open(mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class Journal:
    """Section 3: one start of it. `records` are those that can be read: {seq: envelope}."""

    def __init__(self, folder, bundle):
        self.folder, self.bundle = folder, bundle
        self.key = bytes.fromhex(bundle["key"])
        self.slots = folder / "slots"
        self.slot = {"kind": "slot", "turn": 0, "segment": -1, "boot": 0, "receipt": None}
        if not folder.exists():  # enrolled just now
            self.slots.mkdir(parents=True)
            self.note()
        self.records, self.unused, self.named, self.rated = {}, {}, set(), []
        boots = [0]
        for path in self.slots.iterdir():
            slot = opened(self.key, path.read_bytes())
            if slot and slot["kind"] == "slot" and slot["turn"] >= self.slot["turn"]:
                self.slot = slot
        for number in self.segments():
            boots += self.read(number)
        if self.slot["turn"] == 0 and not self.segments():
            sys.exit("out of service: the journal is lost")
        self.boot = max(self.slot["boot"], *boots) + 1
        self.receipt = self.slot["receipt"]
        self.heard = self.covered("at")
        self.newest = max([self.slot["segment"], *self.segments()])
        self.next = (self.newest + 1) * N + 1
        self.has_begun = self.has_spoken = False

    def segments(self):
        return sorted(int(path.stem) for path in self.folder.glob("*.seg"))

    def path(self, number):
        return self.folder / f"{number}.seg"

    def read(self, number):
        """What counts in a segment, and whether its end was never used; gives its starts."""
        is_clean, boots, record = True, [], b""
        for line in self.path(number).open("rb"):
            if len(line) != 65 or not record:
                is_clean, record = False, line
                continue
            envelope, record = record + line[:-1], b""
            members = opened(self.key, envelope)
            is_clean = members is not None and self.belongs(members, number)
            if not is_clean:
                continue
            last = self.seq()
            if members["prev"] != self.last16():  # something before it was written and is gone
                for later in [one for one in self.unused if one >= (last - 1) // N]:
                    del self.unused[later]
            self.records[members["seq"]] = envelope
            boots.append(members["boot"])
            if members["kind"] == "rating":
                self.rated = [*self.rated, members["service"]][-16:]
            for first, last, _ in members.get("gaps", []):
                self.named.update(range(first, last + 1))
        if is_clean:
            mine = [seq for seq in self.records if (seq - 1) // N == number]
            self.unused[number] = max(mine, default=number * N) + 1
        return boots

    def belongs(self, members, number):
        ours = (self.bundle["device"], self.bundle["epoch"])
        seq = members["seq"]
        in_it = seq > self.seq() and (seq - 1) // N == number
        return in_it and (members["device"], members["epoch"]) == ours

    def seq(self):
        return max(self.records, default=0)

    def first(self):
        return min(self.records, default=self.seq() + 1)

    def last16(self):
        return mac16(self.records[self.seq()]) if self.records else "0" * 16

    def covered(self, name="seq"):
        """How far the receipt reaches, or what else it says."""
        if self.receipt is None:
            return 0 if name == "seq" else None
        return json.loads(self.receipt.split("\n")[0])[name]

    def is_full(self):
        used = len(self.segments())
        if self.has_begun and self.next <= (self.newest + 1) * N:
            return used > MOST - 1
        return used >= MOST - 1

    def begin(self, up_ms, at):
        """JRN-2 JRN-4 JRN-5 JRN-7: this start's `boot`."""
        if self.has_begun:
            return
        gaps = self.gaps(self.covered() + 1, self.next - 1)
        has_damage = any(cause == "damage" for _, _, cause in gaps)
        if len(self.segments()) >= (MOST if has_damage else MOST - 1):
            if not self.has_spoken:
                self.note(boot=self.boot)
            self.has_spoken = True
            return
        self.has_begun = self.has_spoken = True
        self.open_segment()
        for at_first in range(0, max(1, len(gaps)), 16):
            told = gaps[at_first : at_first + 16]
            fields = {"firmware": "0.0.1", "cause": "power", "gaps": told}
            self.append("boot", fields, up_ms, at, {})
        for number in self.segments():
            if all((seq - 1) // N != number for seq in self.records):
                self.path(number).unlink()

    def gaps(self, first, last):
        found = []
        for seq in range(first, last + 1):
            if seq in self.records or seq in self.named:
                continue
            unused = self.unused.get((seq - 1) // N, seq + 1)
            cause = "restart" if seq >= unused else "damage"
            if found and found[-1][1:] == [seq - 1, cause]:
                found[-1][1] = seq
            else:
                found.append([seq, seq, cause])
        return found

    def append(self, kind, fields, up_ms, at, after, level=None):
        """Section 1: members in the table's order. Durable when it returns (JRN-1)."""
        if self.next > (self.newest + 1) * N:
            self.open_segment()
        ours = {name: self.bundle[name] for name in ("device", "epoch")}
        members = {"v": 1, "kind": kind, **ours, "seq": self.next, "prev": self.last16()}
        members |= fields | {"boot": self.boot, "up_ms": up_ms, "at": at} | after
        if level is not None:
            members = sealed_answer(self.key, members, level)
        envelope = sealed(self.key, members)
        appended(self.path(self.newest), envelope + b"\n")
        self.records[self.next] = envelope
        self.next += 1
        return envelope

    def open_segment(self):
        appended(self.path(self.newest + 1), b"", "wb")
        self.note(segment=self.newest + 1, boot=self.boot)
        self.newest += 1
        self.next = self.newest * N + 1

    def note(self, **values):
        receipt = {"receipt": getattr(self, "receipt", None)}
        self.slot |= values | receipt | {"turn": self.slot["turn"] + 1}
        path = self.slots / f"slot{self.slot['turn'] % 2}"
        appended(path, sealed(self.key, self.slot), "wb")

    def take(self, receipt):
        """Section 5: whether it is a good one."""
        its = opened(self.key, receipt.encode())
        ours = ("receipt", self.bundle["device"], self.bundle["epoch"])
        if its is None or (its["kind"], its["device"], its["epoch"]) != ours:
            return False
        self.heard = its["at"]
        if its["seq"] < self.covered():
            return True
        if its["seq"] >= self.first():
            held = self.records.get(its["seq"])
            if held is None or mac16(held) != its["mac16"]:
                return False
        if self.receipt != receipt:
            self.receipt = receipt
            self.note()
        return True


class Device:
    """Sections 4 and 5."""

    def __init__(self, bundle, folder, level):
        self.bundle, self.level = bundle, level
        self.start = time.monotonic()
        self.journal = Journal(folder, bundle)
        self.ahead_ms = None  # the hall's clock
        self.ticket, self.is_retained, self.begun = None, False, None
        self.shown = self.invited = 0
        self.told = self.asked = None
        self.has_ticket = self.has_rated = self.has_said = False
        self.face, self.problems = "standby", set()

    def topic(self, name):
        return f"pj/1/{self.bundle['hall']}/{self.bundle['device']}/{name}"

    def up_ms(self):
        return int((time.monotonic() - self.start) * 1000)

    def at(self):
        return None if self.ahead_ms is None else self.up_ms() + self.ahead_ms

    def run(self):
        """Connects, again and again."""
        pause_s = 1
        while not self.is_done():
            try:
                messages = queue.Queue()
                client = self.connect(messages)
                if self.serve(client, messages):
                    pause_s = 1
                client.loop_stop()
            except OSError as error:
                print(error, file=sys.stderr)
            if not self.is_done():
                time.sleep(pause_s * random.uniform(0.75, 1.25))
                pause_s = min(pause_s * 2, 60)
        print(self.journal.receipt.split("\n")[0], flush=True)

    def is_done(self):
        return self.has_rated and self.journal.covered() == self.journal.seq()

    def connect(self, messages):
        mqtt = self.bundle["mqtt"]
        self.session = secrets.token_hex(8)
        version = paho.CallbackAPIVersion.VERSION2
        client = paho.Client(version, client_id=mqtt["username"], protocol=paho.MQTTv311)
        client.username_pw_set(mqtt["username"], mqtt["password"])
        if mqtt["ca"]:
            client.tls_set_context(ssl.create_default_context(cadata=mqtt["ca"]))
        will = json.dumps({"online": False, "session": self.session})
        client.will_set(self.topic("state"), will, qos=1, retain=True)
        client.max_inflight_messages_set(8)
        client.on_connect = lambda _, __, ___, reason, ____: messages.put(reason)
        client.on_disconnect = lambda *_: messages.put(None)
        client.on_message = lambda _, __, message: messages.put(message)
        client.connect(mqtt["host"], mqtt["port"], keepalive=20)
        client.loop_start()
        return client

    def serve(self, client, messages):
        """One connection, until it ends; whether the login was accepted."""
        reason = messages.get()
        if reason is None or reason.is_failure:
            return False
        self.journal.begin(self.up_ms(), self.at())
        client.subscribe([(self.topic(name), 1) for name in ("ticket", "ack", "clock")])
        self.tell(client)
        self.hall, self.pause_ms = None, 10_000
        self.next_round = self.up_ms() + 2000
        while not self.is_done():
            due = min(self.next_round, self.next_state)
            try:
                message = messages.get(timeout=max(0.0, due - self.up_ms()) / 1000)
            except queue.Empty:
                message = ()
            if message is None:
                return True
            if message:
                self.hear(message)
                self.follow(client)
            if self.up_ms() >= self.next_round:
                self.round(client)
            if self.up_ms() >= self.next_state:
                self.tell(client)
        self.tell(client).wait_for_publish(5)  # its head has heard the receipt
        return True

    def tell(self, client):
        """STA-1"""
        journal = self.journal
        self.next_state = self.up_ms() + 60_000
        ours = {name: self.bundle[name] for name in ("device", "epoch")}
        head = {"v": 1, "kind": "head", **ours, "seq": journal.seq(), "mac16": journal.last16()}
        head |= {"boot": journal.boot, "up_ms": self.up_ms(), "heard": journal.heard}
        head |= {"shown": self.shown, "invited": self.invited}
        state = {"online": True, "session": self.session, "firmware": "0.0.1"}
        state |= {"epoch": self.bundle["epoch"], "seq": journal.seq(), "first": journal.first()}
        state["receipt"] = journal.receipt
        state["head"] = sealed(journal.key, head).decode() if journal.records else None
        state["free"] = max(0, MOST - 1 - len(journal.segments())) * N
        state |= {"capacity": (MOST - 1) * N, "capacity_days": (MOST - 1) * N // 200}
        state |= {"clock": "none" if self.ahead_ms is None else "good", "face": self.face}
        state |= {"settings": 0, "problems": sorted(self.problems), "memory": None}
        return client.publish(self.topic("state"), json.dumps(state), qos=1, retain=True)

    def round(self, client):
        """SND-1: what is above `hall`, oldest first."""
        floor = self.journal.first() - 1 if self.hall is None else self.hall
        backlog = [seq for seq in sorted(self.journal.records) if seq > floor]
        for seq in backlog:
            client.publish(self.topic("record"), self.journal.records[seq], qos=1)
        self.next_round = self.up_ms() + self.pause_ms
        if backlog:
            self.pause_ms = min(self.pause_ms * 2, 300_000)

    def hear(self, message):
        name = message.topic.split("/")[-1]
        members = json.loads(message.payload) if message.payload else None
        if name == "clock":
            if self.ahead_ms is None:
                print("online", flush=True)  # what it rates before that bears no time
            self.ahead_ms = members["now_ms"] - self.up_ms()
        elif name == "ack" and members["epoch"] == self.bundle["epoch"]:
            self.take_ack(members)
        elif name == "ticket":
            self.count(members, message.retain and not self.has_ticket)
            self.ticket, self.is_retained = members, bool(message.retain)
            self.has_ticket = True

    def take_ack(self, ack):
        """ACK-5, and when the next round comes."""
        last = self.journal.seq()
        if self.hall is None or ack["hall"] < self.hall or ack["hall"] >= last:
            self.pause_ms = 10_000
        if self.hall is None:
            self.next_round = self.up_ms()
        elif ack["hall"] < last:
            self.next_round = min(self.next_round, self.up_ms() + self.pause_ms)
        self.hall = ack["hall"]
        if ack["receipt"] is not None:
            self.problems.discard("bad_receipt")
            if not self.journal.take(ack["receipt"]):
                self.problems.add("bad_receipt")
                self.hall = min(self.hall, self.journal.covered())
        if self.has_rated and not self.has_said and self.hall >= last:
            self.has_said = True
            print("held", flush=True)

    def count(self, ticket, was_before):
        """TKT-4"""
        if ticket is None or ticket["phase"] == "closed":
            return
        if ticket["service"] != self.told:
            self.told = ticket["service"]
            self.shown += not was_before
        if ticket["phase"] == "inviting" and ticket["service"] != self.asked:
            self.asked = ticket["service"]
            self.invited += not was_before

    def follow(self, client):
        """What the newest ticket asks for; a citizen presses as soon as it invites."""
        face = "standby"
        if self.journal.is_full():
            face = "out_of_service"
        elif not self.is_over():
            face = "inviting" if self.may_invite() else "serving"
        if face == "inviting":
            self.begun = (self.ticket["service"], self.ticket["until_ms"])
            self.rate(client)
            face = "thanking"
        if face != self.face:
            self.face = face
            self.tell(client)

    def is_over(self):
        """TKT-1"""
        ticket = self.ticket
        if ticket is None or ticket["phase"] == "closed":
            return True
        return ticket["service"] in self.journal.rated

    def may_invite(self):
        """TKT-5"""
        ticket = self.ticket
        if ticket["phase"] != "inviting" or self.begun == (ticket["service"], ticket["until_ms"]):
            return False
        if not self.is_retained:
            return True
        return self.at() is not None and 0 < ticket["until_ms"] - self.at() <= ticket["invite_ms"]

    def rate(self, client):
        staff = self.ticket["staff"] or {"staff_no": None}
        fields = {name: self.ticket[name] for name in ("service", "ticket_no")}
        fields |= {"staff_no": staff["staff_no"], "facts": self.ticket["facts"]}
        fields |= {"answer": "0" * 32, "settings": 0}
        after = {"took_ms": 0, "shown": self.shown, "input": "key"}
        envelope = self.journal.append(
            "rating", fields, self.up_ms(), self.at(), after, self.level
        )
        self.journal.rated = [*self.journal.rated, self.ticket["service"]][-16:]
        self.has_rated = True
        print("thanks", flush=True)
        client.publish(self.topic("record"), envelope, qos=1)


def main():
    signal.alarm(PATIENCE_S)
    bundle = json.loads(Path(sys.argv[1]).read_text())
    Device(bundle, Path(sys.argv[2]), int(sys.argv[3])).run()


if __name__ == "__main__":
    main()
