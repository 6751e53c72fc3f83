// A virtual device on a USB cable: its serial console on the pseudo-terminal that is this process'
// standard input (read and written). Ending the process pulls the cable, and with it the power.
// Lines of JSON on the descriptor `fingers` press keys: {press: 1, level, hold_ms}.
// Argument: {fingers, device, folder, timing: {}, is_raw_paste: true, capacity: null, slow_ms: 0,
//            pull_after: null}
//   is_raw_paste  whether the board speaks raw-paste or refuses it
//   capacity      bytes that fit on its flash
//   slow_ms       how long it thinks before every answer
//   pull_after    the cable is pulled when so many bytes have arrived; `received` in the folder counts them
// One worker per start, as in fleet.mjs: what Ctrl-C interrupts on a board is ended here.
import fs from 'node:fs';
import readline from 'node:readline';
import { Worker } from 'node:worker_threads';

const CTRL_C = 0x03;
const options = JSON.parse(process.argv[2]);
let worker;
let state = 'off'; // 'starting', 'running' an application, or 'listening' as a REPL
let waiting = []; // bytes that arrived while it was starting
let received = 0;

const send = (bytes) => fs.writeSync(0, bytes);

function start(mode, cause, note) {
  state = 'starting';
  const mine = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: {
      device: options.device,
      folder: options.folder,
      timing: options.timing ?? {},
      cause,
      note,
      thanks: new SharedArrayBuffer(16),
      usb: { ...options, mode },
    },
  });
  worker = mine;
  mine.on('message', (message) => mine === worker && take(message));
  mine.on('error', (error) => mine === worker && send(`\r\n${error?.stack ?? error}\r\n`));
}

function restart(mode, cause, note) {
  const old = worker;
  worker = undefined;
  old.terminate().then(() => start(mode, cause, note));
  state = 'starting';
}

function take(message) {
  if (message.output) return options.slow_ms ? later(message.output) : send(message.output);
  if (message.event === 'log') return send(`${message.text}\r\n`);
  if (message.event === 'restart') return restart('main', 'reset', message.note);
  if (message.reset) return restart(message.reset, 'reset');
  if (message.state) {
    state = message.state;
    const bytes = waiting;
    waiting = [];
    if (bytes.length) receive(Buffer.from(bytes));
  }
}

let slow = Promise.resolve();
function later(output) {
  slow = slow.then(() => new Promise((done) => setTimeout(done, options.slow_ms))).then(() => send(output));
}

function receive(bytes) {
  if (state === 'starting') return void waiting.push(...bytes);
  if (state === 'listening') return worker.postMessage({ input: bytes });
  const at = bytes.indexOf(CTRL_C); // an application reads nothing else
  if (at < 0) return;
  restart('interrupted', 'reset');
  receive(bytes.subarray(at + 1));
}

fs.createReadStream(null, { fd: 0 })
  .on('data', (bytes) => {
    received += bytes.length;
    fs.writeFileSync(`${options.folder}/received`, String(received));
    // process.exit would wait for the read that goes on in a thread: the port would stay.
    if (options.pull_after !== null && received > options.pull_after) process.kill(process.pid, 'SIGKILL');
    receive(bytes);
  })
  .on('error', () => process.exit(0));
readline
  .createInterface({ input: fs.createReadStream(null, { fd: options.fingers }) })
  .on('line', (line) => worker?.postMessage(JSON.parse(line)));
start('main', 'power');
