// All virtual devices of a run, one worker each, steered by JSON lines on standard input:
//   {"op": "start", "device", "folder", "timing": {}, "cause": "power", "enrol": false,
//    "flash_ms": 0,              how long an append to the flash takes
//    "board": "esp32_five_key",  instead of the virtual one (pins.py)
//    "closed": 0,                contacts that are closed at the start
//    "unix": {…}}                on MicroPython's unix port (unix.py) instead of in a worker
//   {"op": "press", "device", "level", "ticket_no", "hold_ms": 80}
//   {"op": "trace", "device", "level", "ticket_no", "trace": [[0, 4], [3, 0], …]}  contacts, by ms
//   {"op": "kill", "device"}       a power cut
//   {"op": "unplug", "device"}     the network is gone, until the next start or
//   {"op": "plug", "device"}       it is back (for a board; streams are dead)
//   {"op": "hashes", "device"}     the interpreter hashes the modules that it has loaded
//   {"op": "memory", "device"}     {code, data}: live bytes of its heap
// and telling what happens as JSON lines on standard output. It ends when its input does.
// It also keeps the oracle's log (argument 1), which no part of the system can touch: one line a
// press {device, ticket_no, level, pressed_at_ms, thanked_at_ms or null}.
import fs from 'node:fs';
import readline from 'node:readline';
import { Worker } from 'node:worker_threads';
import { UnixDevice } from './unix.mjs';

const oracle = fs.openSync(process.argv[2], 'a');
const devices = new Map();
const RESTART_MS = 100;
let pressCount = 0;

const tell = (event) => process.stdout.write(JSON.stringify(event) + '\n');

function start(operation) {
  const { device, folder, timing = {}, cause = 'power', note, enrol = false, flash_ms = 0, board, closed, unix } = operation;
  const thanks = new SharedArrayBuffer(16);
  const data = { device, folder, timing, cause, note, enrol, flash_ms, thanks, board, closed };
  const worker = unix
    ? new UnixDevice({ ...data, unix })
    : new Worker(new URL('./worker.mjs', import.meta.url), { workerData: data });
  const entry = { worker, thanks: new BigInt64Array(thanks), presses: new Map(), isOver: false };
  devices.set(device, entry);
  worker.on('message', (event) => {
    if (event.event === 'thanked') {
      event.pressed_at_ms = entry.presses.get(event.press)?.pressed_at_ms ?? event.at_ms;
      close(entry, event.press, event.at_ms);
    }
    if (event.event === 'restart') {
      entry.restarts = { note: event.note }; // what memory keeps, for as long as there is power
      worker.terminate();
    }
    tell(event);
  });
  worker.on('error', (error) => tell({ event: 'log', device, text: String(error?.stack ?? error) }));
  worker.on('exit', () => {
    settle(entry);
    tell({ event: 'stopped', device });
    // A board that restarts itself is up again by itself.
    const again = () => start({ ...operation, cause: 'reset', ...entry.restarts, enrol: false });
    if (entry.restarts) setTimeout(again, RESTART_MS);
  });
}

function press({ device, level, ticket_no, hold_ms = 80, trace }) {
  const entry = devices.get(device);
  if (!entry || entry.isOver) return;
  const number = ++pressCount;
  const line = { device, ticket_no, level, pressed_at_ms: Date.now(), thanked_at_ms: null };
  entry.presses.set(number, line);
  entry.worker.postMessage({ press: number, level, hold_ms, trace });
}

// A press's line is written once its end is known.
function close(entry, number, thankedAt) {
  const line = entry.presses.get(number);
  if (!line) return;
  entry.presses.delete(number);
  fs.writeSync(oracle, JSON.stringify({ ...line, thanked_at_ms: thankedAt }) + '\n');
}

// A device is over: the last thanks stands in shared memory, every other open press got none.
function settle(entry) {
  if (entry.isOver) return;
  entry.isOver = true;
  close(entry, Number(entry.thanks[0]), Number(entry.thanks[1]));
  for (const number of [...entry.presses.keys()]) close(entry, number, null);
}

const operations = {
  start,
  press,
  trace: press,
  kill: ({ device }) => devices.get(device)?.worker.terminate(),
  unplug: ({ device }) => devices.get(device)?.worker.postMessage({ unplug: true }),
  plug: ({ device }) => devices.get(device)?.worker.postMessage({ plug: true }),
  hashes: ({ device }) => devices.get(device)?.worker.postMessage({ hashes: true }),
  memory: ({ device }) => devices.get(device)?.worker.postMessage({ memory: true }),
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const operation = JSON.parse(line);
  operations[operation.op]?.(operation);
});
input.on('close', async () => {
  await Promise.all([...devices.values()].map((entry) => entry.worker.terminate()));
  for (const entry of devices.values()) settle(entry);
  process.exit(0);
});
