// Live parts, and the login by an address that ends with #TOKEN.

const RETRY_MS = 2000;
const RENEW_MS = 3600000; // well within what the browser keeps a login, see session.py

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
    this.source.onopen = () => document.body.classList.remove("offline");
    this.source.onmessage = (event) =>
      htmx.swap({ text: event.data, target: this.place, swap: "innerMorph" });
    this.source.onerror = () => this.lose();
  }

  end() {
    this.source?.close();
    this.source = null;
  }

  // Asked again by us: EventSource gives up after an answer that is no stream.
  async lose() {
    this.end();
    document.body.classList.add("offline");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    if (await isLoginNeeded()) location.reload();
    else this.follow();
  }
}

async function isLoginNeeded() {
  const answer = await fetch(location.href, { method: "GET", redirect: "manual" }).catch(() => null);
  return answer?.type === "opaqueredirect";
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

document.addEventListener("htmx:before:request", () => markFailure(false));
document.addEventListener("htmx:response:error", () => markFailure(true));
document.addEventListener("htmx:error", () => markFailure(true));
logInByAddress();
setInterval(() => fetch(location.href).catch(() => null), RENEW_MS);
for (const place of document.querySelectorAll("[data-live]")) new LivePart(place);
