// Building the document. Texts of a catalog or a model only ever become text nodes.

const format = new Intl.NumberFormat("en-US");

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Somebody else's text: its own direction, isolated from what stands around it.
function foreign(tag, className, text) {
  return element(tag, { class: className, dir: "auto" }, text);
}

function picture(row) {
  if (row?.picture === undefined) {
    return element("div", { class: "picture none" }, row?.why ? foreign("span", "why", row.why) : "no thumbnail");
  }
  const image = element("img", { alt: `Picture ${row.id ?? ""}`, decoding: "async" });
  image.src = `data:image/jpeg;base64,${data.pictures[row.picture]}`;
  return element("div", { class: "picture" }, image);
}

function confidence(row) {
  if (row.confidence === undefined) return element("span", { class: "confidence" }, "no confidence");
  const bar = element("span", { class: "meter", "aria-hidden": "true" }, element("span"));
  bar.firstChild.style.width = `${100 * row.confidence}%`;
  const number = element("span", {}, row.confidence.toFixed(2));
  return element("span", { class: "confidence", title: "Confidence: exp of the mean token log-probability" },
    element("span", { class: "sr" }, "Confidence "), bar, number);
}

function finish(row) {
  if (row.finish === "stop") return element("span", { class: "finish" }, "stop");
  return element("strong", { class: "finish" }, row.finish);
}

function pair(name, ...values) {
  const definition = element("dd");
  for (const value of values) definition.append(foreign("div", "", String(value)));
  return element("div", {}, foreign("dt", "", name), definition);
}

function jsonPairs(text, whole, wanted = () => true) {
  try {
    const parsed = JSON.parse(text);
    if (parsed && typeof parsed === "object") {
      return Object.entries(parsed).filter(([, value]) => wanted(value)).map(([name, value]) =>
        pair(name, typeof value === "string" ? value : JSON.stringify(value)));
    }
  } catch { /* cut off, or no JSON: shown as it is */ }
  return [pair(whole, text)];
}

// The rest of a row, built when it is first asked for.
function more(row) {
  const about = row.question ?? row.id ?? "this row";
  const summary = element("summary", {}, "Details", element("span", { class: "sr" }, ` of ${about}`));
  const details = element("details", { class: "more" }, summary);
  details.addEventListener("toggle", () => {
    if (details.querySelector("dl")) return;
    const pairs = [];
    if (row.question_id) pairs.push(pair("question id", row.question_id));
    if (row.made_by) pairs.push(pair("made by", row.made_by));
    if (row.uri) pairs.push(pair("uri", row.uri));
    if (row.prompt) pairs.push(pair("prompt", row.prompt));
    if (row.tokens !== undefined) pairs.push(pair("tokens", row.tokens));
    if (row.stage) pairs.push(pair("stage", row.stage));
    if (row.seed) pairs.push(pair("seed", row.seed));
    if (row.size) pairs.push(pair("size", row.size));
    if (row.settings) pairs.push(...jsonPairs(row.settings, "settings", (value) => value !== null));
    if (row.shown) pairs.push(pair("shown", ...row.shown));
    if (row.licenses) pairs.push(pair("licences", ...row.licenses));
    if (row.neighbors && !row.scores) pairs.push(pair("neighbours", ...row.neighbors));
    pairs.push(pair("key", row.key));
    details.append(element("dl", { class: "pairs" }, ...pairs));
    if (row.attributes) {
      details.append(element("p", { class: "label" }, "Attributes"),
        element("dl", { class: "pairs" }, ...jsonPairs(row.attributes, "attributes")));
    }
  });
  return details;
}

function identity(row) {
  return row.id ? foreign("p", "id", row.id) : element("p", { class: "id" }, "no id");
}

function said(row, className) {
  return row.text ? foreign("p", className, row.text) : element("p", { class: `${className} empty` }, "(empty)");
}

function captionCard([row]) {
  const references = (row.references ?? []).map((text) => foreign("p", "reference", text));
  return element("li", { class: "card caption-card" }, picture(row), element("div", { class: "body" },
    identity(row),
    said(row, "said"),
    references.length ? element("div", { class: "references" }, element("p", { class: "label" }, "Catalog"), ...references) : null,
    element("div", { class: "measures" }, confidence(row), finish(row), more(row))));
}

function answerLine(row) {
  const state = verdict(row);
  const mark = state === "unknown" ? element("span", { class: "mark" })
    : element("span", { class: `mark ${state}` }, element("span", { "aria-hidden": "true" }, state === "right" ? "✓" : "✗"),
      element("span", { class: "sr" }, state));
  const expected = row.answers
    ? element("p", { class: "expected" }, "expected ", foreign("bdi", "", row.answers.join(" / ")))
    : null;
  return element("li", { class: `line ${state}` }, mark,
    foreign("p", "question", row.question ?? ""),
    element("div", { class: "answer" }, said(row, "said"), expected),
    element("div", { class: "measures" }, confidence(row), finish(row), more(row)));
}

function answerCard(rows) {
  const wrong = rows.filter((row) => row.right === false).length;
  const tally = `${format.format(rows.length)} ${rows.length === 1 ? "question" : "questions"}` +
    (wrong ? `, ${format.format(wrong)} wrong` : "");
  // The caption run may hold more rows than the page does.
  const caption = captions[rows[0].caption]?.text;
  return element("li", { class: "card group" }, picture(rows.find((row) => row.picture !== undefined)),
    element("div", { class: "body" },
      element("div", { class: "group-head" }, identity(rows[0]), element("p", { class: "tally" }, tally),
        caption ? element("p", { class: "caption-text" }, element("span", { class: "label" }, "Caption "), foreign("bdi", "", caption)) : null),
      element("ol", { class: "lines" }, ...rows.map(answerLine))));
}

function vectorCard([row]) {
  return element("li", { class: "card caption-card" }, picture(row), element("div", { class: "body" },
    identity(row), row.text ? foreign("p", "said", row.text) : null,
    element("div", { class: "measures" }, modality(row), more(row))));
}

function modality(row) {
  return element("span", {}, row.cut ? `${row.modality}, text cut` : row.modality);
}

function neighbor(id, score) {
  const known = assets.get(id);
  const shown = known?.picture === undefined
    ? element("div", { class: "picture none" }, foreign("span", "why", known?.why ?? "no picture"))
    : picture({ id, picture: known.picture });
  return element("li", {}, shown, element("p", { class: "score" }, score.toFixed(3)),
    foreign("p", "id", id), known?.text ? foreign("p", "text", known.text) : null);
}

function queryCard([row]) {
  const near = (row.neighbors ?? []).map((id, index) => neighbor(id, row.scores[index]));
  const others = row.count - near.length;
  return element("li", { class: "card query-card" },
    element("div", { class: "asked" }, picture(row), identity(row),
      row.text ? foreign("p", "said", row.text) : null,
      element("div", { class: "measures" }, modality(row), more(row))),
    near.length ? element("ol", { class: "near" }, ...near,
      others ? element("li", { class: "empty" }, `and ${format.format(others)} more`) : null)
      : element("p", { class: "near empty" }, "No neighbours."));
}

// A sample's place among those of its request, by score where it has one.
function place(row) {
  return element("span", { class: "place" },
    element("span", { class: "rank", title: "Rank among the request's samples" }, `#${row.rank}`),
    row.score === undefined ? null : element("strong", { title: "Cosine of picture and prompt" }, row.score.toFixed(3)));
}

function sampleNotes(row) {
  return `sample ${row.sample}${row.contrasted ? ", contrasted" : ""}`;
}

function sample(row) {
  return element("li", {}, picture({ ...row, id: `${row.id}, sample ${row.sample}` }),
    element("p", { class: "score" }, place(row)), element("p", { class: "id" }, sampleNotes(row)));
}

function drawnCard(rows) {
  const ranked = rows.slice().sort((a, b) => a.rank - b.rank || a.sample - b.sample);
  const [best] = ranked;
  const alone = ranked.length === 1;
  const tellsPlace = alone && (best.score !== undefined || best.rank > 1 || best.sample > 0);
  const near = (best.neighbors ?? []).map((id) => foreign("bdi", "", id));
  const body = element("div", { class: "body" }, said(best, "said"), identity(best),
    near.length ? element("p", { class: "neighbors-line" }, "neighbours: ",
      ...near.flatMap((node, index) => (index ? [", ", node] : [node]))) : null,
    alone ? null : element("ol", { class: "near" }, ...ranked.map(sample)),
    element("div", { class: "measures" }, tellsPlace ? place(best) : null,
      tellsPlace ? element("span", {}, sampleNotes(best)) : null, element("span", {}, `seed ${best.seed}`), more(best)));
  return element("li", { class: "card drawn-card" }, alone ? picture(best) : null, body);
}

function scoredCard([row], run, metric) {
  const references = (row.references ?? []).map((text) => foreign("li", "reference", text));
  const scores = (row.values ?? []).map((value, index) => element("div", index === metric ? { class: "chosen" } : {},
    element("dt", {}, run.scores[index]), element("dd", {}, value === null ? "–" : value.toFixed(4))));
  return element("li", { class: "card scored-card" }, run.pictured ? picture(row) : null,
    element("div", { class: "body" }, identity(row),
      row.question_id ? element("p", { class: "id" }, "question ", foreign("bdi", "", row.question_id)) : null,
      said(row, "said"),
      references.length ? element("ul", { class: "references", "aria-label": "Compared with" }, ...references) : null,
      element("dl", { class: "measures" }, ...scores),
      element("div", { class: "measures" }, ...(row.slices ?? []).map((slice) =>
        foreign("span", "", data.evaluation.slices[slice])), more(row))));
}

function failureCard([row]) {
  return element("li", { class: "card failure" }, row.picture === undefined ? null : picture(row),
    element("div", { class: "body" },
      element("div", { class: "failure-head" }, element("strong", {}, row.kind),
        element("span", {}, `in ${row.stage}${row.retryable ? ", tried again next time" : ""}`)),
      said({ text: row.message }, "message"),
      element("div", { class: "failure-row" }, identity(row), more(row))));
}
