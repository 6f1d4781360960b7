// The list's state, and what the visitor does to it.

const byId = (id) => document.getElementById(id);
const form = byId("filters");
const list = byId("list");
const state = { view: "rows", page: 0 };
const placeholders = { rows: form.elements.search.placeholder, failures: "id, message, attributes" };

function bound(name) {
  const text = form.elements[name].value.trim();
  const value = Number(text);
  return text === "" || Number.isNaN(value) ? null : value;
}

function readFilters() {
  const value = (name) => form.elements[name]?.value ?? "";
  return {
    search: value("search").trim().toLowerCase(), right: value("right"), finish: value("finish"),
    low: bound("low"), high: bound("high"), sort: value("sort"), kind: value("kind"),
  };
}

function nouns(count) {
  if (state.view === "failures") return count === 1 ? "failure" : "failures";
  if (data.job === "answer") return count === 1 ? "answer" : "answers";
  return count === 1 ? "caption" : "captions";
}

function countText(pages, matches, all) {
  if (!matches) return `0 of ${format.format(all)} ${nouns(all)}`;
  const size = (some) => some.reduce((sum, group) => sum + group.length, 0);
  const before = pages.slice(0, state.page).reduce((sum, page) => sum + size(page), 0);
  const range = `${format.format(before + 1)}–${format.format(before + size(pages[state.page]))}`;
  const filtered = matches < all ? ` (filtered from ${format.format(all)})` : "";
  const total = `${format.format(matches)} ${nouns(matches)}${filtered}`;
  return pages.length > 1 ? `${range} of ${total}` : total;
}

function emptyText(all) {
  if (all) return `No ${nouns(0)} match these filters.`;
  if (state.view === "failures") return "No row of this run failed.";
  return list.dataset.empty;
}

function press(buttons, isPressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(isPressed(button)));
}

const bins = Array.from(document.querySelectorAll("[data-low]"));
const kinds = Array.from(document.querySelectorAll("button[data-kind]"));

function isBin(button, filters) {
  return Number(button.dataset.low) === filters.low && Number(button.dataset.high) === filters.high;
}

function show() {
  const filters = readFilters();
  const isRows = state.view === "rows";
  const rows = isRows ? matchingRows(filters) : matchingFailures(filters);
  const groups = isRows ? groupRows(rows, filters.sort) : rows.map((row) => [row]);
  const all = isRows ? data.rows.length : data.failures.length;
  const pages = paginate(groups);
  state.page = Math.max(0, Math.min(state.page, pages.length - 1));
  const card = !isRows ? failureCard : data.job === "answer" ? answerCard : captionCard;
  list.className = `list ${isRows ? data.job : "failures"}`;
  if (rows.length) list.replaceChildren(...pages[state.page].map(card));
  else list.replaceChildren(element("li", { class: "empty" }, emptyText(all)));
  form.hidden = !all;
  const text = all ? countText(pages, rows.length, all) : "";
  for (const pager of document.querySelectorAll("[data-pager]")) {
    pager.classList.toggle("idle", !all || (pages.length < 2 && pager.dataset.pager === "below"));
    pager.querySelector("p").textContent = text;
    pager.querySelector("[data-step='-1']").disabled = state.page === 0;
    pager.querySelector("[data-step='1']").disabled = state.page >= pages.length - 1;
    for (const button of pager.querySelectorAll("button")) button.hidden = pages.length < 2;
  }
  press(bins, (button) => isRows && isBin(button, filters));
  press(kinds, (button) => !isRows && button.dataset.kind === filters.kind);
}

function choose(view) {
  state.view = view;
  state.page = 0;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const selected = tab.id === `tab-${view}`;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    if (selected) byId("panel").setAttribute("aria-labelledby", tab.id);
  }
  for (const part of document.querySelectorAll("[data-view]")) part.hidden = part.dataset.view !== view;
  form.elements.search.placeholder = placeholders[view];
  show();
}

function refilter() {
  state.page = 0;
  show();
}

function toResults() {
  byId("results").scrollIntoView();
  byId("results").focus({ preventScroll: true });
}

form.addEventListener("input", refilter);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(refilter)); // after the fields are cleared

for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => {
    state.page += Number(button.dataset.step);
    show();
    toResults();
  });
}

const tabs = Array.from(document.querySelectorAll("[role=tab]"));
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab.id.slice("tab-".length)));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = tabs.find((candidate) => candidate !== tab);
    other.focus();
    other.click();
  });
}

for (const [index, button] of bins.entries()) {
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") === "true";
    form.elements.low.value = pressed ? "" : button.dataset.low;
    form.elements.high.value = pressed ? "" : button.dataset.high;
    choose("rows");
  });
  // One stop of the Tab key for all bars; the arrow keys go along them.
  button.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = bins[index + step];
    if (!next) return;
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

for (const button of kinds) {
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") === "true";
    form.elements.kind.value = pressed ? "" : button.dataset.kind;
    choose("failures");
    if (!pressed) byId("results").scrollIntoView();
  });
}

choose("rows");
