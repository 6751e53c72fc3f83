// The kiosk's page: starts the device in its worker, draws what that shows, and hands it touches.
// It knows no level but while reasons are asked for, and forgets everything between citizens.
import * as corner from './corner.js';
import { beginAtHeadline, build, draw, notice, unnotice } from './face.js';
import { loadLanguages, useLanguage } from './words.js';
import * as voice from './voice.js';

const PING_MS = 5000;
const HANGS_MS = 30_000;
const RETRY_MS = 10_000;
const UPDATE_MS = 600_000;
const HELD_MS = 5000;
const IDLE_MS = 5000;
const SPOKEN = ['inviting', 'thanking', 'asking', 'out_of_service'];
const FLAWLESS = { face: 'starting', text: '', ticket: null, settings: null, level: 0, chosen: new Set(), tried: new Set(), isElder: false };

const state = { ...FLAWLESS };
let device;
let number = 0;
const waiting = new Map(); // number: what takes the answer
let heardAt = 0;
let citizen = ''; // whose the language and the size of print are
let standbySince = 0;
let isTesting = false;
let pressed = 0; // the key that was touched last, for the technician's test

// The device

function start(note = 0, cause = 'power', contacts = 0) {
  device?.terminate();
  waiting.clear();
  device = new Worker('/kiosk/device.js', { type: 'module', name: 'device' });
  device.onmessage = ({ data }) => events[data.event]?.(data);
  device.onerror = () => events.unloaded({});
  device.postMessage({ start: { note, cause, contacts } });
  heardAt = performance.now();
}

export const ask = (what) =>
  new Promise((resolve) => {
    waiting.set(++number, resolve);
    device.postMessage({ ask: what, number });
  });

export const restart = () => start(0, 'reset');

// Keys 1 and 5 are held at the start, until the firmware has seen it.
export function testKeys() {
  start(0, 'reset', 0b10001);
  isTesting = true;
}
export const tell = (message) => device.postMessage(message);

const events = {
  taken: () => showOwn('taken'),
  refused: ({ why }) => (console.warn(why), showOwn('refused'), setTimeout(restart, RETRY_MS)),
  unloaded: ({ why }) => (console.warn(why), showOwn('unloaded'), setTimeout(restart, RETRY_MS)),
  ready: ({ isEnrolled, pin }) => {
    if (isTesting) setTimeout(letGo, HELD_MS);
    corner.usePin(pin);
    tell({ selftest: [['storage', true], ['sound', voice.canSound()]] });
    if (!isEnrolled) showOwn('unenrolled'), corner.enrol();
  },
  enrolled: () => (corner.close(), restart()),
  unfit: ({ why }) => corner.refuse(why),
  ask: ({ level }) => Object.assign(state, { level, chosen: new Set() }),
  show: ({ shown }) => show(JSON.parse(shown)),
  answer: ({ answer }) => {
    if (answer === 'tried') state.tried.add(pressed), draw(state);
    notice(answer);
    voice.beep();
  },
  volume: ({ volume }) => voice.setVolume(volume),
  find: ({ seconds }) => blink(seconds),
  log: ({ line }) => corner.log(line),
  restart: ({ note }) => start(note, 'reset'),
  told: ({ number: asked, told }) => {
    heardAt = performance.now();
    waiting.get(asked)?.(told);
    waiting.delete(asked);
  },
};

// The face

function show(shown) {
  const isNew = shown.face !== state.face;
  if (shown.face !== 'asking') Object.assign(state, { level: 0, chosen: new Set() });
  if (shown.face === 'technician') letGo();
  else state.tried = new Set();
  const next = shown.ticket?.ticket_no ?? '';
  if (shown.face === 'standby' || (next && next !== citizen)) reset(next);
  Object.assign(state, shown);
  draw(state);
  if (!isNew) return;
  document.body.classList.remove('blinking');
  if (shown.face === 'inviting') unnotice();
  beginAtHeadline();
  standbySince = shown.face === 'standby' ? performance.now() : 0;
  if (SPOKEN.includes(shown.face)) voice.say(shown.face);
}

function letGo() {
  if (isTesting) tell({ up: 1 }), tell({ up: 5 });
  isTesting = false;
}

function showOwn(face) {
  show({ ...FLAWLESS, face });
}

// Nothing of one citizen is there for the next: language, size of print, what was chosen, voice.
function reset(next) {
  citizen = next;
  state.isElder = false;
  state.chosen = new Set();
  useLanguage();
  voice.hush();
}

function blink(seconds) {
  document.body.classList.add('blinking');
  setTimeout(() => document.body.classList.remove('blinking'), seconds * 1000);
}

// Touches: by finger, mouse, keys 1 to 5, or Enter and the space bar on a key that has the focus.

const fingers = new Map(); // pointer or key: level

function touch(by, level) {
  if (state.face === 'asking' || fingers.has(by)) return;
  pressed = level;
  fingers.set(by, level);
  tell({ down: level });
}

function release(by) {
  const level = fingers.get(by);
  fingers.delete(by);
  if (level && ![...fingers.values()].includes(level)) tell({ up: level });
}

const levelOf = (target) => Number(target.closest?.('.key')?.dataset.level ?? 0);

function listen() {
  const keys = document.getElementById('keys');
  keys.addEventListener('pointerdown', (event) => {
    const level = levelOf(event.target);
    if (level && event.button === 0) touch(event.pointerId, level);
  });
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, (event) => release(event.pointerId));
  // A screen reader's or a switch's click comes without a pointer.
  keys.addEventListener('click', (event) => {
    const level = levelOf(event.target);
    if (!level || event.detail !== 0) return;
    touch('click', level);
    release('click');
  });
  addEventListener('keydown', (event) => {
    if (/^[1-8]$/.test(event.key) && !event.ctrlKey && !event.altKey && corner.isClosed()) {
      if (event.repeat) return;
      if (state.face === 'asking') document.querySelectorAll('.reason')[event.key - 1]?.click();
      else if (event.key < 6) touch(event.code, Number(event.key));
    }
    if (event.key === 'Enter' && state.face === 'asking' && document.activeElement?.id === 'headline') submit();
    if (event.key === 'Escape' && state.face === 'asking') tell({ chosen: [], isOver: true });
  });
  addEventListener('keyup', (event) => release(event.code));
  addEventListener('blur', () => [...fingers.keys()].forEach(release));
}

function choose(code) {
  if (state.chosen.has(code)) state.chosen.delete(code);
  else state.chosen.add(code);
  tell({ chosen: [...state.chosen], isOver: false }); // whoever chooses has more time
  draw(state);
}

function submit() {
  if (state.chosen.size) tell({ chosen: [...state.chosen], isOver: true });
}

function useOther(change) {
  change();
  draw(state);
}

// A touchscreen in public: nothing to zoom, select, drag, open or leave.
function lockDown() {
  const forbid = (event) => event.preventDefault();
  for (const name of ['contextmenu', 'selectstart', 'dragstart', 'drop', 'gesturestart']) addEventListener(name, forbid);
  addEventListener('wheel', (event) => event.ctrlKey && event.preventDefault(), { passive: false });
  addEventListener('keydown', (event) => {
    const isZoom = (event.ctrlKey || event.metaKey) && ['+', '-', '=', '0', 'p', 's', 'u', 'o', 'f'].includes(event.key);
    if (isZoom || ['F1', 'F3', 'F6', 'F7', 'BrowserBack'].includes(event.key) || (event.altKey && event.key.startsWith('Arrow'))) forbid(event);
  });
  history.pushState(null, '');
  addEventListener('popstate', () => history.pushState(null, ''));
}

// A program that does not answer is started again, as a board's watchdog does it.
function supervise() {
  setInterval(() => {
    if (['taken', 'refused', 'unloaded'].includes(state.face)) return void (heardAt = performance.now());
    if (performance.now() - heardAt > HANGS_MS) return start(0, 'watchdog');
    ask('ping');
  }, PING_MS);
}

// The program is kept for days without a network; a new one is taken when nobody is here.
async function keepUp() {
  if (!navigator.serviceWorker) return;
  const had = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener('controllerchange', () => had && location.reload());
  const registration = await navigator.serviceWorker.register('/kiosk/service.js', { scope: '/kiosk' });
  setInterval(() => registration.update().catch(() => {}), UPDATE_MS);
  setInterval(() => {
    const isIdle = standbySince && performance.now() - standbySince > IDLE_MS && corner.isClosed();
    if (registration.waiting && isIdle) registration.waiting.postMessage('take over');
  }, 1000);
}

async function begin() {
  await loadLanguages();
  useLanguage();
  build({
    choose,
    submit,
    skip: () => tell({ chosen: [], isOver: true }),
    language: (id) => useOther(() => useLanguage(id)),
    elder: () => useOther(() => (state.isElder = !state.isElder)),
  });
  draw(state);
  if (!globalThis.crossOriginIsolated || !navigator.locks || !globalThis.indexedDB) return showOwn('unfit_browser');
  listen();
  lockDown();
  corner.build({ ask, testKeys, tell });
  start();
  supervise();
  keepUp().catch((error) => console.warn(error));
  navigator.storage?.persist?.().catch(() => {});
}

begin();
