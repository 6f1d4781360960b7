"use strict";
// The data, and which of it a set of filters lets through. Nothing here touches the document.

const data = JSON.parse(document.getElementById("data").textContent);
const PAGE_ROWS = 60;

function searchText(row) {
  const parts = [row.id, row.question_id, row.question, row.text, row.kind, row.message, row.attributes];
  if (row.scores || row.rank) parts.push(row.prompt, ...(row.neighbors ?? []));
  if (row.values) parts.push(...(row.references ?? []), row.made_by);
  return parts.filter(Boolean).join("\n").toLowerCase();
}

for (const run of data.runs) {
  for (const row of run.rows.concat(run.failures)) row.searched = searchText(row);
}

const captions = data.runs.find((run) => run.job === "caption")?.rows ?? [];

// What is known of neighbours, by id.
const assets = new Map(data.assets);

// What a row is ordered by and filtered on: how sure the model was, how near the neighbours are,
// how near the picture is to its prompt, or the one of its scores that is chosen.
function measures(row, metric) {
  const one = row.confidence ?? row.score ?? row.values?.[metric] ?? undefined;
  return row.scores ?? (one === undefined ? [] : [one]);
}

function inRange(values, low, high, top) {
  if (low === null && high === null) return true;
  // Half open like the bars of the histogram, so that each value is in exactly one of them.
  return values.some((value) => value >= (low ?? -Infinity) && (value < (high ?? top) || (high ?? top) >= top));
}

function verdict(row) {
  return row.right === undefined ? "unknown" : row.right ? "right" : "wrong";
}

function matchingRows(run, rows, filters) {
  return rows.filter((row) =>
    row.searched.includes(filters.search) &&
    (!filters.right || verdict(row) === filters.right) &&
    (!filters.finish || row.finish === filters.finish) &&
    (!filters.count || String(row.count) === filters.count) &&
    (!filters.rank || String(row.rank) === filters.rank) &&
    (!filters.slice || (row.slices ?? []).includes(Number(filters.slice))) &&
    inRange(measures(row, filters.metric), filters.low, filters.high, run.tops?.[filters.metric] ?? 1));
}

function matchingFailures(run, filters) {
  return run.failures.filter((row) =>
    row.searched.includes(filters.search) && (!filters.kind || row.kind === filters.kind));
}

const compareIds = new Intl.Collator("en", { numeric: true }).compare;

// A row without a measure comes last, in either direction.
const ORDERS = {
  low: (a, b, metric) => (measures(a, metric)[0] ?? Infinity) - (measures(b, metric)[0] ?? Infinity),
  high: (a, b, metric) => (measures(b, metric)[0] ?? -Infinity) - (measures(a, metric)[0] ?? -Infinity),
  prompt: (a, b) => compareIds(a.text ?? "", b.text ?? "") || ORDERS.id(a, b),
  id: (a, b) => compareIds(a.id ?? "", b.id ?? "") || compareIds(a.question_id ?? "", b.question_id ?? ""),
};

// All rows in an order. It is kept until another one is asked for: what is typed only filters.
function orderRows(run, order, metric) {
  if (order === "worst" || order === "best") {
    order = (order === "worst") === Boolean(run.descending[metric]) ? "high" : "low";
  }
  if (!ORDERS[order]) return run.rows;
  const name = `${order} ${metric}`;
  if (run.ordered?.name !== name) {
    run.ordered = { name, rows: run.rows.slice().sort((a, b) => ORDERS[order](a, b, metric)) };
  }
  return run.ordered.rows;
}

// Groups of rows shown as one card: one row, the questions of one picture, or the pictures drawn of
// one request. Within an order the groups stand as their first rows do.
function groupRows(run, ordered) {
  if (!["answer", "generate", "edit"].includes(run.job)) return ordered.map((row) => [row]);
  const groups = new Map();
  for (const row of ordered) {
    const group = groups.get(row.id);
    if (group) group.push(row);
    else groups.set(row.id, [row]);
  }
  return Array.from(groups.values());
}

// Pages of about PAGE_ROWS rows. A group stays whole unless it alone exceeds a page.
function paginate(groups) {
  const pages = [];
  let page = [];
  let size = 0;
  for (const group of groups) {
    for (let start = 0; start < group.length; start += PAGE_ROWS) {
      const chunk = group.slice(start, start + PAGE_ROWS);
      if (size && size + chunk.length > PAGE_ROWS) {
        pages.push(page);
        page = [];
        size = 0;
      }
      page.push(chunk);
      size += chunk.length;
    }
  }
  if (size) pages.push(page);
  return pages;
}
