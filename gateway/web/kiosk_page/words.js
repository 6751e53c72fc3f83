// What the page says, in the languages that the hall has: one JSON file each, /kiosk/language.ID.json
//   {"language", "name", "direction": "ltr" | "rtl", "catalogue", "words": {…}, "reasons": {code: text}}
// Chinese is whole. What another one lacks is shown in Chinese, and marked as that.
const FIRST = 'zh';
const packs = new Map();
let current = FIRST;

const load = async (path) => (await fetch(path)).json();

export async function loadLanguages() {
  const ids = await load('/kiosk/languages.json');
  const read = await Promise.all(ids.map((id) => load(`/kiosk/language.${id}.json`).catch(() => null)));
  for (const pack of read) if (pack?.words && pack.language) packs.set(pack.language, pack);
}

// [(id, its own name, direction)], Chinese first.
export const languages = () =>
  [...packs.values()]
    .sort((one, other) => (other.language === FIRST) - (one.language === FIRST) || (other.language === 'en') - (one.language === 'en'))
    .map(({ language, name, direction }) => ({ language, name, direction }));

export const language = () => current;

export function useLanguage(id = FIRST) {
  current = packs.has(id) ? id : FIRST;
  document.documentElement.lang = current;
  document.documentElement.dir = packs.get(current)?.direction === 'rtl' ? 'rtl' : 'ltr';
}

const isFirst = () => current === FIRST;

// {text, lang}; lang is another one than the page's where the text is missing.
function find(part, key) {
  const own = packs.get(current)?.[part]?.[key];
  if (own !== undefined) return { text: own, lang: current };
  return { text: packs.get(FIRST)?.[part]?.[key] ?? String(key), lang: FIRST };
}

function put(element, { text, lang }) {
  element.textContent = text;
  const isMissing = lang !== current;
  element.classList.toggle('untranslated', isMissing);
  if (isMissing) element.lang = lang;
  else element.removeAttribute('lang');
  if (isMissing) element.dir = 'auto';
  else element.removeAttribute('dir');
}

export const word = (key) => find('words', key).text;
export const putWord = (element, key) => put(element, find('words', key));

// A face's word: the centre's own, where it has said one and Chinese is shown. What it says of keys
// that are reasons is for boxes with five of them.
export function putHeadline(element, face, settings) {
  const said = isFirst() && settings?.version > 0 && face !== 'asking' ? settings.words[face] : undefined;
  if (said) put(element, { text: said, lang: current });
  else putWord(element, face);
}

// The reasons of a level, [{code, text, lang}]: the catalogue's, or the device's own five words
// where this page has another edition of the catalogue.
export function reasonsOf(level, settings) {
  if (packs.get(FIRST)?.catalogue !== settings.catalogue) {
    return settings.codes[level - 1].map((code, at) => ({ code, text: settings.reasons[at], lang: FIRST }));
  }
  const codes = Object.keys(packs.get(FIRST).reasons).map(Number);
  return codes.filter((code) => Math.floor(code / 100) === level).map((code) => ({ code, ...find('reasons', code) }));
}

export const putReason = put;
