// The overview's search: it hides what has none of the words, also in what comes anew.

const words = document.getElementById("find-words");
const isTroubledOnly = document.getElementById("find-troubled");
const none = document.getElementById("find-none");

document.getElementById("find").addEventListener("input", sift);
document.getElementById("find").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("htmx:after:swap", sift);

function sift() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of document.querySelectorAll("[data-find]")) {
    const text = row.textContent.toLowerCase();
    const isFound = wanted.every((word) => text.includes(word));
    row.hidden = !isFound || (isTroubledOnly.checked && !("troubled" in row.dataset));
    if (!row.hidden) count += 1;
  }
  none.hidden = count > 0;
}
