// The page's data: from the columns of the JSON to the rows that the charts draw.
"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const FAILED = -1, UNKNOWN = -2; // answers without a release
const STEP_ROWS = 4;
const STEP_ROW_PX = 15;
const LABEL_PX = 6.4; // one character of a step's label, on average

const rowsOf = (columns) => {
  const full = Object.entries(columns).map(([name, column]) =>
    [name, column.texts ? column.codes.map((code) => column.texts[code] ?? null) : column]);
  const length = full.length ? full[0][1].length : 0;
  return Array.from({ length }, (_, n) =>
    Object.fromEntries(full.map(([name, column]) => [name, column[n]])));
};
const isRelease = (answer) => answer !== FAILED && answer !== UNKNOWN;
const lookOf = (answer) => page.looks[answer];
// No latency is drawn as less than 10 us: the scale is logarithmic.
const drawable = (ms) => (ms === null ? null : Math.max(ms, 0.01));
const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const milliseconds = (value, more = "") =>
  (value === null ? null : `${number(value, 1)} ms${more}`);
const seconds = (value) => `${number(value, 3)} s`;
const percent = (value) => `${number(value * 100, 1)} %`;

// Datasets -------------------------------------------------------------------------------------

function datasetsOf(figure) {
  const spot = (row) => {
    const { colour, shape, dot } = lookOf(row.answer);
    const inLane = { above: [0.08, 0.46], below: [0.54, 0.92] }[shape] || [0.3, 0.7];
    const [top, bottom] = inLane.map((share) => row.lane + share);
    return { colour, dot, top, bottom, middle: (top + bottom) / 2 };
  };
  const calls = rowsOf(figure.calls).map((row, n) => ({
    ...row, ...spot(row), row: n, kind: "call",
    latency: drawable(row.latency_ms),
    ticks: !figure.cells && isRelease(row.answer), visible: !figure.cells || !isRelease(row.answer),
  }));
  const bins = rowsOf(figure.bins).map((row) => ({
    ...row, kind: "bin", none: 0, errors: row.failed + row.unknown, middle: (row.from + row.to) / 2,
    median: drawable(row.p50), tail: drawable(row.p99),
  }));
  const share = rowsOf(figure.share || {});
  return {
    calls, bins, share: share.map((row, n) => ({ ...row, kind: "share", next: (share[n + 1] || row).at })),
    cells: rowsOf(figure.cells || {}).map((row) => ({ ...row, ...spot(row), kind: "cell" })),
    environments: environmentsOf(figure, bins),
    windows: figure.windows, planned: figure.planned || [],
    steps: figure.steps.map((step) => ({
      ...step, kind: "step", width: step.safe ? 2.6 : step.telling ? 1.6 : 0.7,
      colour: step.safe ? "var(--clean)" : step.telling ? "var(--ink)" : "var(--muted)",
    })),
  };
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
    const { colour, dash } = lookOf(answer);
    const at = { answer, colour, dash, environments: row ? row.environments : 0 };
    const ends = bin === bins[bins.length - 1] ? [{ ...at, from: bin.to }] : [];
    return [{ ...at, from: bin.from }, ...ends];
  }));
}

// With room above and below, also where all calls take the same time.
function latencyRange({ calls, bins }) {
  const found = [...calls.map((call) => call.latency), ...bins.map((bin) => bin.max)]
    .filter((each) => each > 0);
  return found.length ? [Math.min(...found) / 1.4, Math.max(...found) * 1.4] : [1, 10];
}

// A step's stem runs down from its name, so a name goes below all that it would run into. In the left
// half it stands after its stem, in the right half before it, and what is nearer to the edge is placed
// first. The telling ones come before the others, which go without a name where there is no room.
// Returns the rows' height.
function placeSteps(steps, figure, width) {
  const placed = [];
  const [first, last] = figure.all;
  for (const step of steps) step.before = step.at > (first + last) / 2;
  const inTurn = [...steps].sort((a, b) => (b.telling - a.telling) || (a.before - b.before)
    || (a.before ? b.at - a.at : a.at - b.at));
  for (const step of inTurn) {
    const x = ((step.at - first) / (last - first)) * width;
    const length = step.label.length * LABEL_PX + 10;
    const [begin, end] = step.before ? [x - length, x] : [x, x + length];
    const met = placed.filter((each) => each.begin < end && begin < each.end);
    const row = Math.max(0, ...met.map((each) => each.row + 1));
    const crossed = placed.some((each) => begin < each.x && each.x < end && each.row < row);
    const named = row < STEP_ROWS && (step.telling || !crossed);
    step.shown = named ? step.label : "";
    step.top = named ? row * STEP_ROW_PX + 2 : STEP_ROWS * STEP_ROW_PX;
    if (named) placed.push({ x, row, begin, end });
  }
  const height = (1 + Math.max(0, ...placed.map((each) => each.row))) * STEP_ROW_PX + 4;
  for (const step of steps) step.top = Math.min(step.top, height - 6);
  return height;
}
