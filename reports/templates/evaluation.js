// An evaluation: its slices by metric, its rows, its tables as files.

const evaluation = data.evaluation;
const listed = openRun(data.runs[0], document.querySelector("main"));
const slicesTable = document.getElementById("slices-table");
const chosenMetric = document.getElementById("slices-metric");

function toldValue(value) {
  return value === null ? "–" : value.toLocaleString("en-US", { minimumFractionDigits: 4, maximumFractionDigits: 4 });
}

function toldChange(value) {
  return value === null ? "" : `${value < 0 ? "−" : "+"}${toldValue(Math.abs(value))}`;
}

// A value and its interval on a scale, with a line where all rows are.
function intervalPlot(value, low, high, all, [bottom, top]) {
  const place = (one) => `${(100 * (one - bottom)) / (top - bottom || 1)}%`;
  const plot = drawing("svg", { class: "interval", "aria-hidden": "true" });
  if (all !== null) plot.append(drawing("line", { class: "all", x1: place(all), x2: place(all), y1: 0, y2: 18 }));
  if (low !== null) plot.append(drawing("line", { class: "span", x1: place(low), x2: place(high), y1: 9, y2: 9 }));
  if (value !== null) plot.append(drawing("line", { class: "value", x1: place(value), x2: place(value), y1: 2, y2: 16 }));
  return plot;
}

function scaleOf(scores) {
  const ends = scores.flatMap(([, , ...some]) => some.slice(0, 3)).filter((one) => one !== null);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const margin = (high - low || Math.abs(high) || 1) / 20;
  return [low - margin, high + margin];
}

function numberCell(label, text, value = text) {
  return element("td", { role: "cell", class: "n", "data-label": label, "data-value": value ?? "" }, text);
}

function showSlices() {
  const metric = Number(chosenMetric.value);
  const scores = evaluation.scores.filter(([one]) => one === metric);
  const before = new Map(evaluation.before.filter(([one]) => one === metric).map((score) => [score[1], score[2]]));
  const all = scores.find(([, slice]) => slice === -1)?.[2] ?? null;
  const scale = scaleOf(scores);
  const rows = scores.filter(([, slice]) => slice >= 0).map(([, slice, value, low, high, count]) => {
    const then = before.get(slice) ?? null;
    const change = value === null || then === null ? null : value - then;
    return element("tr", { role: "row" },
      element("th", { role: "rowheader", scope: "row", "data-value": evaluation.slices[slice] }, foreign("bdi", "", evaluation.slices[slice])),
      numberCell("Value", toldValue(value), value),
      numberCell("Low", toldValue(low), low),
      numberCell("High", toldValue(high), high),
      element("td", { role: "cell", class: "plot-cell" }, intervalPlot(value, low, high, all, scale)),
      numberCell("Rows", format.format(count), count),
      evaluation.before.length ? numberCell("Change", toldChange(change) || "–", change) : null);
  });
  slicesTable.tBodies[0].replaceChildren(...rows);
  sortTable(slicesTable);
  const line = all === null ? "" : ` The dashed line is all rows: ${toldValue(all)}.`;
  document.getElementById("slices-scale").textContent =
    `${evaluation.metrics[metric]}: plots reach from ${toldValue(scale[0])} to ${toldValue(scale[1])}.${line}`;
}

const SCORE_HEAD = ["metric", "slice", "value", "low", "high", "count"];

function scoreRow([metric, slice, ...rest]) {
  return [evaluation.metrics[metric], slice < 0 ? "all" : evaluation.slices[slice], ...rest];
}

const CSV = {
  scores: () => [SCORE_HEAD, evaluation.scores.filter(([, slice]) => slice < 0).map(scoreRow)],
  slices: () => [SCORE_HEAD, evaluation.scores.filter(([, slice]) => slice >= 0).map(scoreRow)],
  evaluations: () => [
    ["run", "started", "model", "revision", "results", "references", "rows", "metric", "value", "low", "high", "count"],
    evaluation.earlier.flatMap((one) => one.scores.map(([metric, , ...rest]) => [
      one.run, new Date(1000 * one.started).toISOString(), one.model, one.revision, one.results,
      one.references, one.rows, evaluation.metrics[metric], ...rest,
    ])),
  ],
  distributions: () => [
    ["score", "low", "high", "rows"],
    evaluation.histograms.flatMap(({ name, bins }) => bins.map((bin) => [name, ...bin])),
  ],
  rows: () => [
    ["asset_id", "question_id", "text", "references", ...data.runs[0].scores, "slices", "uri"],
    listed().map((row) => [
      row.id ?? "", row.question_id ?? "", row.text ?? "", JSON.stringify(row.references ?? []), ...row.values,
      JSON.stringify((row.slices ?? []).map((slice) => evaluation.slices[slice])), row.uri ?? "",
    ]),
  ],
};

for (const button of document.querySelectorAll("button[data-csv]")) {
  button.addEventListener("click", () => {
    saveCsv(`${button.dataset.csv}-${evaluation.run}.csv`, ...CSV[button.dataset.csv]());
  });
}
for (const table of document.querySelectorAll("table[data-sorted]")) openTable(table);
if (chosenMetric) {
  chosenMetric.addEventListener("change", showSlices);
  showSlices();
}

function chosen(name) {
  const control = document.forms[0].elements[name];
  return control?.value ? (control.selectedOptions?.[0].textContent ?? control.value) : "";
}

// On paper nothing can be opened, and what was chosen is told in words.
const opened = [];
addEventListener("beforeprint", () => {
  const parts = [
    chosen("sort") && `${chosen("sort")}${chosen("sort") === "by id" ? "" : ` by ${chosen("metric")}`}`,
    chosen("slice") && `of slice ${chosen("slice")}`,
    (chosen("low") || chosen("high")) &&
      `${chosen("metric")} from ${chosen("low") || "the lowest"} to ${chosen("high") || "the highest"}`,
    chosen("search") && `with “${chosen("search").trim()}”`,
  ];
  document.querySelector(".printed").textContent = `Listed: ${parts.filter(Boolean).join(", ") || "all"}.`;
  for (const one of document.querySelectorAll("details.settings:not([open])")) {
    one.open = true;
    opened.push(one);
  }
});
addEventListener("afterprint", () => {
  for (const one of opened.splice(0)) one.open = false;
});
