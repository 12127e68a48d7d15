// Tooltips: the row behind what is pointed at. Texts of the history reach the page by textContent
// only, never as markup.

const tip = document.getElementById("tip");

const cards = {
  call: (row) => [`Call ${row.seq}: ${row.todo_id}`, [
    ["answered by", page.releases[row.place] ?? lookOf(row.answer).name],
    ["poster", row.poster],
    ["sent", seconds(row.sent)],
    ["answered", row.latency_ms === null ? "never" : seconds(row.at)],
    ["latency", milliseconds(row.latency_ms, row.cold_start ? ", cold start" : "")],
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
    ["answered ok", number(row.ok)],
    ["failed", number(row.failed)],
    ["unknown", number(row.unknown)],
    ["median", milliseconds(row.p50)],
    ["p99", milliseconds(row.p99)],
    ["max", milliseconds(row.max)],
    ["cold starts", number(row.cold_starts)],
    ...(row.environments || []).map((each) =>
      [lookOf(each.answer).name, `${each.environments} environments`]),
  ]],
  step: (row) => [row.label, row.names],
  share: (row) => [`${percent(row.share)} stale`, [
    ["sent at", seconds(row.at)], ["at most (95 %)", percent(row.high)],
  ]],
};

function showTip(datum, x, y) {
  const [title, rows] = cards[datum.kind](datum);
  const shown = rows.filter(([, text]) => text !== null && text !== undefined);
  const heading = document.createElement("b");
  heading.textContent = title;
  tip.replaceChildren(heading, ...shown.map((cells) => {
    const line = document.createElement("div");
    line.append(...cells.map((textContent, n) =>
      Object.assign(document.createElement(n ? "bdi" : "span"), { textContent })));
    return line;
  }));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 16, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 14) : y + 18}px`;
  return `${title}. ${shown.map((cells) => cells.join(" ")).join(", ")}.`;
}

function hideTip() { tip.hidden = true; }
