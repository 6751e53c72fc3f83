// MicroPython as published on npm, and the memory that the package does not export.
import { createRequire } from 'node:module';

// print(line) takes what Python prints, or print(byte) without a line buffer. Gives {interpreter, bytes}; bytes(address, length) is a
// view of Python's memory, good until the next call into it. One interpreter per JavaScript realm.
export async function loadInterpreter(print, linebuffer = true) {
  let memory;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (...given) => {
    const result = await instantiate(...given);
    memory = (result.instance ?? result).exports.memory;
    return result;
  };
  const name = '@micropython/micropython-webassembly-pyscript/micropython';
  const { loadMicroPython } = await import(`${name}.mjs`);
  const url = createRequire(import.meta.url).resolve(`${name}.wasm`);
  const interpreter = await loadMicroPython({ url, stdout: print, stderr: print, linebuffer });
  return { interpreter, bytes: (address, length) => Buffer.from(memory.buffer, address, length) };
}
