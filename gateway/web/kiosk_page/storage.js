// The device's flash: one object store of IndexedDB, in a worker of its own, so that the firmware
// can wait for it. A write is over when its transaction is complete, durability `strict`: only then
// is anybody thanked. A Web Lock keeps every other tab and window out for as long as this one lives.
//
//   in:  {open: SharedArrayBuffer}   four bytes, in which the result of each write is told
//        {key, value}                a write; value undefined: remove it
//   out: {taken: true}               another window has the device; this one waits
//        {kept: Map}                 everything, once the lock is ours
//        {refused: text}             the browser keeps nothing here
const LOCK = 'pingjia-device';
const STORE = 'flash';
const [ENOSPC, EIO] = [28, 5];

let database;
let result; // 0: in progress, 1: complete, negative: -errno

const whole = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });

async function open(buffer) {
  result = new Int32Array(buffer);
  try {
    await navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => lock && hold());
    postMessage({ taken: true });
    await navigator.locks.request(LOCK, hold);
  } catch (error) {
    postMessage({ refused: String(error) }); // a browser that keeps nothing gives no locks, either
  }
}

// Never ends by itself: the lock is given back when this worker ends.
async function hold() {
  try {
    const request = indexedDB.open('pingjia', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    database = await whole(request);
    database.onclose = () => (database = undefined); // somebody has cleared the browser's data
    const store = database.transaction(STORE).objectStore(STORE);
    const [keys, values] = await Promise.all([whole(store.getAllKeys()), whole(store.getAll())]);
    postMessage({ kept: new Map(keys.map((key, at) => [key, values[at]])) });
  } catch (error) {
    postMessage({ refused: String(error) });
  }
  return new Promise(() => {});
}

function write(key, value) {
  try {
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
    const store = transaction.objectStore(STORE);
    if (value === undefined) store.delete(key);
    else store.put(value, key);
    transaction.oncomplete = () => tell(1);
    transaction.onabort = () => tell(-errno(transaction.error));
    transaction.commit();
  } catch (error) {
    tell(-errno(error));
  }
}

const errno = (error) => (error?.name === 'QuotaExceededError' ? ENOSPC : EIO);

function tell(value) {
  Atomics.store(result, 0, value);
  Atomics.notify(result, 0);
}

onmessage = ({ data }) => (data.open ? open(data.open) : write(data.key, data.value));
