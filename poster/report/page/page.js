// Draws the figures of the report from the JSON of the page, and moves in them.
// The charts of a figure show one stretch of time, [from, to]; zooming sets it in all of them.
// Texts of the history reach the page by textContent only, never as markup.
"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
const said = document.getElementById("said");
const FAILED = -1, UNKNOWN = -2; // answers without a release
const ERRORS_ONLY = 1; // Vega warns of empty data, which is no fault
const NEAR_PX = 14;
const STEP_ROWS = 4;
const STEP_ROW_PX = 15;
const LABEL_PX = 6.4; // one character of a step's label, on average

const rowsOf = (columns) => {
  const full = Object.entries(columns).map(([name, column]) =>
    [name, column.texts ? column.codes.map((code) => column.texts[code] ?? null) : column]);
  const length = full.length ? full[0][1].length : 0;
  return Array.from({ length }, (_, n) => Object.fromEntries(full.map(([name, column]) => [name, column[n]])));
};
const lookOf = (answer) => page.looks[answer];
const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const seconds = (value) => `${number(value, 3)} s`;
const percent = (value) => `${number(value * 100, 1)} %`;

// Datasets -------------------------------------------------------------------------------------

function datasetsOf(figure) {
  const spot = (row) => {
    const { colour, shape } = lookOf(row.answer);
    const inLane = { above: [0.08, 0.46], below: [0.54, 0.92] }[shape] || [0.3, 0.7];
    return { colour, top: row.lane + inLane[0], bottom: row.lane + inLane[1], middle: row.lane + (inLane[0] + inLane[1]) / 2 };
  };
  const calls = rowsOf(figure.calls).map((row, n) => ({
    ...row, ...spot(row), row: n, kind: "call",
    latency: row.latency_ms === null ? null : Math.max(row.latency_ms, 0.01),
    ticks: !figure.cells && row.answer !== FAILED && row.answer !== UNKNOWN,
  }));
  const bins = rowsOf(figure.bins).map((row) => ({
    ...row, kind: "bin", none: 0, errors: row.failed + row.unknown, middle: (row.from + row.to) / 2,
  }));
  const share = rowsOf(figure.share || {});
  return {
    calls, bins, share: share.map((row, n) => bandFrom(row, share[n + 1])),
    cells: rowsOf(figure.cells || {}).map((row) => ({ ...row, ...spot(row), kind: "cell" })),
    environments: environmentsOf(figure, bins),
    windows: figure.windows, planned: figure.planned || [], settled: figure.settled || [],
    steps: figure.steps.map((step) => ({
      ...step, kind: "step", width: step.telling ? 1.6 : 0.7,
      colour: step.telling ? "var(--ink)" : "var(--muted)",
    })),
  };
}

// Between two points the upper bound of the earlier and the lower bound of the later one hold.
function bandFrom(point, next) {
  return { ...point, kind: "share", high: point.high, low: next ? next.low : point.low, next: next ? next.at : point.at };
}

// A moment without an answer is a count of 0, not a line across it.
function environmentsOf(figure, bins) {
  const found = rowsOf(figure.environments);
  for (const row of found) {
    const bin = bins.find((each) => each.bin === row.bin);
    (bin.environments ||= []).push(row);
  }
  const answers = [...new Set(found.map((row) => row.answer))];
  return answers.flatMap((answer) => bins.flatMap((bin) => {
    const row = (bin.environments || []).find((each) => each.answer === answer);
    const at = { answer, colour: lookOf(answer).colour, environments: row ? row.environments : 0 };
    return bin === bins[bins.length - 1] ? [{ ...at, from: bin.from }, { ...at, from: bin.to }] : [{ ...at, from: bin.from }];
  }));
}

// A step's stem runs down from its name, so a name goes below all that it would run into. Where
// there are too many rows a minor step goes without its name. Returns the rows' height.
function placeSteps(steps, figure, width) {
  const placed = [];
  for (const step of steps) {
    const x = ((step.at - figure.all[0]) / (figure.all[1] - figure.all[0])) * width;
    const row = Math.max(0, ...placed.filter((each) => each.end > x).map((each) => each.row + 1));
    const named = row < STEP_ROWS || step.telling;
    step.shown = named ? step.label : "";
    step.top = Math.min(row, STEP_ROWS - 1) * STEP_ROW_PX + 2;
    if (named) placed.push({ row: Math.min(row, STEP_ROWS - 1), end: x + step.label.length * LABEL_PX + 10 });
  }
  return (1 + Math.max(0, ...placed.map((each) => each.row))) * STEP_ROW_PX + 4;
}

// Cards: what a tooltip says -------------------------------------------------------------------

const cards = {
  call: (row) => [`Call ${row.seq}: ${row.todo_id}`, [
    ["answered by", lookOf(row.answer).name],
    ["poster", row.poster],
    ["sent, answered", row.latency_ms === null ? `${seconds(row.sent)}, never` : `${seconds(row.sent)}, ${seconds(row.at)}`],
    ["latency", row.latency_ms === null ? null : `${number(row.latency_ms, 1)} ms${row.cold_start ? ", cold start" : ""}`],
    ["code, config", row.marker === null ? null : `${row.marker}, ${row.config_marker ?? "-"}`],
    ["version", row.function_version],
    ["environment", row.instance_id],
    ["status", row.status],
    ["error", row.error],
  ]],
  cell: (row) => [`${number(row.calls)} calls`, [
    ["answered by", lookOf(row.answer).name],
    ["between", `${seconds(row.from)} and ${seconds(row.to)}`],
  ]],
  bin: (row) => [`${seconds(row.from)} to ${seconds(row.to)}`, [
    ["answered ok", number(row.ok)], ["failed", number(row.failed)], ["unknown", number(row.unknown)],
    ["median", row.p50 === null ? null : `${number(row.p50, 1)} ms`],
    ["p99, max", row.p99 === null ? null : `${number(row.p99, 1)}, ${number(row.max, 1)} ms`],
    ["cold starts", number(row.cold_starts)],
    ...(row.environments || []).map((each) => [lookOf(each.answer).name, `${each.environments} environments`]),
  ]],
  step: (row) => [row.label, row.names],
  share: (row) => [`${percent(row.share)} stale`, [
    ["sent at", seconds(row.at)], ["95 % band", `${percent(row.low)} to ${percent(row.high)}`],
  ]],
};

function showTip(datum, x, y) {
  const [title, rows] = cards[datum.kind](datum);
  const shown = rows.filter(([, text]) => text !== null && text !== undefined);
  const heading = document.createElement("b");
  heading.textContent = title;
  tip.replaceChildren(heading, ...shown.map((cells) => {
    const line = document.createElement("div");
    line.append(...cells.map((text, n) => Object.assign(document.createElement(n ? "bdi" : "span"), { textContent: text })));
    return line;
  }));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 16, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 14) : y + 18}px`;
  return `${title}. ${shown.map((cells) => cells.join(" ")).join(", ")}.`;
}

function hideTip() { tip.hidden = true; }

// Zoom -----------------------------------------------------------------------------------------

function setRange(figure, from, to) {
  const [first, last] = figure.all;
  const span = Math.min(last - first, Math.max(to - from, (last - first) / 5000));
  const begin = Math.min(Math.max(from, first), last - span);
  figure.range = [begin, begin + span];
  return Promise.all(figure.views.map(({ view }) =>
    view.signal("from_s", figure.range[0]).signal("to_s", figure.range[1]).runAsync()));
}

function zoomBy(figure, factor, share = 0.5) {
  const [from, to] = figure.range;
  const at = from + (to - from) * share;
  return setRange(figure, at - (at - from) * factor, at + (to - at) * factor);
}

function moveBy(figure, share) {
  const [from, to] = figure.range;
  return setRange(figure, from + (to - from) * share, to + (to - from) * share);
}

const moves = {
  left: (figure) => moveBy(figure, -0.25), right: (figure) => moveBy(figure, 0.25),
  in: (figure) => zoomBy(figure, 0.5), out: (figure) => zoomBy(figure, 2),
  all: (figure) => setRange(figure, ...figure.all),
};
const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", 0: "all" };

function announceRange(figure) {
  said.textContent = `Showing ${seconds(figure.range[0])} to ${seconds(figure.range[1])}`;
}

// Choosing a call ------------------------------------------------------------------------------

function mark(figure, { view }, row) {
  if (figure.chosen !== row) view.signal("cursor", row).runAsync();
  figure.chosen = row;
}

async function choose(figure, call) {
  const [from, to] = figure.range;
  if (call.at < from || call.at > to) await setRange(figure, call.at - (to - from) / 2, call.at + (to - from) / 2);
  const strip = figure.views.find((each) => each.kind === "strip");
  const { view, plot } = strip;
  mark(figure, strip, call.row);
  plot.scrollIntoView({ block: "nearest", behavior: "instant" });
  const box = plot.getBoundingClientRect();
  const [left, top] = view.origin();
  said.textContent = showTip(call, box.left + left + view.scale("x")(call.at), box.top + top + view.scale("y")(call.middle));
}

function step(figure, by) {
  const calls = figure.data.calls;
  const first = calls.findIndex((call) => call.at >= figure.range[0]);
  const next = figure.chosen < 0 ? Math.max(first, 0) : figure.chosen + by;
  if (next >= 0 && next < calls.length) choose(figure, calls[next]);
}

// The call or cell under the pointer: ticks are thin, so the nearest one in reach counts.
function under(figure, { view, plot }, event) {
  const box = plot.getBoundingClientRect();
  const [left, top] = view.origin();
  const x = view.scale("x"), y = view.scale("y");
  const at = x.invert(event.clientX - box.left - left), row = y.invert(event.clientY - box.top - top);
  const reach = Math.abs(x.invert(NEAR_PX) - x.invert(0));
  const inLane = (each) => each.lane === Math.floor(row);
  const side = (each) => (row < each.top || row > each.bottom ? 1 : 0);
  let best = null;
  for (const call of figure.data.calls) {
    if (!inLane(call) || !(call.ticks || call.answer === FAILED || call.answer === UNKNOWN)) continue;
    const far = Math.abs(call.at - at) / reach + side(call) * 0.6;
    if (Math.abs(call.at - at) <= reach && (!best || far < best.far)) best = { far, call };
  }
  return best?.call ?? figure.data.cells.find((cell) => inLane(cell) && !side(cell) && cell.from <= at && at <= cell.to);
}

// Wiring ---------------------------------------------------------------------------------------

function listen(figure, each) {
  const { view, plot, kind } = each;
  const shareAt = (event) => {
    const box = plot.getBoundingClientRect();
    return (event.clientX - box.left - view.origin()[0]) / view.width();
  };
  const timeAt = (event) => figure.range[0] + Math.min(1, Math.max(0, shareAt(event))) * (figure.range[1] - figure.range[0]);
  let brush = null;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    brush = { from: timeAt(event), x: event.clientX, mark: document.createElement("div") };
    brush.mark.className = "brush";
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    if (brush && Math.abs(event.clientX - brush.x) > 4) {
      const left = plot.getBoundingClientRect().left;
      brush.mark.style.left = `${Math.min(event.clientX, brush.x) - left}px`;
      brush.mark.style.width = `${Math.abs(event.clientX - brush.x)}px`;
      plot.append(brush.mark);
      hideTip();
    } else if (kind === "strip") {
      const found = under(figure, each, event);
      mark(figure, each, found?.kind === "call" ? found.row : -1);
      if (found) showTip(found, event.clientX, event.clientY); else hideTip();
    }
  });
  plot.addEventListener("pointerup", (event) => {
    if (brush && brush.mark.isConnected) setRange(figure, ...[brush.from, timeAt(event)].sort((a, b) => a - b));
    brush?.mark.remove();
    brush = null;
  });
  plot.addEventListener("pointercancel", () => { brush?.mark.remove(); brush = null; });
  plot.addEventListener("pointerleave", hideTip);
  plot.addEventListener("dblclick", () => moves.all(figure));
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(figure, event.deltaY > 0 ? 1.25 : 0.8, shareAt(event));
  }, { passive: false });
}

function listenToKeys(figure, element) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in keys) moves[keys[event.key]](figure).then(() => announceRange(figure));
    else if (event.key === "n" || event.key === "p") step(figure, event.key === "n" ? 1 : -1);
    else if (event.key === "Escape") hideTip();
    else return;
    event.preventDefault();
  });
  element.addEventListener("blur", hideTip);
  for (const button of element.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => moves[button.dataset.zoom](figure).then(() => announceRange(figure)));
  }
}

async function draw(element) {
  const figure = page.figures[element.dataset.figure];
  Object.assign(figure, { data: datasetsOf(figure), range: figure.all, views: [], chosen: -1 });
  const stepsHeight = placeSteps(figure.data.steps, figure, element.clientWidth - 90);
  for (const plot of element.querySelectorAll(".plot")) {
    const kind = plot.dataset.chart;
    const spec = { ...figure.specs[kind], datasets: figure.data };
    if (kind === "steps") spec.height = stepsHeight;
    spec.params = spec.params.map((each) =>
      each.name === "from_s" ? { ...each, value: figure.all[0] } : each.name === "to_s" ? { ...each, value: figure.all[1] } : each);
    const { view } = await vegaEmbed(plot, spec, {
      actions: false, ast: true, defaultStyle: false, renderer: "svg", logLevel: ERRORS_ONLY,
      tooltip: (_, event, __, value) => (value ? showTip(value, event.clientX, event.clientY) : kind === "strip" || hideTip()),
    });
    figure.views.push({ view, plot, kind });
    listen(figure, figure.views[figure.views.length - 1]);
  }
  listenToKeys(figure, element);
}

// The last word is for tests: all figures stand.
Promise.all([...document.querySelectorAll("[data-figure]")].map(draw))
  .then(() => { document.documentElement.dataset.drawn = "yes"; });
