// A worker's MicroPython as the console of a board: its flash as the root, its REPL, raw mode and
// raw-paste, and `machine.reset`. The npm build has no raw-paste and would hang, so it is spoken here.
import fs from 'node:fs';
import path from 'node:path';
import { ERRNO, failure } from './flash.mjs';

const [CTRL_A, CTRL_B, CTRL_D, CTRL_E] = [1, 2, 4, 5];
const WINDOW = 128; // bytes a board takes before it says that it has room again

const attempt = (action) => {
  try {
    return action() ?? 0;
  } catch (error) {
    return { ENOTEMPTY: -39, EEXIST: -17, ENOTDIR: -20, EISDIR: -21 }[error.code] ?? failure(error);
  }
};

// The device's whole flash as host functions. Its identity stands beside it on the host's disk.
export function diskFunctions(folder, bytes, capacity) {
  const flash = path.join(folder, 'flash');
  const place = (name) => {
    const inside = path.join(flash, path.normalize(`/${name}`));
    return inside === path.join(flash, 'identity.json') ? path.join(folder, 'identity.json') : inside;
  };
  const used = (of) =>
    fs.statSync(of).isFile()
      ? fs.statSync(of).size
      : fs.readdirSync(of).reduce((sum, name) => sum + used(path.join(of, name)), 0);
  return {
    disk_kind: (name) => {
      const stat = fs.statSync(place(name), { throwIfNoEntry: false });
      return !stat ? 0 : stat.isDirectory() ? 1 : 2;
    },
    disk_size: (name) => attempt(() => fs.statSync(place(name)).size),
    disk_read: (name, address, length) =>
      attempt(() => fs.readFileSync(place(name)).copy(bytes(address, length))),
    // LittleFS commits a file when it is closed: written beside it, then renamed over it.
    disk_write: (name, address, length) =>
      attempt(() => {
        if (capacity !== null && used(flash) + length > capacity) return -ERRNO.ENOSPC;
        fs.writeFileSync(`${folder}/closing`, bytes(address, length), { mode: 0o600 });
        fs.renameSync(`${folder}/closing`, place(name));
      }),
    disk_remove: (name) => attempt(() => fs.unlinkSync(place(name))),
    disk_mkdir: (name) => attempt(() => fs.mkdirSync(place(name))),
    disk_rmdir: (name) => attempt(() => fs.rmdirSync(place(name))),
    disk_rename: (from, to) => attempt(() => fs.renameSync(place(from), place(to))),
    disk_list: (name) => fs.readdirSync(place(name)).join('\n'),
    disk_free: () => Math.max(0, (capacity ?? 2 << 20) - used(flash)),
  };
}

// Puts the device's flash in the place of the interpreter's own files.
export function mountDisk(interpreter) {
  interpreter.runPython(fs.readFileSync(new URL('./usb_flash.py', import.meta.url), 'utf8'));
}

// The console. mode: 'main' runs /main.py as power-on does, 'interrupted' and 'raw' come up in the
// REPL. Tells `port` {output: bytes}, {state: 'running' | 'listening'} and {reset: mode}.
export class Console {
  #isRaw = false;
  #paste = null; // bytes of a raw paste on its way
  #skip = 0; // bytes of the interpreter's answer that raw-paste does not have
  #escape = ''; // CTRL-E and what followed it
  #last = 0;

  constructor(port, { mode, is_raw_paste, folder }) {
    Object.assign(this, { port, mode, isRawPaste: is_raw_paste, folder });
  }

  // Takes a byte that Python prints; a board's console ends lines with CR LF.
  write(byte) {
    byte = byte[0] ?? byte;
    if (this.#skip > 0) return void this.#skip--;
    this.port.postMessage({ output: Uint8Array.from(byte === 10 && this.#last !== 13 ? [13, 10] : [byte]) });
    this.#last = byte;
  }

  serve(interpreter) {
    this.module = interpreter._module;
    interpreter.registerJsModule('machine', {
      reset: () => (this.port.postMessage({ reset: 'main' }), Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)),
      RTC: () => ({
        datetime: (fields) => fs.writeFileSync(path.join(this.folder, 'rtc'), JSON.stringify([...fields])),
      }),
    });
    if (this.mode === 'main') {
      try {
        interpreter.runPython("exec(compile(open('/main.py').read(), '/main.py', 'exec'))");
        return this.port.postMessage({ state: 'running' });
      } catch (error) {
        if (interpreter.FS && !/ENOENT|Errno 2\b/.test(error.message)) this.#say(error.message.replaceAll('\n', '\r\n'));
      }
    }
    this.module.ccall('mp_js_repl_init', 'null', ['null']);
    if (this.mode === 'raw') this.#type(CTRL_A);
    this.port.postMessage({ state: 'listening' });
  }

  // Takes bytes that arrive on the cable.
  take(bytes) {
    for (const byte of bytes) this.#take(byte);
  }

  #say(text) {
    this.port.postMessage({ output: Buffer.from(text, 'latin1') });
  }

  #type(byte) {
    if (byte === CTRL_A) this.#isRaw = true;
    if (byte === CTRL_B) this.#isRaw = false;
    if (!this.module.ccall('mp_js_repl_process_char', 'number', ['number'], [byte])) return;
    this.#say('soft reboot\r\n');
    this.port.postMessage({ reset: this.#isRaw ? 'raw' : 'main' });
  }

  #take(byte) {
    if (this.#paste) return this.#takePaste(byte);
    if (!this.#escape && !(this.#isRaw && byte === CTRL_E)) return this.#type(byte);
    this.#escape += String.fromCharCode(byte);
    if (this.#escape.length < 3) return;
    this.#escape = '';
    if (!this.isRawPaste) return this.#say('R\x00');
    this.#paste = [];
    this.#say(`R\x01${String.fromCharCode(WINDOW, 0)}`);
  }

  #takePaste(byte) {
    if (byte !== CTRL_D) {
      this.#paste.push(byte);
      if (this.#paste.length % WINDOW === 0) this.#say('\x01');
      return;
    }
    this.#say('\x04');
    const code = this.#paste;
    this.#paste = null;
    this.#skip = 2; // "OK"
    for (const typed of code) this.#type(typed);
    this.#type(CTRL_D);
  }
}
