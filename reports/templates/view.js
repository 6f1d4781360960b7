// One run's list: its state, and what the visitor does to it.

const CARDS = {
  caption: captionCard, answer: answerCard, embed: vectorCard, neighbors: queryCard,
  generate: drawnCard, edit: drawnCard, evaluate: scoredCard,
};
const NOUNS = {
  caption: ["caption", "captions"], answer: ["answer", "answers"],
  embed: ["vector", "vectors"], neighbors: ["query", "queries"],
  generate: ["drawn picture", "drawn pictures"], edit: ["edited picture", "edited pictures"],
  evaluate: ["row", "rows"], failure: ["failure", "failures"],
};

function press(buttons, isPressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(isPressed(button)));
}

function isBin(button, filters) {
  return Number(button.dataset.low) === filters.low && Number(button.dataset.high) === filters.high &&
    Number(button.dataset.metric ?? 0) === filters.metric;
}

// Tabs of which the arrow keys choose the next; only the chosen one is a stop of the Tab key.
function openTabs(tabs, choose) {
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      next.focus();
      choose(next);
    });
  }
}

function select(tabs, chosen) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
  }
}

// Gives a function that tells the rows that the filters let through, in their order.
function openRun(run, root) {
  const all = (selector) => Array.from(root.querySelectorAll(selector));
  const results = root.querySelector(".results");
  const form = results.querySelector("form");
  const list = results.querySelector("ol.list");
  const tabs = Array.from(results.querySelectorAll("[role=tab]"));
  const bins = all("[data-low]");
  const kinds = all("button[data-kind]");
  const counts = all("button[data-count]");
  const state = { view: "rows", page: 0 };
  const placeholders = { rows: form.elements.search.placeholder, failures: "id, message, attributes" };

  function bound(name) {
    const text = form.elements[name]?.value.trim() ?? "";
    const value = Number(text);
    return text === "" || Number.isNaN(value) ? null : value;
  }

  function readFilters() {
    const value = (name) => form.elements[name]?.value ?? "";
    return {
      search: value("search").trim().toLowerCase(), right: value("right"), finish: value("finish"),
      count: value("count"), rank: value("rank"),
      low: bound("low"), high: bound("high"), sort: value("sort"), kind: value("kind"),
      slice: value("slice"), metric: Number(value("metric")),
    };
  }

  function chosenRows(filters) {
    return matchingRows(run, orderRows(run, filters.sort, filters.metric), filters);
  }

  function nouns(count) {
    return NOUNS[state.view === "failures" ? "failure" : run.job][count === 1 ? 0 : 1];
  }

  function countText(pages, matches, total) {
    if (!matches) return `0 of ${format.format(total)} ${nouns(total)}`;
    const size = (some) => some.reduce((sum, group) => sum + group.length, 0);
    const before = pages.slice(0, state.page).reduce((sum, page) => sum + size(page), 0);
    const range = `${format.format(before + 1)}–${format.format(before + size(pages[state.page]))}`;
    const filtered = matches < total ? ` (filtered from ${format.format(total)})` : "";
    const found = `${format.format(matches)} ${nouns(matches)}${filtered}`;
    return pages.length > 1 ? `${range} of ${found}` : found;
  }

  function emptyText(total) {
    if (total) return `No ${nouns(0)} match these filters.`;
    if (state.view === "failures") return "No row of this run failed.";
    return list.dataset.empty;
  }

  function show() {
    const filters = readFilters();
    const isRows = state.view === "rows";
    const rows = isRows ? chosenRows(filters) : matchingFailures(run, filters);
    const groups = isRows ? groupRows(run, rows) : rows.map((row) => [row]);
    const total = isRows ? run.rows.length : run.failures.length;
    const pages = paginate(groups);
    state.page = Math.max(0, Math.min(state.page, pages.length - 1));
    const card = isRows ? CARDS[run.job] : failureCard;
    list.className = `list ${isRows ? run.job : "failures"}`;
    if (rows.length) list.replaceChildren(...pages[state.page].map((group) => card(group, run, filters.metric)));
    else list.replaceChildren(element("li", { class: "empty" }, emptyText(total)));
    form.hidden = !total;
    const text = total ? countText(pages, rows.length, total) : "";
    for (const pager of all("[data-pager]")) {
      pager.classList.toggle("idle", !total || (pages.length < 2 && pager.dataset.pager === "below"));
      pager.querySelector("p").textContent = text;
      pager.querySelector("[data-step='-1']").disabled = state.page === 0;
      pager.querySelector("[data-step='1']").disabled = state.page >= pages.length - 1;
      for (const button of pager.querySelectorAll("button")) button.hidden = pages.length < 2;
    }
    press(bins, (button) => isRows && isBin(button, filters));
    press(counts, (button) => isRows && button.dataset.count === filters.count);
    press(kinds, (button) => !isRows && button.dataset.kind === filters.kind);
  }

  function choose(view) {
    state.view = view;
    state.page = 0;
    const chosen = tabs.find((tab) => tab.dataset.tab === view);
    select(tabs, chosen);
    results.querySelector("[role=tabpanel]").setAttribute("aria-labelledby", chosen.id);
    for (const part of all("[data-view]")) part.hidden = part.dataset.view !== view;
    form.elements.search.placeholder = placeholders[view];
    show();
  }

  function refilter() {
    state.page = 0;
    show();
  }

  form.addEventListener("input", refilter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(refilter)); // after the fields are cleared

  for (const button of all("[data-step]")) {
    button.addEventListener("click", () => {
      state.page += Number(button.dataset.step);
      show();
      results.scrollIntoView();
      results.focus({ preventScroll: true });
    });
  }

  openTabs(tabs, (tab) => choose(tab.dataset.tab));

  for (const button of bins) {
    const others = Array.from(button.parentElement.children);
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      if (button.dataset.metric) form.elements.metric.value = button.dataset.metric;
      form.elements.low.value = pressed ? "" : button.dataset.low;
      form.elements.high.value = pressed ? "" : button.dataset.high;
      choose("rows");
    });
    // One stop of the Tab key for all bars of a chart; the arrow keys go along them.
    button.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = others[others.indexOf(button) + step];
      if (!next) return;
      button.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }

  for (const button of counts) {
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      form.elements.count.value = pressed ? "" : button.dataset.count;
      choose("rows");
    });
  }

  for (const button of kinds) {
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      form.elements.kind.value = pressed ? "" : button.dataset.kind;
      choose("failures");
      if (!pressed) results.scrollIntoView();
    });
  }

  choose(run.rows.length || !run.failures.length ? "rows" : "failures");
  return () => chosenRows(readFilters());
}
