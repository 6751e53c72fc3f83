// The window console's keys: F2 sign in or start, F4 invite, F8 close, F9 pause and resume. Function keys,
// because a Chinese input method takes letters.

const DOUBLE_CLICK_MS = 500;

const consolePlace = document.getElementById("console");
let clickedAt = -DOUBLE_CLICK_MS;

// From what is typed down to what was found; among these the arrow keys choose, Enter takes.
consolePlace.addEventListener("keydown", (event) => {
  const found = document.getElementById(event.target.dataset?.choose ?? "");
  const first = event.key === "ArrowDown" && found?.querySelector("input");
  if (!first || event.isComposing) return;
  event.preventDefault();
  first.focus();
  first.checked = true;
});

document.addEventListener("keydown", (event) => {
  const button = consolePlace.querySelector(`button[data-key="${event.key}"]`);
  if (!button || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  if (event.repeat) return;
  htmx.process(consolePlace); // what has just come in; else the browser itself would send the form
  button.click();
});

// Whoever comes to a console that is empty may begin to type, or press Enter.
document.addEventListener("htmx:after:swap", takeFocus);
takeFocus();

function takeFocus() {
  const isFree = document.activeElement === document.body || !document.activeElement?.isConnected;
  if (isFree) consolePlace.querySelector("[autofocus]")?.focus();
}

// A small window that stays above the clerk's other programs, where the browser has such windows:
// Chromium, over https or on the gateway's own machine. It holds this page once more, by itself.
const smallWindow = document.getElementById("small-window");
if (window.top !== window) document.body.classList.add("small");
else if ("documentPictureInPicture" in window) smallWindow.parentElement.hidden = false;
smallWindow.addEventListener("click", openSmallWindow);

async function openSmallWindow() {
  const small = await documentPictureInPicture.requestWindow({ width: 380, height: 480 });
  const frame = small.document.createElement("iframe");
  frame.src = location.pathname;
  frame.title = document.title;
  small.document.title = document.title;
  Object.assign(small.document.body.style, { margin: 0 });
  Object.assign(frame.style, { border: 0, width: "100vw", height: "100vh", display: "block" });
  small.document.body.append(frame);
}

// The second half of a double click must not press the key that has come in its place.
consolePlace.addEventListener("click", dropSecondClick, true);

function dropSecondClick(event) {
  const isByPointer = event.detail > 0; // the keyboard's clicks count 0
  if (!isByPointer || !event.target.closest("button")) return;
  const isSecond = event.timeStamp - clickedAt < DOUBLE_CLICK_MS;
  clickedAt = event.timeStamp;
  if (!isSecond) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}
