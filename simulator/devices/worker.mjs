// One virtual device: the npm MicroPython as published, in a worker thread of its own (two
// instances in one realm break each other), running the files on the device's flash folder.
// What is below the firmware stands here: contacts, lamps, flash, network. Ending the worker is a
// power cut. workerData: {device, folder, timing, cause, note, enrol, flash_ms, thanks, usb, board}; with
// `usb` (usb.mjs) it is a board on a cable, whose flash may be blank; with `board` the firmware's
// board of that name runs on fakes of `machine` and `network` at pin level (pins.py), and its journal
// lasts as long as its power.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { randomFillSync } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { ERRNO, attempt, failure, flashFunctions, replaceFile } from './flash.mjs';
import { loadInterpreter } from './interpreter.mjs';
import { Console, diskFunctions, mountDisk } from './repl.mjs';

const { device, folder, timing, cause, note = 0, enrol, flash_ms, usb, board } = workerData;
const identity = path.join(folder, 'identity.json');
const settings = path.join(folder, 'settings');
const flash = path.join(folder, 'flash');
const journal = path.join(flash, 'journal');
// [number of the thanked press, epoch ms of the thanks]: shared memory, so that a thanks that was
// seen is known even if the worker is ended before its message is read.
const thanks = new BigInt64Array(workerData.thanks);
let pressed = 0; // number of the newest press that closed a key while no other was closed
let journalled = 0; // seq of the newest rating whose append is closed
let contacts = workerData.closed ?? 0; // closed by what is no finger: a trace, or since the start
let seenKeys = contacts; // what the firmware saw when it looked last
let isPlugged = true; // the network cable: pulled, nothing comes or goes and nobody is told
let onKey = () => {};
const pause = new Int32Array(new SharedArrayBuffer(4));

const say = (event) => parentPort.postMessage({ device, ...event });
const terminal = usb && new Console(parentPort, usb);
const print = terminal ? (byte) => terminal.write(byte) : (text) => say({ event: 'log', text });
const { interpreter, bytes } = await loadInterpreter(print, !usb);

// What the hall acknowledges and the centre has signed for, read off the wire for those who watch
// from outside. An MQTT packet is a byte, a length of up to four bytes, and a body; a PUBLISH's body
// is a topic (two bytes of length before it), a packet id if the QoS is not 0, and the payload.
function watchPublish(body, qos) {
  if (body.length < 2) return; // what a broker may get wrong is the firmware's to judge
  const end = 2 + body.readUInt16BE(0);
  if (!body.toString('latin1', 2, end).endsWith('/ack')) return;
  const ack = body.toString('latin1', end + (qos ? 2 : 0));
  const hall = /"hall":(\d+)/.exec(ack);
  const receipt = /"receipt":"(?:[^"\\]|\\.)*?\\"seq\\":(\d+)/.exec(ack);
  if (!hall) return;
  say({ event: 'ack', hall: Number(hall[1]), receipt: Number(receipt?.[1] ?? 0), at_ms: Date.now() });
}

function watchAcks() {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      let [length, start] = [0, 1];
      for (let shift = 0; ; shift += 7, start++) {
        if (start >= rest.length) return;
        length |= (rest[start] & 0x7f) << shift;
        if (rest[start] < 0x80) break;
      }
      const end = ++start + length;
      if (rest.length < end) return;
      if (rest[0] >> 4 === 3) watchPublish(rest.subarray(start, end), rest[0] & 0x06);
      rest = rest.subarray(end);
    }
  };
}

const streams = new Map();
let streamCount = 0;

function openStream(host, port, ca) {
  const number = ++streamCount;
  const stream = { state: 0, chunks: [], wake: () => {} };
  const address = { host, port, noDelay: true };
  stream.socket = ca ? tls.connect({ ...address, ca, servername: net.isIP(host) ? '' : host }) : net.connect(address);
  stream.socket.on(ca ? 'secureConnect' : 'connect', () => ((stream.state = 1), stream.wake()));
  const watch = watchAcks();
  stream.socket.on('data', (chunk) => {
    if (!isPlugged) return;
    stream.chunks.push(chunk);
    watch(chunk);
    stream.wake();
  });
  stream.socket.on('error', (error) => ((stream.state = failure(error)), stream.wake()));
  stream.socket.on('close', () => ((stream.state = Math.min(stream.state, -ERRNO.ECONNRESET)), stream.wake()));
  streams.set(number, stream);
  return number;
}

function readStream(number, address, length) {
  const stream = streams.get(number);
  if (!stream) return -ERRNO.EIO;
  const chunk = stream.chunks.shift();
  if (!chunk) return stream.state < 0 ? stream.state : 0;
  const count = Math.min(length, chunk.length);
  chunk.copy(bytes(address, length), 0, 0, count);
  if (count < chunk.length) stream.chunks.unshift(chunk.subarray(count));
  return count;
}

function writeStream(number, address, length) {
  const stream = streams.get(number);
  if (!stream || stream.state < 0) return stream?.state ?? -ERRNO.EIO;
  const data = Buffer.from(bytes(address, length)); // a copy: the memory is Python's
  if (isPlugged) stream.socket.write(data);
  return 0;
}

function closeStream(number) {
  const stream = streams.get(number);
  streams.delete(number);
  if (stream) stream.wake = () => {};
  stream?.socket.destroy();
  return 0;
}

// Lamps and voice. A thanks belongs to the newest press of one key: firmware takes no chords.
function show(face, ticketNo, text) {
  const at = Date.now();
  const shown = { event: 'face', face, ticket_no: ticketNo, text, at_ms: at };
  if (face !== 'thanking') return say(shown);
  Atomics.store(thanks, 1, BigInt(at));
  Atomics.store(thanks, 0, BigInt(pressed));
  say(shown);
  say({ event: 'thanked', press: pressed, seq: journalled, at_ms: at });
}

// A finger closes a contact. It stays until the firmware has seen it closed for hold_ms: on a machine
// that is too busy a press lasts longer, but it is never over before the firmware could look. A key
// is open again when its last finger has left it.
let fingers = []; // {bit, hold_ms, since: when the firmware first looked, isLeaving}

const closedKeys = () => fingers.reduce((closed, finger) => closed | finger.bit, contacts);

function press({ press, level, hold_ms }) {
  if (!closedKeys()) pressed = press;
  fingers.push({ bit: 1 << (level - 1), hold_ms });
  onKey();
}

function lookAtKeys() {
  const now = Date.now();
  for (const finger of fingers) {
    finger.since ??= now;
    if (finger.isLeaving || now - finger.since < finger.hold_ms) continue;
    finger.isLeaving = true;
    setTimeout(lift, 0, finger); // after this look: a board reads one pin after the other
  }
  const closed = closedKeys();
  if (closed !== seenKeys) say({ event: 'seen', closed: (seenKeys = closed) });
  return closed;
}

function lift(finger) {
  fingers = fingers.filter((other) => other !== finger);
}

// Contacts moved as a trace [[ms, closed contacts], …] says, bounces and all.
function trace({ trace: moves, press }) {
  pressed = press;
  for (const [ms, closed] of moves) setTimeout(() => ((contacts = closed), onKey()), ms);
}

function appended(data) {
  const rating = /"kind":"rating".*?"seq":(\d+)/.exec(data);
  if (rating) journalled = Number(rating[1]);
}

const host = {
  bundle: () => (fs.existsSync(identity) ? fs.readFileSync(identity, 'utf8') : ''),
  settings: () => (fs.existsSync(settings) ? fs.readFileSync(settings, 'utf8') : ''),
  keep_settings: (address, length) => attempt(() => replaceFile(settings, bytes(address, length))),
  timing: () => JSON.stringify(timing),
  start_cause: () => cause,
  closed_keys: lookAtKeys,
  on_key: (callback) => void (onKey = callback),
  show,
  answer: (answer) => say({ event: 'answer', answer, at_ms: Date.now() }),
  volume: (volume) => say({ event: 'volume', volume }),
  log: (text) => say({ event: 'log', text }),
  restart: (note) => say({ event: 'restart', note }),
  note: () => note,
  set_clock: (...fields) => say({ event: 'log', text: `clock ${fields}` }),
  find: (seconds) => say({ event: 'find', seconds, at_ms: Date.now() }),
  random: (address, length) => void randomFillSync(bytes(address, length)),
  is_plugged: () => isPlugged,
  pin: (name, value) => say({ event: 'pin', name, value, at_ms: Date.now() }),
  sound: (sound, parameter) => say({ event: 'sound', sound, parameter, at_ms: Date.now() }),
  appended: (address, length) => appended(bytes(address, length).toString()),
  row: (face, cause) => say({ event: 'row', row: [face, cause] }),
  tell: (text) => say({ event: 'told', text }),
  connect: openStream,
  on_stream: (number, callback) => void (streams.get(number).wake = callback),
  stream_state: (number) => streams.get(number)?.state ?? -ERRNO.EIO,
  stream_read: readStream,
  stream_write: writeStream,
  stream_close: closeStream,
  ...flashFunctions(journal, bytes, () => flash_ms && Atomics.wait(pause, 0, 0, flash_ms), appended),
};

// The interpreter's own files are in its memory: what was flashed is copied there at the start.
function mountFlash(interpreter, from, to) {
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'journal') continue;
    const [source, target] = [path.join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) {
      interpreter.FS.mkdirTree(target);
      mountFlash(interpreter, source, target);
    } else {
      interpreter.FS.writeFile(target, fs.readFileSync(source));
    }
  }
}

const HASHES = `
import sys, json, hashlib, binascii, host
def _hash(path):
    with open(path, "rb") as file:
        return str(binascii.hexlify(hashlib.sha256(file.read()).digest()), "ascii")
_files = {"main.py": _hash("/main.py")}
for _name, _module in list(sys.modules.items()):
    if _name.split(".")[0] in ("protocol", "firmware"):
        _files[_module.__file__.lstrip("/")] = _hash(_module.__file__)
host.tell(json.dumps(_files))
`;

// As the bench does it, which restarts the board afterwards: nothing of it stays in memory.
const ENROL = `
import sys, firmware.enrolment, firmware.boards
firmware.enrolment.enrol(firmware.boards.this_board())
del sys.modules["firmware.enrolment"], firmware.enrolment, firmware, sys
`;

// Bytes of live heap. MicroPython can only collect when it is not running.
const gc = interpreter.pyimport('gc');
const heap = () => (gc.collect(), gc.mem_alloc());

fs.mkdirSync(journal, { recursive: true });
if (usb) Object.assign(host, diskFunctions(folder, bytes, usb.capacity));
interpreter.registerJsModule('host', host);
if (usb) mountDisk(interpreter);
else mountFlash(interpreter, flash, '');
const run = (code) => interpreter.runPython(code);
if (board) {
  for (const name of ['absent.py', 'pins.py']) {
    interpreter.FS.writeFile(`/${name}`, fs.readFileSync(new URL(name, import.meta.url)));
  }
  interpreter.FS.writeFile('/identity.json', fs.readFileSync(identity));
  const network = path.join(folder, 'network.json');
  const wifi = '{"interface": "wifi", "ssid": "hall"}';
  interpreter.FS.writeFile('/network.json', fs.existsSync(network) ? fs.readFileSync(network) : wifi);
  run(`import absent\nabsent.install()\nimport pins\npins.install("${board}")`);
}
if (enrol) run(ENROL);

parentPort.on('message', (message) => {
  if (message.input) return terminal.take(message.input);
  if (message.hashes) return run(HASHES);
  if (message.memory) return host.tell(JSON.stringify({ code, data: heap() - code }));
  if (message.unplug || message.plug) return say({ event: 'plugged', is_plugged: (isPlugged = Boolean(message.plug)) });
  if (message.trace) return trace(message);
  press(message);
});
let code; // bytes that the compiled modules and the interpreter take before there is a device
if (usb) {
  terminal.serve(interpreter);
} else {
  run('import firmware.app, firmware.boards.webassembly_five_key.board');
  code = heap();
  say({ event: 'started' });
  run("exec(compile(open('/main.py').read(), '/main.py', 'exec'))");
}
