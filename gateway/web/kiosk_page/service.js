// The service worker: the page, the firmware and the interpreter of one version, whole and checked,
// kept for as long as there is no network. FILES {path: SHA-256} is put before this by the gateway,
// so that a change of any file is a new version. It waits until the page says that nobody is there.
const PLACE = '/kiosk/';
const NAME = 'kiosk-';

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function version() {
  return NAME + hex(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(FILES)))).slice(0, 16);
}

async function fill() {
  const cache = await caches.open(await version());
  await Promise.all(
    Object.entries(FILES).map(async ([path, digest]) => {
      const answer = await fetch(PLACE + path, { cache: 'no-cache' });
      const content = await answer.clone().arrayBuffer();
      if (!answer.ok || hex(await crypto.subtle.digest('SHA-256', content)) !== digest) throw new Error(`${path} is another one`);
      await cache.put(PLACE + path, answer);
    }),
  );
}

async function forget() {
  const own = await version();
  for (const name of await caches.keys()) if (name.startsWith(NAME) && name !== own) await caches.delete(name);
  await clients.claim();
}

async function find(request) {
  const path = new URL(request.url).pathname;
  const name = path === '/kiosk' ? 'kiosk.html' : path.startsWith(PLACE) ? path.slice(PLACE.length) : '';
  if (!(name in FILES)) return fetch(request);
  const cache = await caches.open(await version());
  return (await cache.match(PLACE + name)) ?? fetch(request);
}

addEventListener('install', (event) => event.waitUntil(fill()));
addEventListener('activate', (event) => event.waitUntil(forget()));
addEventListener('message', ({ data }) => data === 'take over' && skipWaiting());
addEventListener('fetch', (event) => event.request.method === 'GET' && event.respondWith(find(event.request)));
