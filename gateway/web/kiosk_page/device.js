// The device: the firmware's compiled files on the WebAssembly MicroPython, in a worker of the page,
// and the `host` of firmware/boards/kiosk/board.py. The key stays in here and in storage.js.
//
//   in:  {start: {note, cause, contacts}}   once; contacts that are held, bit 0 is level 1
//        {enrol: text, pin}    a bundle, and the technician's PIN; once, where there is none
//        {down: level}, {up: level}, {chosen: [codes], isOver}, {selftest: [[word, is_good], …]}
//        {ask: "ping" | "hashes" | "status", number}
//   out: {told: …, number} and the events of `say` below
import { loadMicroPython } from './micropython.mjs';

const ERRNO = { ENOENT: 2, EIO: 5, ECONNREFUSED: 111, ECONNRESET: 104 };
const WRITE_MS = 10_000;
const HOLD_MS = 40; // twice the time in which the firmware's keys settle

const say = (event, more = {}) => postMessage({ event, ...more });
const utf8 = new TextEncoder();
const text = new TextDecoder();

// Storage. What is kept is read once; a write blocks this worker until it is durable.

const result = new Int32Array(new SharedArrayBuffer(4));
const storage = new Worker('/kiosk/storage.js');
let kept; // key: bytes. journal/NAME are the journal's files

function write(key, value) {
  Atomics.store(result, 0, 0);
  storage.postMessage({ key, value });
  const isOver = Atomics.wait(result, 0, 0, WRITE_MS);
  const told = isOver === 'timed-out' ? -ERRNO.EIO : Atomics.load(result, 0);
  if (told < 0) return told;
  if (value === undefined) kept.delete(key);
  else kept.set(key, value);
  return 0;
}

const file = (name) => kept.get(`journal/${name}`);

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

// Interpreter

let memory; // Python's: the package does not export it
for (const name of ['instantiate', 'instantiateStreaming']) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...given) => {
    const made = await original.apply(WebAssembly, given);
    memory = (made.instance ?? made).exports.memory;
    return made;
  };
}
const bytes = (address, length) => new Uint8Array(memory.buffer, address, length);
const copy = (address, length) => bytes(address, length).slice();

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function loaded(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

// The firmware as the manifest has it. Throws for a file that is another one.
async function firmware() {
  const manifest = JSON.parse(text.decode(await loaded('/kiosk/firmware/manifest.json')));
  const one = async ([name, about]) => {
    const content = await loaded(`/kiosk/firmware/${name}`);
    if (hex(await crypto.subtle.digest('SHA-256', content)) !== about.sha256) throw new Error(`${name} is not as built`);
    return [name, content];
  };
  return { manifest, files: await Promise.all(Object.entries(manifest.files).map(one)) };
}

function mount(interpreter, files) {
  for (const [name, content] of files) {
    interpreter.FS.mkdirTree(`/${name}`.replace(/\/[^/]*$/, '') || '/');
    interpreter.FS.writeFile(`/${name}`, content);
  }
}

// Keys. A touch lasts until the firmware has seen it for HOLD_MS: a tap may be over before anybody
// could look, and two fingers of one hand come down within the time in which a key settles.

let contacts = 0;
let onKey = () => {};
const touched = new Map(); // level: {since: when the firmware looked first, isLeaving}
const choices = [];

function lookAtKeys() {
  const now = performance.now();
  for (const [level, touch] of touched) {
    touch.since ??= now;
    if (touch.isLeaving && now - touch.since >= HOLD_MS) setTimeout(lift, 0, level, touch);
  }
  return contacts;
}

function lift(level, touch) {
  if (touched.get(level) !== touch) return;
  touched.delete(level);
  contacts &= ~(1 << (level - 1));
  onKey();
}

function touch(level, isDown) {
  if (isDown) {
    touched.set(level, {});
    contacts |= 1 << (level - 1);
  } else if (touched.has(level)) touched.get(level).isLeaving = true;
  else contacts &= ~(1 << (level - 1)); // held since the start
  onKey();
}

// Network: MQTT's bytes through the gateway's bridge.

const streams = new Map();
let streamCount = 0;

function openStream() {
  const number = ++streamCount;
  const stream = { state: 0, chunks: [], wake: () => {} };
  streams.set(number, stream);
  stream.socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/kiosk/mqtt`, 'mqtt');
  stream.socket.binaryType = 'arraybuffer';
  stream.socket.onopen = () => ((stream.state = 1), stream.wake());
  stream.socket.onmessage = ({ data }) => (stream.chunks.push(new Uint8Array(data)), stream.wake());
  stream.socket.onclose = () => {
    stream.state = stream.state === 1 ? -ERRNO.ECONNRESET : -ERRNO.ECONNREFUSED;
    stream.wake();
  };
  return number;
}

function readStream(number, address, length) {
  const stream = streams.get(number);
  if (!stream) return -ERRNO.EIO;
  const chunk = stream.chunks.shift();
  if (!chunk) return stream.state < 0 ? stream.state : 0;
  const count = Math.min(length, chunk.length);
  bytes(address, length).set(chunk.subarray(0, count));
  if (count < chunk.length) stream.chunks.unshift(chunk.subarray(count));
  return count;
}

function writeStream(number, address, length) {
  const stream = streams.get(number);
  if (stream?.state !== 1) return stream?.state || -ERRNO.EIO;
  stream.socket.send(copy(address, length)); // a copy: the memory is Python's
  return 0;
}

function closeStream(number) {
  const stream = streams.get(number);
  streams.delete(number);
  if (stream) stream.wake = () => {};
  stream?.socket.close();
  return 0;
}

// What the firmware asks of its board

let begun = {};
let selftest = [];
const host = {
  bundle: () => (kept.has('identity') ? text.decode(kept.get('identity')) : ''),
  settings: () => (kept.has('settings') ? text.decode(kept.get('settings')) : ''),
  keep_settings: (address, length) => write('settings', copy(address, length)),
  timing: () => '{}',
  start_cause: () => begun.cause,
  note: () => begun.note,
  closed_keys: lookAtKeys,
  chosen: () => (choices.length ? JSON.stringify(choices.shift()) : ''),
  on_key: (callback) => void (onKey = callback),
  ask: (level) => say('ask', { level }),
  show: (shown) => say('show', { shown }),
  answer: (answer) => say('answer', { answer }),
  volume: (volume) => say('volume', { volume }),
  find: (seconds) => say('find', { seconds }),
  log: (line) => say('log', { line }),
  restart: (note) => say('restart', { note }),
  selftest: () => JSON.stringify(selftest),
  random: (address, length) => void bytes(address, length).set(crypto.getRandomValues(new Uint8Array(length))),
  connect: openStream,
  on_stream: (number, callback) => void (streams.get(number).wake = callback),
  stream_state: (number) => streams.get(number)?.state ?? -ERRNO.EIO,
  stream_read: readStream,
  stream_write: writeStream,
  stream_close: closeStream,
  file_names: () => [...kept.keys()].filter((key) => key.startsWith('journal/')).map((key) => key.slice(8)).join('\n'),
  file_size: (name) => file(name)?.length ?? -ERRNO.ENOENT,
  file_read: (name, address, length) => (file(name) ? (bytes(address, length).set(file(name)), 0) : -ERRNO.ENOENT),
  file_append: (name, address, length) => write(`journal/${name}`, joined(file(name) ?? new Uint8Array(), copy(address, length))),
  file_write: (name, address, length) => write(`journal/${name}`, copy(address, length)),
  file_remove: (name) => (file(name) ? write(`journal/${name}`, undefined) : -ERRNO.ENOENT),
  tell: (answer) => void (answered = answer),
};

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
// As the bench does it: the empty journal first, so that a cut leaves a board without identity.
const ENROL = `
import sys, firmware.enrolment, firmware.boards
firmware.enrolment.enrol(firmware.boards.this_board())
`;

let interpreter;
let manifest;
let answered;

const asked = {
  ping: () => true,
  // What the interpreter has imported, hashed by itself, beside the manifest.
  hashes: () => (interpreter.runPython(HASHES), { imported: JSON.parse(answered), manifest }),
  status: () => ({
    device: JSON.parse(host.bundle() || '{}').device,
    hall: JSON.parse(host.bundle() || '{}').hall,
    version: manifest?.version,
    bytes: [...kept.values()].reduce((sum, value) => sum + value.length, 0),
    isConnected: [...streams.values()].some((stream) => stream.state === 1),
    heap: interpreter ? (interpreter.pyimport('gc').collect(), interpreter.pyimport('gc').mem_alloc()) : 0,
  }),
};

// The bundle as the firmware reads it: whoever made it need not know that its board is a page.
function identityOf(bundle) {
  const members = JSON.parse(bundle);
  if (members.board && members.board !== 'kiosk') throw new Error(`board: ${members.board}`);
  for (const name of ['device', 'epoch', 'key', 'hall', 'mqtt']) if (!(name in members)) throw new Error(`${name}?`);
  return JSON.stringify({ ...members, board: 'kiosk' });
}

async function prepare() {
  const made = loadMicroPython({
    url: '/kiosk/micropython.wasm',
    stdout: (line) => say('log', { line }),
    stderr: (line) => say('log', { line }),
    linebuffer: true,
  });
  const [program, loadedInterpreter] = await Promise.all([firmware(), made]);
  [interpreter, manifest] = [loadedInterpreter, program.manifest];
  interpreter.registerJsModule('host', host);
  mount(interpreter, program.files);
}

async function enrol(bundle, pin) {
  try {
    const identity = utf8.encode(identityOf(bundle));
    kept.set('identity', identity); // for this_board; durable only at the end
    interpreter.FS.writeFile('/identity.json', identity);
    interpreter.runPython(ENROL);
    for (const [key, value] of [['pin', pin], ['identity', identity]]) {
      const told = write(key, value);
      if (told < 0) throw new Error(`storage: ${told}`);
    }
  } catch (error) {
    kept.delete('identity');
    return say('unfit', { why: error.message.trim().split('\n').pop() });
  }
  say('enrolled');
}

function run() {
  interpreter.FS.writeFile('/identity.json', kept.get('identity'));
  interpreter.runPython("exec(compile(open('/main.py').read(), '/main.py', 'exec'))");
}

storage.onmessage = async ({ data }) => {
  if (data.taken) return say('taken');
  if (data.refused) return say('refused', { why: data.refused });
  kept = data.kept;
  try {
    await prepared;
  } catch (error) {
    return say('unloaded', { why: String(error) });
  }
  say('ready', { isEnrolled: kept.has('identity'), pin: kept.get('pin') });
  if (kept.has('identity')) run();
};

onmessage = ({ data }) => {
  if (data.start) [begun, contacts] = [data.start, data.start.contacts ?? 0];
  else if (data.enrol) enrol(data.enrol, data.pin);
  else if (data.down) touch(data.down, true);
  else if (data.up) touch(data.up, false);
  else if (data.chosen) choices.push([data.chosen, data.isOver]), onKey();
  else if (data.selftest) selftest = data.selftest;
  else if (data.ask) say('told', { number: data.number, told: asked[data.ask]() });
};

const prepared = prepare();
storage.postMessage({ open: result.buffer });
