// Groups over the time of one stimulus: the mean over participants, and the band in which it lies with 95 %.

const CHART = { height: 240, left: 52, right: 150, top: 12, bottom: 24 };
const comparison = { stimulus: null, tag: null, measure: VALENCE };
const MEASURES = [["valence", VALENCE], ...emotions.map((name, at) => [name, at])];

const levelOf = (level, measure) => (measure === VALENCE ? valenceOf(level) : probability(level));

function valuesOf(line, measure, steps) {
  const mean = Array.from({ length: steps }, (_, step) => levelOf(line.mean[measure * steps + step], measure));
  const half = Array.from({ length: steps }, (_, step) => {
    const level = line.half[measure * steps + step];
    return level === UNKNOWN ? null : (level / SCALE) * (measure === VALENCE ? 2 : 1);
  });
  const edge = (sign) => mean.map((value, step) => (value === null || half[step] === null ? null : value + sign * half[step]));
  return { mean, low: edge(-1), high: edge(1) };
}

async function drawComparison() {
  const course = courses.find((one) => one.stimulus === comparison.stimulus && one.tag === comparison.tag) ?? courses.find((one) => one.stimulus === comparison.stimulus);
  const { measure } = comparison;
  const lines = await Promise.all(course.lines.map((one) => lineOf(one, course.steps)));
  const drawn = lines.map((one) => valuesOf(one, measure, course.steps));
  const width = Math.max(520, byId("comparison").clientWidth || 900);
  const x = (step) => CHART.left + ((width - CHART.left - CHART.right) * step) / course.steps;
  const [low, high] = measure === VALENCE ? [-1, 1] : [0, 1];
  const extent = bounds(drawn, low, high);
  const y = (value) => CHART.top + ((extent[1] - Math.min(extent[1], Math.max(extent[0], value))) / (extent[1] - extent[0])) * (CHART.height - CHART.top - CHART.bottom);
  const chart = s("svg", { class: "chart", viewBox: `0 0 ${width} ${CHART.height}`, role: "img", "aria-label": spokenOf(course, lines, drawn) });
  for (const value of marks(extent)) {
    chart.append(s("line", { class: "base", x1: CHART.left, x2: x(course.steps), y1: y(value), y2: y(value) }));
    chart.append(s("text", { class: "value", x: CHART.left - 8, y: y(value) + 4, "text-anchor": "end", text: measure === VALENCE ? signed(value) : percent(value) }));
  }
  for (const time of ticks(course.steps * course.step, 10)) {
    chart.append(s("text", { class: "value", x: x(time / course.step + 0.5), y: CHART.height - 6, "text-anchor": "middle", text: clock(time) }));
  }
  drawn.forEach((values, at) => chart.append(s("path", { class: `band g${at}`, d: band(values.low, values.high, x, y) })));
  drawn.forEach((values, at) => chart.append(s("path", { class: `line g${at}`, d: line(values.mean, x, y) })));
  const ends = drawn.map((values) => y(values.mean.filter((value) => value !== null).at(-1) ?? 0));
  const places = apart(ends, 15, CHART.top, CHART.height - CHART.bottom);
  lines.forEach((one, at) => chart.append(s("text", { class: `end g${at}`, x: x(course.steps) + 8, y: places[at] + 4, text: `${cut(one.value || "everybody")} (n = ${one.participants})` })));
  byId("comparison").replaceChildren(chart);
}

const cut = (text) => (text.length > 15 ? `${text.slice(0, 14)}…` : text);
const average = (values) => {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
};

/** From where to where: the whole scale where it is needed, a round part of it where it is not. */
function bounds(drawn, low, high) {
  const all = drawn.flatMap((one) => [...one.mean, ...one.low, ...one.high]).filter((value) => value !== null);
  if (!all.length) return [low, high];
  const top = Math.min(high, Math.ceil(Math.max(...all) * 5 + 0.01) / 5);
  const bottom = low === 0 ? 0 : Math.max(low, Math.floor(Math.min(...all) * 5 - 0.01) / 5);
  return [bottom, Math.max(top, bottom + 0.2)];
}

function marks([low, high]) {
  const step = high - low > 1 ? 0.5 : 0.2;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, at) => (first + at) * step);
}

function spokenOf(course, lines, drawn) {
  const [name] = MEASURES.find(([, measure]) => measure === comparison.measure);
  const said = lines.map((one, at) => {
    const mean = average(drawn[at].mean);
    return `${one.value || "everybody"}: ${one.participants} participants, mean ${comparison.measure === VALENCE ? signed(mean) : percent(mean ?? 0)}`;
  });
  return `${name} over the time of ${course.stimulus || "all recordings"}. ${said.join("; ")}`;
}

function choice(label, options, key) {
  const select = h("select", {}, ...options.map(([name, value]) => h("option", { value: JSON.stringify(value), text: name })));
  select.value = JSON.stringify(comparison[key]);
  select.addEventListener("change", () => {
    comparison[key] = JSON.parse(select.value);
    drawComparison();
  });
  return h("label", {}, `${label} `, select);
}

function prepareGroups() {
  if (!courses.length) return;
  const stimuli = [...new Set(courses.map((one) => one.stimulus))];
  const tags = [...new Set(courses.map((one) => one.tag))];
  comparison.stimulus = stimuli[0];
  comparison.tag = tags.find((tag) => tag) ?? "";
  byId("choices").replaceChildren(
    choice("Show", MEASURES, "measure"),
    ...(stimuli.length > 1 ? [choice("during", stimuli.map((name) => [name, name]), "stimulus")] : []),
    ...(tags.length > 1 ? [choice("by", tags.map((tag) => [tag || "everybody together", tag]), "tag")] : []),
  );
  drawComparison().catch(() => byId("comparison").replaceChildren(h("p", { class: "note", text: "This browser is too old to draw the comparison." })));
  let before = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width === before) return;
    before = width;
    drawComparison().catch(() => {});
  }).observe(byId("comparison"));
}
