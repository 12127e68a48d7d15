// Draws the figures and moves in them. The charts of a figure show one stretch of time, [from, to];
// zooming sets it in all of them.

const said = document.getElementById("said");
const NEAR_PX = 14;
const ERRORS_ONLY = 1; // Vega warns of empty data, which is no fault

// Zoom -----------------------------------------------------------------------------------------

function setRange(figure, from, to) {
  const [first, last] = figure.all;
  const span = Math.min(last - first, Math.max(to - from, (last - first) / 5000));
  const begin = Math.min(Math.max(from, first), last - span);
  figure.range = span === last - first ? figure.all : [begin, begin + span];
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
  const [from, to] = figure.range, half = (to - from) / 2;
  if (call.at < from || call.at > to) await setRange(figure, call.at - half, call.at + half);
  const strip = figure.views.find((each) => each.kind === "strip");
  const { view, plot } = strip;
  mark(figure, strip, call.row);
  plot.scrollIntoView({ block: "nearest", behavior: "instant" });
  const box = plot.getBoundingClientRect();
  const [left, top] = view.origin();
  const x = box.left + left + view.scale("x")(call.at);
  const y = box.top + top + view.scale("y")(call.middle);
  said.textContent = showTip(call, x, y);
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
  const at = x.invert(event.clientX - box.left - left);
  const row = y.invert(event.clientY - box.top - top);
  const reach = Math.abs(x.invert(NEAR_PX) - x.invert(0));
  const inLane = (each) => each.lane === Math.floor(row);
  const side = (each) => (row < each.top || row > each.bottom ? 1 : 0);
  let best = null;
  for (const call of figure.data.calls) {
    if (!call.visible || !inLane(call)) continue;
    const far = Math.abs(call.at - at) / reach + side(call) * 0.6;
    if (Math.abs(call.at - at) <= reach && (!best || far < best.far)) best = { far, call };
  }
  return best?.call ?? figure.data.cells.find((cell) =>
    inLane(cell) && !side(cell) && cell.from <= at && at <= cell.to);
}

// Wiring ---------------------------------------------------------------------------------------

function listen(figure, each) {
  const { view, plot, kind } = each;
  const shareAt = (event) => {
    const box = plot.getBoundingClientRect();
    return (event.clientX - box.left - view.origin()[0]) / view.width();
  };
  const timeAt = (event) => {
    const [from, to] = figure.range;
    return from + Math.min(1, Math.max(0, shareAt(event))) * (to - from);
  };
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
    if (brush?.mark.isConnected) {
      setRange(figure, ...[brush.from, timeAt(event)].sort((a, b) => a - b));
    }
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
    button.addEventListener("click", () =>
      moves[button.dataset.zoom](figure).then(() => announceRange(figure)));
  }
}

async function draw(element) {
  const figure = page.figures[element.dataset.figure];
  Object.assign(figure, { data: datasetsOf(figure), range: figure.all, views: [], chosen: -1 });
  const stepsHeight = placeSteps(figure.data.steps, figure, element.clientWidth - 90);
  const [low_ms, high_ms] = latencyRange(figure.data);
  const values = { from_s: figure.all[0], to_s: figure.all[1], cursor: -1, low_ms, high_ms };
  for (const plot of element.querySelectorAll(".plot")) {
    const kind = plot.dataset.chart;
    const spec = { ...figure.specs[kind], datasets: figure.data };
    if (kind === "steps") spec.height = stepsHeight;
    spec.params = spec.params.map((each) => ({ ...each, value: values[each.name] }));
    const { view } = await vegaEmbed(plot, spec, {
      actions: false, ast: true, defaultStyle: false, renderer: "svg", logLevel: ERRORS_ONLY,
      tooltip: (_, event, __, value) => {
        if (value) showTip(value, event.clientX, event.clientY);
        else if (kind !== "strip") hideTip(); // the strip's own listener shows and hides
      },
    });
    figure.views.push({ view, plot, kind });
    listen(figure, figure.views[figure.views.length - 1]);
  }
  listenToKeys(figure, element);
}

// The last word is for tests: all figures stand.
Promise.all([...document.querySelectorAll("[data-figure]")].map(draw))
  .then(() => { document.documentElement.dataset.drawn = "yes"; });
