// A virtual board's flash: the journal's files as host functions, in a folder of the host's disk.
// Each operation is complete, as LittleFS has it at a file's close; what fails gives a negative
// errno (a JavaScript exception could not be caught in Python).
import fs from 'node:fs';
import path from 'node:path';

// OSError numbers as MicroPython has them on boards (POSIX).
export const ERRNO = { ENOENT: 2, EIO: 5, EACCES: 13, ENOSPC: 28, ECONNREFUSED: 111, ECONNRESET: 104 };
export const failure = (error) => -(ERRNO[error.code] ?? ERRNO.EIO);

export const attempt = (action) => {
  try {
    return action() ?? 0;
  } catch (error) {
    return failure(error);
  }
};

// LittleFS commits a file when it is closed: written beside it, then renamed over it.
export function replaceFile(path, data) {
  fs.writeFileSync(path + '.new', data);
  fs.renameSync(path + '.new', path);
}

// bytes(address, length): the interpreter's memory. before(), after(data): called around an append.
export function flashFunctions(folder, bytes, before = () => {}, after = () => {}) {
  const file = (name) => path.join(folder, path.basename(name));
  return {
    file_names: () => fs.readdirSync(folder).join('\n'),
    file_size: (name) => attempt(() => fs.statSync(file(name)).size),
    file_read: (name, address, length) =>
      attempt(() => fs.readFileSync(file(name)).copy(bytes(address, length))),
    // One write call: an ended worker leaves the whole record or nothing of it.
    file_append: (name, address, length) =>
      attempt(() => {
        before();
        fs.appendFileSync(file(name), bytes(address, length));
        after(bytes(address, length));
      }),
    file_write: (name, address, length) => attempt(() => replaceFile(file(name), bytes(address, length))),
    file_remove: (name) => attempt(() => fs.rmSync(file(name))),
  };
}
