// Elements, words and scales: what every part of the page draws with. Text is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);
const s = (name, attributes = {}, ...children) => filled(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);

/** 0:07, 12:30, 1:02:03; tenths where a step is finer than a second. */
function clock(seconds, fine = false) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const whole = fine ? Math.floor(tenths / 10) : Math.round(tenths / 10);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts.map((part, at) => (at ? String(part).padStart(2, "0") : part)) : [parts[1], String(parts[2]).padStart(2, "0")];
  return shown.join(":") + (fine ? `.${tenths % 10}` : "");
}

const percent = (value) => (value > 0 && value < 0.005 ? "<1\u00a0%" : `${Math.round(value * 100)}\u00a0%`);

/** Valence, with its sign where it has one. */
function signed(value) {
  if (value === null) return "–";
  const digits = Math.abs(value).toFixed(2);
  return digits === "0.00" ? digits : (value < 0 ? "−" : "+") + digits;
}

const number = (value) => value.toLocaleString("en");
const plural = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

/** Where ticks of a time axis lie: at round times, `most` at most. */
function ticks(length, most) {
  const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800];
  const step = steps.find((one) => length / one <= most) || 86400;
  return Array.from({ length: Math.floor(length / step + 1e-6) + 1 }, (_, at) => at * step);
}

/** Stretches of steps that fulfil a condition, as [first, behind the last]. */
function runs(count, fulfils) {
  const found = [];
  for (let at = 0; at < count; at += 1) {
    if (!fulfils(at)) continue;
    const last = found[found.length - 1];
    if (last && last[1] === at) last[1] = at + 1;
    else found.push([at, at + 1]);
  }
  return found;
}

const round = (value) => Math.round(value * 10) / 10;

/** The outline of an area above (or around) `base`, as steps; gaps stay open. */
function area(values, x, y, base) {
  return runs(values.length, (at) => values[at] !== null)
    .map(([start, end]) => {
      let path = `M${round(x(start))} ${round(base)}`;
      for (let at = start; at < end; at += 1) path += `V${round(y(values[at]))}H${round(x(at + 1))}`;
      return `${path}V${round(base)}Z`;
    })
    .join("");
}

/** A line through the middles of steps; gaps stay open. */
function line(values, x, y) {
  return runs(values.length, (at) => values[at] !== null)
    .map(([start, end]) => {
      const points = [];
      for (let at = start; at < end; at += 1) points.push(`${round(x(at + 0.5))} ${round(y(values[at]))}`);
      return end - start > 1 ? `M${points.join("L")}` : `M${round(x(start))} ${round(y(values[start]))}H${round(x(end))}`;
    })
    .join("");
}

/** A band between two lines; gaps stay open. */
function band(low, high, x, y) {
  return runs(low.length, (at) => low[at] !== null)
    .map(([start, end]) => {
      const there = [];
      const back = [];
      for (let at = start; at < end; at += 1) {
        there.push(`${round(x(at + 0.5))} ${round(y(high[at]))}`);
        back.unshift(`${round(x(at + 0.5))} ${round(y(low[at]))}`);
      }
      return `M${there.concat(back).join("L")}Z`;
    })
    .join("");
}

/** Labels that would lie upon each other, moved apart: `wanted` heights give those they get. */
function apart(wanted, gap, top, bottom) {
  const order = wanted.map((_, at) => at).sort((a, b) => wanted[a] - wanted[b]);
  const given = [...wanted];
  order.forEach((at, place) => {
    const above = place ? given[order[place - 1]] + gap : top;
    given[at] = Math.max(given[at], above);
  });
  [...order].reverse().forEach((at, place, all) => {
    const below = place ? given[all[place - 1]] - gap : bottom;
    given[at] = Math.min(given[at], below);
  });
  return given;
}

/** The strip of a recording: what is strongest over time. */
function strip(letters) {
  const drawn = s("svg", { class: "strip", viewBox: `0 0 ${Math.max(1, letters.length)} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const [start, end] of runsOf(letters)) {
    const letter = letters[start];
    if (letter === " ") continue;
    const kind = letter === "." ? "none" : `e${letter}`;
    const rect = { class: kind, x: start, width: end - start, y: letter === "." ? 4.5 : 0, height: letter === "." ? 1 : 10 };
    drawn.append(s("rect", rect));
  }
  return drawn;
}

function runsOf(letters) {
  const found = [];
  for (let at = 0; at < letters.length; at += 1) {
    if (at && letters[at] === letters[at - 1]) found[found.length - 1][1] = at + 1;
    else found.push([at, at + 1]);
  }
  return found;
}

/** Shares as one bar. */
function shareBar(shares) {
  const drawn = s("svg", { class: "shares", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" });
  let from = 0;
  shares.forEach((share, emotion) => {
    if (share) drawn.append(s("rect", { class: `e${emotion}`, x: from, width: share, height: 10 }));
    from += share;
  });
  return drawn;
}
