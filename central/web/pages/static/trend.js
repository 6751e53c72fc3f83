// Lines of the table with [data-trend]: its first column are the names, those with data-value the
// points. The table stands below for those who see no picture.

const line = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw(table, place) {
  const rows = [...table.tBodies[0].rows];
  const names = rows.map((row) => row.cells[0].textContent.trim());
  const points = rows.map((row) => {
    const cell = row.querySelector("[data-value]");
    return cell && cell.dataset.value !== "" ? Number(cell.dataset.value) : null;
  });
  const [text, grid] = [line("--soft"), line("--line")];
  const axis = { stroke: text, grid: { stroke: grid }, ticks: { stroke: grid } };
  place.replaceChildren();
  new uPlot(
    {
      width: place.clientWidth,
      height: 200,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => span(low, high) } },
      axes: [
        { ...axis, values: (_, at) => at.map((one) => names[one] ?? ""), incrs: [1, 2, 3, 6] },
        { ...axis, values: (_, at) => at.map((one) => `${one}%`), size: 56 },
      ],
      series: [
        {},
        { stroke: line("--accent"), width: 2, points: { show: true, size: 7 }, spanGaps: false },
      ],
    },
    [names.map((_, at) => at), points],
    place,
  );
}

// At least five points high, and no more than 100 %.
function span(low, high) {
  if (low === null) return [0, 100];
  const bottom = Math.max(0, Math.floor(Math.min(low, high - 4)) - 1);
  return [bottom, Math.min(100, Math.max(high + 1, bottom + 5))];
}

for (const table of document.querySelectorAll("[data-trend]")) {
  const place = document.createElement("div");
  place.setAttribute("aria-hidden", "true");
  table.parentElement.before(place);
  const again = () => draw(table, place);
  again();
  new ResizeObserver(again).observe(place.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
