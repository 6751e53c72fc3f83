// Live parts, presses that met a login that was over, and the login by an address with #TOKEN.

const RETRY_MS = 2000;
const POLL_MS = 10000; // where too many listen
const RENEW_MS = 3600000; // a page on a wall stays logged in, see session.py
const PRESS = "pingjia-press"; // a press that waits for the login, in this tab only
const PRESS_MS = 600000; // it is done after so long at most

// A live part: <div data-live="/path">, shown anew whenever the server sends it.
class LivePart {
  constructor(place) {
    this.place = place;
    document.addEventListener("visibilitychange", () => this.follow());
    this.follow();
  }

  // Nobody looks at a hidden tab, and listeners are few.
  follow() {
    if (document.hidden) this.end();
    else if (!this.source) this.begin();
  }

  begin() {
    this.source = new EventSource(this.place.dataset.live);
    this.source.onopen = () => document.body.classList.remove("offline", "polling");
    this.source.onmessage = (event) => this.show(event.data);
    this.source.addEventListener("change", (event) => this.change(JSON.parse(event.data)));
    this.source.onerror = () => this.lose();
  }

  // Runs of lines that are another now, the last one first.
  change(runs) {
    const lines = this.html.split("\n");
    for (const [from, to, put] of runs) lines.splice(from, to - from, ...put);
    this.show(lines.join("\n"));
  }

  show(html) {
    this.html = html;
    htmx.swap({ text: html, target: this.place, swap: "innerMorph" });
  }

  end() {
    this.source?.close();
    this.source = null;
  }

  // Asked again by us: EventSource gives up after an answer that is no stream. It does not tell
  // that answer either, so we ask without a stream: who is logged out goes to the login, and where
  // too many listen the part comes every now and then.
  async lose() {
    this.end();
    const answer = await ask(this.place.dataset.live);
    if (isLoginNeeded(answer)) return location.reload();
    const isFull = answer?.ok && answer.headers.get("Live") === "full";
    document.body.classList.toggle("offline", !answer?.ok);
    document.body.classList.toggle("polling", isFull);
    if (answer?.ok) this.show(await answer.text());
    await new Promise((resolve) => setTimeout(resolve, isFull ? POLL_MS : RETRY_MS));
    if (this.source) return; // the tab was hidden and is seen again
    if (isFull && !document.hidden) this.lose();
    else this.follow();
  }
}

function ask(path) {
  const options = { headers: { Accept: "text/html" }, redirect: "manual" };
  return fetch(path, options).catch(() => null);
}

function isLoginNeeded(answer) {
  return answer?.type === "opaqueredirect" || answer?.status === 401;
}

function logInByAddress() {
  const form = document.getElementById("login");
  const token = location.hash.slice(1);
  if (!form || !token) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.token.value = decodeURIComponent(token);
  form.submit();
}

// What htmx sent was refused, or nobody answered.
function markFailure(isFailed) {
  document.body.classList.toggle("failed", isFailed);
}

// The login is over: what was pressed is kept, and htmx goes to the login.
function keepPress({ request, response, target, swap }) {
  if (response?.status !== 401 || request.method !== "POST") return;
  const press = {
    page: location.pathname,
    at: Date.now(),
    action: request.action,
    values: [...(request.body ?? [])],
    target: target?.id ? `#${target.id}` : "body",
    swap,
  };
  sessionStorage.setItem(PRESS, JSON.stringify(press));
}

// Once, at the page on which it was pressed.
function repeatPress() {
  const press = JSON.parse(sessionStorage.getItem(PRESS) ?? "null");
  if (press?.page !== location.pathname) return;
  sessionStorage.removeItem(PRESS);
  const { action, target, swap } = press;
  if (Date.now() - press.at > PRESS_MS) return;
  htmx.ajax("POST", action, { values: Object.fromEntries(press.values), target, swap });
}

document.addEventListener("htmx:before:request", () => markFailure(false));
document.addEventListener("htmx:after:request", (event) => keepPress(event.detail.ctx));
document.addEventListener("htmx:response:error", () => markFailure(true));
document.addEventListener("htmx:error", () => markFailure(true));
logInByAddress();
document.addEventListener("DOMContentLoaded", repeatPress);
setInterval(() => ask(location.href), RENEW_MS);
for (const place of document.querySelectorAll("[data-live]")) new LivePart(place);
