// A virtual device on the unix port of MicroPython, with the manners of a worker (worker.mjs): the
// same operations go in, the same events come out. Ending its process is a power cut.
import fs from 'node:fs';
import readline from 'node:readline';
import { EventEmitter } from 'node:events';
import { spawn } from 'node:child_process';

const ENROLLED = 42; // exit code of unix_host.py

export class UnixDevice extends EventEmitter {
  constructor({ unix, enrol, thanks, ...start }) {
    super();
    this.start = { ...start, ...unix, note: start.note ?? 0, closed: start.closed ?? 0 };
    this.environment = { ...unix.environment, MICROPYPATH: `${unix.tools}:.frozen` };
    this.run(enrol);
  }

  run(enrol) {
    const env = { ...this.environment, START: JSON.stringify({ ...this.start, enrol }) };
    const program = ['-X', `heapsize=${this.start.heap}`, '-c', 'import host\nhost.boot()'];
    this.process = spawn(this.start.micropython, program, { env });
    this.process.stdin.on('error', () => {}); // it has just ended
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => this.hear(line));
    readline.createInterface({ input: this.process.stderr }).on('line', (line) => this.log(line));
    this.process.on('close', (code) => (code === ENROLLED ? this.run(false) : this.emit('exit')));
  }

  hear(line) {
    if (!line.startsWith('{')) return this.log(line); // what MicroPython itself prints
    const event = JSON.parse(line);
    if (event.event === 'told') event.text = JSON.stringify({ ...JSON.parse(event.text), ...this.size() });
    this.emit('message', event);
  }

  log(text) {
    this.emit('message', { event: 'log', device: this.start.device, text });
  }

  size() {
    const [, pages] = fs.readFileSync(`/proc/${this.process.pid}/statm`, 'utf8').split(' ');
    return { resident: Number(pages) * 4096, pid: this.process.pid };
  }

  postMessage(operation) {
    this.process.stdin.write(`${JSON.stringify(operation)}\n`);
  }

  async terminate() {
    this.process.kill('SIGKILL');
  }
}
