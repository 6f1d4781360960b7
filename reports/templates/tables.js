// Tables that are sorted by their heads, and what they hold as CSV files.

const SVG = "http://www.w3.org/2000/svg";

function drawing(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A cell's value: a number where it is one; without any it comes last, in either direction.
function cellValue(row, column) {
  const text = row.cells[column].dataset.value ?? row.cells[column].textContent;
  if (text === "") return null;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function compareCells(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return compareIds(String(a), String(b));
}

function sortTable(table) {
  const head = table.tHead.querySelector("[aria-sort=ascending], [aria-sort=descending]");
  if (!head) return;
  const sign = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => [cellValue(row, head.cellIndex), row]);
  rows.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : sign * compareCells(a, b)));
  body.append(...rows.map(([, row]) => row));
}

function openTable(table) {
  const heads = Array.from(table.tHead.querySelectorAll("[aria-sort]"));
  for (const head of heads) {
    head.querySelector("button").addEventListener("click", () => {
      const turned = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of heads) other.setAttribute("aria-sort", other === head ? turned : "none");
      sortTable(table);
    });
  }
}

// A text that a spreadsheet would take for a formula has an apostrophe before it.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvText(head, rows) {
  return [head, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

function saveCsv(name, head, rows) {
  const file = new Blob(["\ufeff", csvText(head, rows)], { type: "text/csv;charset=utf-8" });
  const link = element("a", { download: name, href: URL.createObjectURL(file) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
