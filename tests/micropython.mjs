// Runs plain unittest files on the npm MicroPython, against the compiled firmware:
//   node tests/micropython.mjs build/firmware tests/protocol/test_record.py …
// Every argument after the first two is a file that is copied beside the test (the first).
// Prints what unittest prints; exits 1 if a test failed or none ran. With the environment's
// FLASH=folder there is a module `host` with a virtual board's flash in that folder.
import fs from 'node:fs';
import path from 'node:path';
import { flashFunctions } from '../simulator/devices/flash.mjs';
import { loadInterpreter } from '../simulator/devices/interpreter.mjs';

const [firmware, test, ...others] = process.argv.slice(2);
let output = '';
const print = (text) => (console.log(text), (output += text + '\n'));
const { interpreter, bytes } = await loadInterpreter(print);
if (process.env.FLASH) interpreter.registerJsModule('host', flashFunctions(process.env.FLASH, bytes));

function copy(from, to) {
  if (fs.statSync(from).isDirectory()) {
    interpreter.FS.mkdirTree(to);
    for (const entry of fs.readdirSync(from)) copy(path.join(from, entry), `${to}/${entry}`);
  } else {
    interpreter.FS.writeFile(to, fs.readFileSync(from));
  }
}

copy(path.join(firmware, 'lib'), '/lib');
for (const file of [test, ...others]) {
  interpreter.FS.mkdirTree(path.dirname(`/${file}`));
  copy(file, `/${file}`);
}
const module = path.basename(test, '.py');
try {
  interpreter.runPython(`
import sys, unittest
sys.path.insert(0, "/${path.dirname(test)}")
try:
    unittest.main("${module}")
except SystemExit:
    pass
`);
} catch (error) {
  console.log(error.message); // a stack would print the package's one long line
  process.exit(1);
}
const count = Number(/Ran (\d+) test/.exec(output)?.[1] ?? 0);
process.exit(count > 0 && /^OK/m.test(output) ? 0 : 1);
