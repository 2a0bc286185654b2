// One recording, opened: its picture, its timeline, its strongest moments, who appears when.

const viewer = { at: -1, file: null, curve: null, series: null, off: new Set(), time: 0, look: null };
const screenOf = stage(byId("stage"), { onTime: reached });
const lineOfTime = timeline(byId("timeline"), { go: goTo, look: (step) => (viewer.look = step) === null ? tell() : tell(step) });

/** Open a recording by its place; `jump` brings it into view and moves the focus there. */
async function open(at, { jump = false, time = null } = {}) {
  const file = files[at];
  Object.assign(viewer, { at, file, curve: null, series: null, off: new Set(), time: file.first ?? 0 });
  byId("recording").hidden = false;
  byId("recording-name").replaceChildren(h("bdi", { text: file.path }));
  byId("recording-facts").textContent = factsOf(file);
  markOpened(at);
  lineOfTime.clear();
  byId("timeline").hidden = byId("lanes").hidden = file.kind !== "video" || !file.data;
  byId("appearances").replaceChildren();
  byId("moments").replaceChildren();
  byId("now").replaceChildren();
  byId("numbers").replaceChildren();
  byId("numbers").parentElement.open = false;
  screenOf.show(file);
  if (jump) {
    byId("recording-name").focus({ preventScroll: true });
    byId("recording").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
  }
  if (!file.data) return;
  try {
    const curve = await curveOf(file);
    if (viewer.file !== file) return;
    viewer.curve = curve;
  } catch {
    byId("recording-facts").textContent += " · this browser is too old to draw its timeline";
    return;
  }
  screenOf.box(viewer.curve);
  drawAppearances();
  drawMoments();
  recount();
  goTo(time ?? file.first, false);
}

function factsOf(file) {
  const facts = [file.kind === "video" ? clock(file.length) : file.kind];
  if (file.state === "failed") facts.push(file.reason || "could not be analysed");
  else {
    facts.push(`${plural(file.frames, "frame")} looked at`);
    if (file.kind === "video") facts.push(`a face in ${number(file.seen)} of them`);
    facts.push(plural(file.faces, "face"));
  }
  facts.push(...Object.entries(file.tags).map(([key, value]) => `${key} ${value}`));
  if (file.state === "partial" || file.state === "open") facts.push(STATES[file.state]);
  return facts.filter(Boolean).join(" · ");
}

const isOn = (track) => !viewer.off.has(track);

/** The series of the chosen tracks, and all that is drawn from it. */
function recount() {
  viewer.series = seriesOf(viewer.curve, isOn);
  screenOf.choose(isOn);
  if (viewer.file.kind === "video") lineOfTime.show(viewer.file, viewer.curve, viewer.series);
  tell();
  if (byId("numbers").parentElement.open) drawNumbers();
}

function reached(time) {
  viewer.time = time;
  lineOfTime.at(time);
  tell();
}

function goTo(time, play) {
  viewer.time = time;
  lineOfTime.at(time);
  screenOf.go(time, play);
  tell();
}

/** What shows at a step: the one pointed at, or where the recording is. */
function tell(step = viewer.look) {
  const { file, series, curve } = viewer;
  if (!series) return;
  const isVideo = file.kind === "video";
  const at = isVideo ? (step ?? stepAt(file, viewer.time)) : 0;
  const bars = emotions.map((name, emotion) => {
    const value = series.values[emotion][at];
    const bar = s("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(s("rect", { class: "rail", width: 100, height: 8 }), s("rect", { class: `e${emotion}`, width: (value ?? 0) * 100, height: 8 }));
    return h("div", { class: value === null ? "bar none" : "bar" }, h("dt", { text: name }), h("dd", {}, bar, h("span", { text: value === null ? "–" : percent(value) })));
  });
  const looks = curve.frames[at] > 1 ? ` in ${plural(curve.frames[at], "frame")}` : "";
  const seen = series.faces[at] ? plural(series.faces[at], "face") + looks : curve.frames[at] ? "no face" : "not looked at";
  byId("now").replaceChildren(
    h("p", { class: "when" }, h("strong", { text: isVideo ? clock(timeOf(file, at), file.step < 1) : "Photo" }), ` ${seen}, valence ${signed(series.values[VALENCE][at])}`),
    h("dl", {}, ...bars),
  );
}

function thumbnail(file, box) {
  const source = file.thumbs[box];
  return source ? h("img", { class: "thumb", src: source, alt: "", width: 56, height: 56 }) : null;
}

function drawMoments() {
  const { file } = viewer;
  if (file.kind === "photo") {
    const faces = Object.keys(file.thumbs).map((box) => h("li", {}, thumbnail(file, box)));
    if (faces.length) byId("moments").replaceChildren(h("h3", { text: "Faces" }), h("ul", {}, ...faces));
    return;
  }
  if (!file.moments.length) return;
  const items = file.moments.map((moment) =>
    h("li", {}, h("button", { type: "button", onclick: () => goTo(moment.time, true) },
      thumbnail(file, moment.box),
      h("span", { class: `dot e${moment.emotion}` }),
      h("span", { class: "what" }, h("strong", { text: emotions[moment.emotion] }), h("span", { text: `${clock(moment.time, file.step < 1)} · ${percent(moment.probability)}` })))));
  byId("moments").replaceChildren(h("h3", { text: "Strongest moments" }), h("ul", {}, ...items));
}

function drawAppearances() {
  const { file, curve } = viewer;
  if (!file.tracks.length) return;
  const toggle = (button, track) => {
    if (viewer.off.has(track)) viewer.off.delete(track);
    else viewer.off.add(track);
    button.setAttribute("aria-pressed", isOn(track));
    recount();
  };
  const cards = file.tracks.map((track, place) => {
    const button = h("button", { type: "button", "aria-pressed": "true" },
      thumbnail(file, track.box),
      h("span", { class: "what" }, h("strong", { text: `Track ${track.track}` }),
        h("span", { text: `${clock(track.from)}–${clock(track.to)} · ${plural(track.faces, "face")}` }),
        h("span", { text: track.emotion === null ? "" : `mostly ${emotions[track.emotion]}, valence ${signed(track.valence)}` })));
    button.addEventListener("click", () => toggle(button, place));
    return h("li", {}, button);
  });
  if (curve.track.includes(NO_TRACK)) {
    const button = h("button", { type: "button", "aria-pressed": "true" }, h("span", { class: "what" }, h("strong", { text: "Without a track" })));
    button.addEventListener("click", () => toggle(button, NO_TRACK));
    cards.push(h("li", {}, button));
  }
  const every = (on) => () => {
    viewer.off = on ? new Set() : new Set([...file.tracks.keys(), NO_TRACK]);
    for (const button of byId("appearances").querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", on);
    recount();
  };
  byId("appearances").replaceChildren(
    h("h3", {}, "Appearances ", h("small", { text: "one track is one stay in view, not an identity" })),
    ...(cards.length > 1 ? [h("p", { class: "tools" }, h("button", { type: "button", class: "quiet", onclick: every(true), text: "All" }), h("button", { type: "button", class: "quiet", onclick: every(false), text: "None" }))] : []),
    h("ul", {}, ...cards),
  );
}

/** The numbers behind the timeline, for whoever reads rather than looks. */
function drawNumbers() {
  const { file, series, curve } = viewer;
  if (!series) return;
  const heads = ["Time", ...emotions, "valence", "faces"].map((name) => h("th", { scope: "col", text: name }));
  const rows = Array.from({ length: file.steps }, (_, step) => {
    const values = emotions.map((_, emotion) => series.values[emotion][step]);
    const cells = [...values.map((value) => (value === null ? "" : value.toFixed(2))), series.values[VALENCE][step] === null ? "" : signed(series.values[VALENCE][step])];
    const seen = curve.frames[step] ? String(series.faces[step]) : "not looked at";
    return h("tr", {}, h("th", { scope: "row", text: clock(timeOf(file, step), file.step < 1) }), ...[...cells, seen].map((text) => h("td", { text })));
  });
  byId("numbers").replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)));
}

function prepareViewer() {
  const toggles = emotions.map((name, emotion) => {
    const button = h("button", { type: "button", "aria-pressed": "true" }, h("span", { class: `dot e${emotion}` }), name);
    button.addEventListener("click", () => {
      const hide = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", !hide);
      lineOfTime.hide(emotion, hide);
    });
    return button;
  });
  const together = h("button", { type: "button", class: "plain", "aria-pressed": "false", text: "Together" });
  together.addEventListener("click", () => {
    const lay = together.getAttribute("aria-pressed") !== "true";
    together.setAttribute("aria-pressed", lay);
    lineOfTime.lay(lay);
  });
  byId("lanes").replaceChildren(...toggles, h("span", { class: "gap" }), together);
  byId("numbers").parentElement.addEventListener("toggle", (event) => event.target.open && drawNumbers());
  const step = (by) => () => {
    const order = chosen();
    const next = order[order.indexOf(viewer.at) + by];
    if (next !== undefined) open(next);
  };
  byId("previous").addEventListener("click", step(-1));
  byId("next").addEventListener("click", step(1));
}
