// The voice: the browser's own, in the language shown, or two tones where it has none for it. The
// same for every level.
import { language, word } from './words.js';

const SPEECH = { zh: 'zh-CN', en: 'en-US' };
let volume = 20 / 30;
let sound;

export const setVolume = (level) => void (volume = level / 30);

export function say(key) {
  hush();
  if (!volume) return;
  const wanted = SPEECH[language()] ?? language();
  const voices = globalThis.speechSynthesis?.getVoices() ?? [];
  const voice = voices.find((one) => one.lang.replace('_', '-').startsWith(wanted.slice(0, 2)));
  if (!voice) return beep();
  const said = new SpeechSynthesisUtterance(word(key));
  Object.assign(said, { voice, lang: voice.lang, volume, rate: 0.95 });
  speechSynthesis.speak(said);
}

export const hush = () => globalThis.speechSynthesis?.cancel();

// Whether this browser can be heard.
export const canSound = () => Boolean(globalThis.AudioContext);

export function beep() {
  if (!canSound() || !volume) return;
  sound ??= new AudioContext();
  if (sound.state === 'suspended') sound.resume().catch(() => {});
  for (const [at, frequency] of [[0, 660], [0.14, 880]]) {
    const [tone, gain] = [sound.createOscillator(), sound.createGain()];
    tone.frequency.value = frequency;
    gain.gain.value = volume * 0.2;
    tone.connect(gain).connect(sound.destination);
    tone.start(sound.currentTime + at);
    tone.stop(sound.currentTime + at + 0.12);
  }
}
