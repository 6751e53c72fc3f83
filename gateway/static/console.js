// The window console's keys: F2 start, F4 invite, F8 close, F9 pause and resume. Function keys,
// because a Chinese input method takes letters.

const SETTLE_MS = 500; // the second half of a double click must not press the key that comes next

const consolePlace = document.getElementById("console");
let settledAt = 0;

document.addEventListener("keydown", (event) => {
  const button = consolePlace.querySelector(`button[data-key="${event.key}"]`);
  if (!button || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  if (!event.repeat) button.click();
});

consolePlace.addEventListener("htmx:after:request", () => {
  settledAt = performance.now() + SETTLE_MS;
});

function holdBack(event) {
  if (performance.now() >= settledAt) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

consolePlace.addEventListener("submit", holdBack, true);
