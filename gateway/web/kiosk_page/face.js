// The face: what the device shows, drawn from one value. Nothing else on the page is kept from one
// citizen to the next, and nothing here knows which key it was but the list of reasons, whose texts
// are the level's: same boxes, same places, same size for all five.
import { putHeadline, putReason, putWord, languages, language, reasonsOf } from './words.js';

const LEVELS = [5, 4, 3, 2, 1];
const SERVED = ['serving', 'inviting', 'thanking', 'asking'];
const NOTICE_MS = 1800;
// Mouths and brows of the five faces, in a circle of radius 44 around 50, 50.
const FEATURES = {
  5: 'M26 56q24 34 48 0z M26 38q7-9 14 0 M60 38q7-9 14 0',
  4: 'M28 60q22 22 44 0 M34 36v6 M66 36v6',
  3: 'M30 65h40 M34 36v6 M66 36v6',
  2: 'M30 70q20-14 40 0 M34 38v6 M66 38v6',
  1: 'M28 74q22-26 44 0 M24 34l16 8 M76 34l-16 8',
};

const at = (id) => document.getElementById(id);
let noticeTimer;

function svg(level) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  node.setAttribute('viewBox', '0 0 100 100');
  node.setAttribute('aria-hidden', 'true');
  for (const [name, attributes] of [['circle', { cx: 50, cy: 50, r: 44 }], ['path', { d: FEATURES[level] }]]) {
    const part = document.createElementNS(node.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
    node.append(part);
  }
  return node;
}

// Makes the keys, the list and the buttons of the languages.
// on: {touch(level, isDown), choose(code), submit(), skip(), language(id), elder()}
export function build(on) {
  for (const level of LEVELS) {
    const key = document.createElement('button');
    Object.assign(key, { type: 'button', className: 'key' });
    key.dataset.level = level;
    key.append(svg(level), document.createElement('span'));
    at('keys').append(key);
  }
  for (let place = 0; place < 8; place++) {
    const box = document.createElement('button');
    Object.assign(box, { type: 'button', className: 'reason' });
    box.append(document.createElement('i'), document.createElement('span'));
    box.addEventListener('click', () => on.choose(Number(box.dataset.code)));
    at('list').append(box);
  }
  at('submit').addEventListener('click', on.submit);
  at('skip').addEventListener('click', on.skip);
  at('elder').addEventListener('click', on.elder);
  for (const { language: id, name, direction } of languages()) {
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', lang: id, dir: direction, textContent: name });
    button.addEventListener('click', () => on.language(id));
    at('languages').append(button);
  }
}

function drawService({ face, ticket: newest }) {
  const ticket = SERVED.includes(face) ? newest : null; // else of whoever was here before
  const staff = ticket?.staff && [ticket.staff.name, ticket.staff.staff_no].filter(Boolean).join(' ');
  for (const [id, text] of [['staff', staff], ['ticket', ticket?.ticket_no], ['matter', ticket?.matter]]) {
    at(id).hidden = !text;
    at(id).querySelector('b').textContent = text ?? '';
  }
}

function drawReasons({ level, settings, chosen }) {
  const reasons = reasonsOf(level, settings);
  for (const [place, box] of [...at('list').children].entries()) {
    const reason = reasons[place];
    box.hidden = !reason;
    if (!reason) continue;
    box.dataset.code = reason.code;
    box.setAttribute('aria-pressed', chosen.has(reason.code));
    putReason(box.querySelector('span'), reason);
  }
  at('submit').setAttribute('aria-disabled', chosen.size === 0);
}

function forgetReasons() {
  for (const box of at('list').children) {
    box.removeAttribute('data-code');
    box.setAttribute('aria-pressed', false);
    box.querySelector('span').textContent = '';
  }
}

// state: {face, text, ticket, settings, level, chosen, tried, isElder}
export function draw(state) {
  const { face, settings } = state;
  document.body.dataset.face = face;
  document.documentElement.classList.toggle('elder', state.isElder);
  for (const element of document.querySelectorAll('[data-word]')) putWord(element, element.dataset.word);
  putHeadline(at('headline'), face, settings);
  if (face === 'out_of_service') Object.assign(at('more'), { textContent: state.text.split(': ').pop() });
  else putWord(at('more'), `${face}_more`);
  drawService(state);
  const isAsking = face === 'asking' && state.level;
  at('reasons').hidden = !isAsking;
  at('keys').hidden = Boolean(isAsking);
  for (const key of at('keys').children) {
    putWord(key.querySelector('span'), `level_${key.dataset.level}`);
    key.setAttribute('aria-disabled', face !== 'inviting' && face !== 'technician');
    key.classList.toggle('tried', face === 'technician' && state.tried.has(Number(key.dataset.level)));
  }
  if (isAsking) drawReasons(state);
  else forgetReasons();
  at('elder').setAttribute('aria-pressed', state.isElder);
  for (const button of at('languages').children) button.setAttribute('aria-pressed', button.lang === language());
}

// What a press is answered with, for a moment.
export function notice(key) {
  clearTimeout(noticeTimer);
  putWord(at('notice'), key);
  document.body.classList.add('noticed');
  noticeTimer = setTimeout(unnotice, NOTICE_MS);
}

export function unnotice() {
  document.body.classList.remove('noticed');
  at('notice').textContent = '';
}

// Nobody's focus tells afterwards what was touched; a screen reader begins with the headline.
export const beginAtHeadline = () => at('headline').focus({ preventScroll: true });
