// The timeline of one recording: a row for each emotion, valence below, gaps where no face was seen. A click, or Enter,
// goes to that moment.

const LEFT = 96;
const RIGHT = 84;
const ROW = 30;
const GAP = 6;
const VALENCE_HEIGHT = 64;
const HEADER = 26;
const AXIS = 22;

/**
 * A timeline in `host`. `go(time, play)` is told where the reader wants to be; `look(step)` over which step they point.
 */
function timeline(host, { go, look }) {
  const state = { file: null, curve: null, series: null, hidden: new Set(), together: false, time: 0, geometry: null };

  function draw() {
    const { file, series } = state;
    const width = Math.max(520, host.clientWidth || 900);
    const rows = emotions.map((_, at) => at).filter((at) => !state.hidden.has(at));
    const chartHeight = state.together ? 190 : rows.length * (ROW + GAP);
    const height = HEADER + chartHeight + GAP + VALENCE_HEIGHT + AXIS;
    const x = (step) => LEFT + ((width - LEFT - RIGHT) * step) / file.steps;
    const bottom = height - AXIS;
    state.geometry = { width, x, bottom };
    const drawn = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    drawn.append(hatching(), ...gaps(x, HEADER, bottom), ...strongestStrip(x, series));
    if (state.together) drawn.append(...overlaid(rows, x, HEADER, chartHeight));
    else rows.forEach((emotion, place) => drawn.append(...lane(emotion, x, HEADER + place * (ROW + GAP))));
    drawn.append(...valenceLane(x, HEADER + chartHeight + GAP), ...axis(x, bottom), cursorLine());
    host.replaceChildren(drawn);
    place();
  }

  function hatching() {
    const pattern = s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    pattern.append(s("rect", { class: "hatch", width: 1.2, height: 6 }));
    return s("defs", {}, pattern);
  }

  /** Where nobody was seen, and where nobody looked. */
  function gaps(x, top, bottom) {
    const { curve, series, file } = state;
    const unseen = runs(file.steps, (at) => curve.frames[at] > 0 && series.faces[at] === 0);
    const unlooked = runs(file.steps, (at) => curve.frames[at] === 0);
    const boxes = (found, kind) => found.map(([start, end]) => s("rect", { class: kind, x: round(x(start)), width: round(x(end) - x(start)), y: top, height: bottom - top }));
    const widest = (found, words) => {
      const best = [...found].sort((a, b) => b[1] - b[0] - (a[1] - a[0]))[0];
      if (!best || x(best[1]) - x(best[0]) < words.length * 6) return [];
      return [s("text", { class: "quiet", x: (x(best[0]) + x(best[1])) / 2, y: (top + bottom - VALENCE_HEIGHT) / 2, "text-anchor": "middle", text: words })];
    };
    return [...boxes(unlooked, "unlooked"), ...boxes(unseen, "unseen"), ...widest(unseen, "no face"), ...widest(unlooked, "not looked at")];
  }

  function strongestStrip(x, series) {
    const found = [];
    const letters = Array.from({ length: state.file.steps }, (_, step) => strongest(series.values, step));
    for (const [start, end] of runsOf(letters)) {
      if (letters[start] < 0) continue;
      found.push(s("rect", { class: `e${letters[start]}`, x: round(x(start)), width: round(x(end) - x(start)), y: 4, height: 12 }));
    }
    return [s("text", { class: "label", x: LEFT - 10, y: 14, "text-anchor": "end", text: "strongest" }), ...found];
  }

  function lane(emotion, x, top) {
    const values = state.series.values[emotion];
    const y = (value) => top + ROW - value * ROW;
    const known = values.filter((value) => value !== null);
    const mean = known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
    const parts = [
      s("line", { class: "base", x1: LEFT, x2: x(state.file.steps), y1: top + ROW + 0.5, y2: top + ROW + 0.5 }),
      s("path", { class: `e${emotion}`, d: area(values, x, y, top + ROW) }),
      s("text", { class: "label", x: LEFT - 10, y: top + ROW - 4, "text-anchor": "end", text: emotions[emotion] }),
      s("text", { class: "value", x: x(state.file.steps) + 8, y: top + ROW - 4, text: mean === null ? "" : percent(mean) }),
    ];
    const moment = state.file.moments.find((one) => one.emotion === emotion);
    if (moment && values[stepAt(state.file, moment.time)] !== null) {
      const at = x(stepAt(state.file, moment.time) + 0.5);
      parts.push(s("circle", { class: "peak", cx: round(at), cy: round(y(values[stepAt(state.file, moment.time)])), r: 2.6 }));
    }
    return parts;
  }

  function overlaid(rows, x, top, height) {
    const y = (value) => top + height - 8 - value * (height - 14);
    const parts = [0, 0.5, 1].flatMap((value) => [
      s("line", { class: "base", x1: LEFT, x2: x(state.file.steps), y1: y(value), y2: y(value) }),
      s("text", { class: "value", x: LEFT - 10, y: y(value) + 4, "text-anchor": "end", text: percent(value) }),
    ]);
    const ends = rows.map((emotion) => {
      const known = state.series.values[emotion].filter((value) => value !== null);
      return y(known.length ? known[known.length - 1] : 0);
    });
    const places = apart(ends, 12, top + 6, top + height);
    rows.forEach((emotion, place) => {
      parts.push(s("path", { class: `l${emotion} line`, d: line(state.series.values[emotion], x, y) }));
      parts.push(s("rect", { class: `e${emotion}`, x: x(state.file.steps) + 6, y: places[place] - 2, width: 8, height: 4 }));
      parts.push(s("text", { x: x(state.file.steps) + 19, y: places[place] + 4, text: emotions[emotion] }));
    });
    return parts;
  }

  function valenceLane(x, top) {
    const middle = top + VALENCE_HEIGHT / 2;
    const y = (value) => middle - (value * VALENCE_HEIGHT) / 2;
    const values = state.series.values[VALENCE];
    const part = (keep) => values.map((value) => (value === null ? null : keep(value)));
    const known = values.filter((value) => value !== null);
    const mean = known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
    return [
      s("path", { class: "sway", d: area(part((value) => Math.max(0, value)), x, y, middle) }),
      s("path", { class: "sway", d: area(part((value) => Math.min(0, value)), x, y, middle) }),
      s("line", { class: "base", x1: LEFT, x2: x(state.file.steps), y1: middle, y2: middle }),
      s("text", { class: "label", x: LEFT - 10, y: middle + 4, "text-anchor": "end", text: "valence" }),
      s("text", { class: "value", x: x(state.file.steps) + 8, y: middle + 4, text: signed(mean) }),
    ];
  }

  function axis(x, top) {
    const { file } = state;
    const length = file.steps * file.step;
    const at = (time) => x((time - file.first) / file.step + 0.5);
    return ticks(length, 10)
      .filter((time) => at(time) <= x(file.steps) + 1)
      .flatMap((time) => [
        s("line", { class: "tick", x1: at(time), x2: at(time), y1: top, y2: top + 4 }),
        s("text", { class: "value", x: at(time), y: top + 16, "text-anchor": "middle", text: clock(time, length < 5) }),
      ]);
  }

  const cursorLine = () => s("line", { class: "cursor", y1: 0, y2: state.geometry.bottom });

  /** The cursor, and what a screen reader is told of it. */
  function place() {
    const { file, geometry, time } = state;
    const x = Math.min(geometry.x(file.steps), Math.max(LEFT, geometry.x((time - file.first) / file.step + 0.5)));
    const cursor = host.querySelector(".cursor");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    host.setAttribute("aria-valuemin", 0);
    host.setAttribute("aria-valuemax", Math.round(timeOf(file, file.steps - 1)));
    host.setAttribute("aria-valuenow", Math.round(time));
    host.setAttribute("aria-valuetext", spoken(stepAt(file, time)));
  }

  function spoken(step) {
    const { series, curve, file } = state;
    const best = strongest(series.values, step);
    const when = clock(timeOf(file, step), file.step < 1);
    if (best < 0) return `${when}, ${curve.frames[step] ? "no face" : "not looked at"}`;
    return `${when}, ${emotions[best]} ${percent(series.values[best][step])}, valence ${signed(series.values[VALENCE][step])}`;
  }

  function timeAt(event) {
    const box = host.querySelector("svg").getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * state.geometry.width;
    const step = ((at - LEFT) / (state.geometry.width - LEFT - RIGHT)) * state.file.steps;
    return timeOf(state.file, Math.min(state.file.steps - 1, Math.max(0, Math.floor(step))));
  }

  const KEYS = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

  function pressed(event) {
    const { file } = state;
    const by = KEYS[event.key] && KEYS[event.key] * (event.shiftKey ? 10 : 1);
    if (by) go(timeOf(file, Math.min(file.steps - 1, Math.max(0, stepAt(file, state.time) + by))), false);
    else if (event.key === "Home") go(file.first, false);
    else if (event.key === "End") go(timeOf(file, file.steps - 1), false);
    else if (event.key === "Enter" || event.key === " ") go(state.time, true);
    else return;
    event.preventDefault();
  }

  host.addEventListener("click", (event) => state.file && go(timeAt(event), true));
  host.addEventListener("pointermove", (event) => state.file && look(stepAt(state.file, timeAt(event))));
  host.addEventListener("pointerleave", () => state.file && look(null));
  host.addEventListener("keydown", (event) => state.file && pressed(event));
  new ResizeObserver(() => state.file && draw()).observe(host);

  return {
    show(file, curve, series) {
      Object.assign(state, { file, curve, series });
      draw();
    },
    clear: () => Object.assign(state, { file: null }) && host.replaceChildren(),
    at(time) {
      state.time = time;
      if (state.file) place();
    },
    hide(emotion, hidden) {
      if (hidden) state.hidden.add(emotion);
      else state.hidden.delete(emotion);
      if (state.file) draw();
    },
    lay(together) {
      state.together = together;
      if (state.file) draw();
    },
  };
}
