// The technician's corner: enrolling, and what a technician wants to know of a device that works.
// It opens by five touches of the sign in the corner (or Ctrl+Alt+P) and the PIN chosen at enrolment.
import * as voice from './voice.js';

const TAPS = 5;
const TAPS_MS = 4000;
const OPEN_MS = 180_000;
const ROUNDS = 200_000; // of PBKDF2
const LINES = 60;
const WAIT_MS = 30_000; // after five wrong PINs, doubled each time
const TRIES = 5;

let device; // {ask, testKeys, tell} of page.js
let kept; // {salt, hash} of the PIN
let taps = [];
let wrong = 0;
let shutUntil = 0;
let closing;
const lines = [];

const panel = () => document.getElementById('panel');
const base64 = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
const unbase64 = (data) => Uint8Array.from(atob(data), (one) => one.charCodeAt(0));

export const isClosed = () => panel().hidden;
export const log = (line) => void lines.push(`${new Date().toLocaleTimeString('zh-CN')} ${line}`) ?? lines.splice(0, lines.length - LINES);
export const usePin = (data) => void (kept = data && JSON.parse(new TextDecoder().decode(data)));

async function digest(pin, salt) {
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(pin), 'PBKDF2', false, ['deriveBits']);
  return base64(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ROUNDS }, key, 256));
}

async function sealed(pin) {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  return new TextEncoder().encode(JSON.stringify({ salt: base64(salt), hash: await digest(pin, salt) }));
}

const isRight = async (pin) => (await digest(pin, unbase64(kept.salt))) === kept.hash;

function element(name, members = {}, ...children) {
  const made = Object.assign(document.createElement(name), members);
  made.append(...children);
  return made;
}

const button = (textContent, onclick, className = '') => element('button', { type: 'button', textContent, onclick, className });

function open(...children) {
  panel().replaceChildren(...children);
  panel().hidden = false;
  document.body.classList.add('cornered');
  clearTimeout(closing);
}

export function close() {
  clearTimeout(closing);
  panel().replaceChildren();
  panel().hidden = true;
  document.body.classList.remove('cornered');
}

function stay() {
  clearTimeout(closing);
  closing = setTimeout(close, OPEN_MS);
}

export function build(parts) {
  device = parts;
  document.getElementById('brand').addEventListener('click', () => {
    const now = performance.now();
    taps = [...taps.filter((at) => now - at < TAPS_MS), now];
    if (taps.length >= TAPS) askPin();
  });
  addEventListener('keydown', (event) => event.ctrlKey && event.altKey && event.key === 'p' && askPin());
}

// Enrolling

export function enrol() {
  const file = element('input', { type: 'file', accept: '.json,application/json', id: 'bundle' });
  const [pin, again] = ['pin', 'pin-again'].map((id) => element('input', { id, className: 'secret', inputMode: 'numeric', autocomplete: 'off', maxLength: 12 }));
  const field = (input, text) => element('p', {}, element('label', { htmlFor: input.id, textContent: text }), input);
  const give = async () => {
    if (!file.files[0]) return refuse('请选择开通文件 Choose the bundle');
    if (!/^\d{4,12}$/.test(pin.value) || pin.value !== again.value) return refuse('维护密码为 4 至 12 位数字，两次输入须相同 PIN: 4 to 12 digits, twice the same');
    device.tell({ enrol: await file.files[0].text(), pin: await sealed(pin.value) });
  };
  open(
    element('h1', { textContent: '登记本评价器 Enrol this device' }),
    field(file, '开通文件 Bundle (….json)'),
    field(pin, '设定维护密码 New PIN'),
    field(again, '再输一次 PIN again'),
    element('p', { id: 'refusal', role: 'alert' }),
    button('登记 Enrol', give, 'chief'),
    element('p', { textContent: '文件只在这台机器上读取，不会上传；登记后请删除。 The file is read on this machine only; delete it afterwards.' }),
  );
}

export function refuse(why) {
  const place = document.getElementById('refusal');
  if (place) place.textContent = `${why}`;
}

// The PIN

function askPin() {
  if (!kept || !isClosed()) return;
  taps = [];
  stay();
  const shown = element('output', { id: 'typed', ariaLabel: 'PIN' });
  let typed = '';
  const type = (digit) => {
    typed = (typed + digit).slice(0, 12);
    shown.textContent = '•'.repeat(typed.length);
  };
  const enter = async () => {
    const left = Math.ceil((shutUntil - performance.now()) / 1000);
    if (left > 0) return refuse(`请 ${left} 秒后再试 Try again in ${left} s`);
    if (await isRight(typed)) return (wrong = 0), showCorner();
    if (++wrong % TRIES === 0) shutUntil = performance.now() + WAIT_MS * 2 ** (wrong / TRIES - 1);
    typed = shown.textContent = '';
    refuse('密码不对 Wrong PIN');
  };
  const pad = element('div', { className: 'pad' }, ...[...'123456789'].map((one) => button(one, () => type(one))), button('返回', close), button('0', () => type('0')), button('确定 OK', enter));
  panel().onkeydown = (event) => (/^\d$/.test(event.key) ? type(event.key) : event.key === 'Enter' && event.target.tagName !== 'BUTTON' && enter());
  open(element('h1', { textContent: '维护密码 PIN' }), shown, element('p', { id: 'refusal', role: 'alert' }), pad);
  stay();
}

// The corner

const shortly = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 3000))]);

async function look() {
  const [status, hashes] = await Promise.all([shortly(device.ask('status')), shortly(device.ask('hashes'))]);
  const [isPersistent, room] = await Promise.all([navigator.storage.persisted(), navigator.storage.estimate()]);
  const built = hashes?.manifest.files ?? {};
  const imported = Object.entries(hashes?.imported ?? {});
  const isAsBuilt = imported.length > 0 && imported.every(([name, hash]) => built[name]?.sha256 === hash);
  const yes = (isTrue, good, bad) => `${isTrue ? '✓' : '✗'} ${isTrue ? good : bad}`;
  return [
    ['评价器 Device', `${status?.device ?? '—'} · ${status?.hall ?? '—'} · ${status?.version ?? '—'}`],
    ['程序 Program', yes(isAsBuilt, `${imported.length} 个文件与清单一致 files as built`, '与清单不符 not as built')],
    ['网络 Network', yes(status?.isConnected, '已连接大厅 connected', '未连接，评价先存本机 not connected, ratings are kept here')],
    ['存储 Storage', yes(isPersistent, '浏览器保证保留 persistent', '浏览器未承诺保留，见安装说明 not persistent: see the docs')],
    ['空间 Room', `${Math.round((room.usage ?? 0) / 1024)} KB / ${Math.round((room.quota ?? 0) / 1024 / 1024)} MB`],
    ['离线 Offline', yes(navigator.serviceWorker?.controller, '断网可启动 starts without a network', '尚未就绪 not yet')],
    ['声音 Sound', yes(voice.canSound(), '可用 there', '不可用 none')],
  ];
}

async function showCorner() {
  const rows = await look();
  const table = element('dl', {}, ...rows.flatMap(([name, value]) => [element('dt', { textContent: name }), element('dd', { textContent: value })]));
  open(
    element('h1', { textContent: '维护 Maintenance' }),
    table,
    element(
      'div',
      { className: 'row' },
      button('逐键检测 Test the keys', () => (close(), device.testKeys())),
      button('触摸检测 Test touch', testTouch),
      button('声音检测 Test sound', voice.beep),
      button('全屏 Full screen', () => document.documentElement.requestFullscreen?.()),
      button('重新启动 Restart', () => location.reload()),
      button('关闭 Close', close, 'chief'),
    ),
    element('pre', { textContent: lines.slice(-12).join('\n') }),
  );
  stay();
}

// Twelve fields over the whole screen, each to be touched once.
function testTouch() {
  let left = 12;
  const field = () => {
    const one = button('', () => {
      if (one.classList.contains('good')) return;
      one.classList.add('good');
      if (!--left) setTimeout(showCorner, 500);
    });
    return one;
  };
  open(element('div', { className: 'touch' }, ...Array.from({ length: left }, field)));
  stay();
}
