// The recording itself, where it can be found, with the boxes of the frames that were looked at drawn over it.

const TALLEST_PX = 440;

/** A stage in `host`. `onTime(time)` hears where a video is. `show` gives way to whatever is opened later. */
function stage(host, { onTime }) {
  const chosenFiles = new Map();
  const state = { file: null, curve: null, isChosen: () => true, media: null, time: 0 };
  const frame = h("div", { class: "frame" });
  const note = h("p", { class: "note", role: "status" });
  host.replaceChildren(frame, note);

  function say(words, offer) {
    note.replaceChildren(...(words ? [words] : []));
    if (offer) note.append(" ", picker());
  }

  /** A way to show the page where a recording lies now; nothing is read of others, nothing leaves the page. */
  function picker() {
    const input = h("input", { type: "file", multiple: true, accept: "video/*,image/*,.mkv,.avi", class: "away", tabindex: -1, "aria-label": "Recordings on this computer" });
    input.addEventListener("change", () => {
      const byName = new Map([...input.files].map((one) => [one.name, one]));
      for (const file of files) {
        const found = byName.get(nameOf(file)) ?? (file === state.file && input.files.length === 1 ? input.files[0] : null);
        if (found) chosenFiles.set(file, URL.createObjectURL(found));
      }
      load();
    });
    return h("span", {}, h("button", { type: "button", class: "quiet", onclick: () => input.click(), text: "Choose the recording…" }), input);
  }

  const nameOf = (file) => file.path.slice(file.path.lastIndexOf("/") + 1);

  function load() {
    const { file } = state;
    frame.replaceChildren();
    state.media = null;
    // The frame has the picture's own shape, so that parts of one are parts of the other.
    const [width, height] = file.width && file.height ? [file.width, file.height] : [16, 9];
    frame.style.aspectRatio = `${width} / ${height}`;
    frame.style.maxWidth = `${Math.round((TALLEST_PX * width) / height)}px`;
    const url = chosenFiles.get(file) ?? file.url;
    if (!url) {
      frame.classList.add("empty");
      say(file.missing ? `The recording cannot be shown: ${file.missing}.` : "", Boolean(file.missing));
    } else {
      frame.classList.remove("empty");
      say("");
      frame.append(file.kind === "video" ? video(url) : picture(url));
    }
    frame.append(h("div", { class: "boxes", "aria-hidden": "true" }));
    draw();
  }

  function lost(element) {
    if (element !== state.media) return;
    frame.classList.add("empty");
    state.media?.remove();
    state.media = null;
    const why = chosenFiles.has(state.file) ? "this browser cannot play its format" : "it is not where it was any more, or this browser cannot play its format";
    say(`The recording cannot be shown: ${why}.`, true);
  }

  function video(url) {
    const element = h("video", { controls: true, preload: "metadata", playsinline: true, "aria-label": `Recording ${state.file.path}` });
    // What another recording's element still tells, after this page has turned to the next, is no news.
    const on = (event, tell) => element.addEventListener(event, () => element === state.media && tell());
    on("error", () => lost(element));
    for (const event of ["timeupdate", "seeking", "seeked"]) on(event, () => moved(element.currentTime));
    on("play", follow);
    on("loadedmetadata", () => {
      if (!element.videoWidth) lost(element); // its sound alone is what this browser knows to play
      else if (state.time) element.currentTime = state.time;
    });
    element.src = url;
    state.media = element;
    return element;
  }

  function picture(url) {
    const element = h("img", { alt: `Photo ${state.file.path}` });
    element.addEventListener("error", () => lost(element));
    element.src = url;
    state.media = element;
    return element;
  }

  /** While it plays, boxes keep up with the picture and not only with the few events a second. */
  function follow() {
    const element = state.media;
    const next = () => {
      if (element !== state.media || element.paused || element.ended) return;
      moved(element.currentTime);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  function moved(time) {
    state.time = time;
    draw();
    onTime(time);
  }

  function draw() {
    const layer = frame.querySelector(".boxes");
    const { curve, file } = state;
    if (!layer || !curve) return;
    layer.replaceChildren(...boxesAt(curve, file.kind === "video" ? state.time : 0).filter((at) => state.isChosen(curve.boxTrack[at])).map(box));
  }

  function box(at) {
    const { curve, file } = state;
    const emotion = curve.boxEmotion[at];
    const track = file.tracks[curve.boxTrack[at]];
    const who = track ? `${track.track} ` : "";
    const what = emotion === UNKNOWN ? "" : `${emotions[emotion]} ${percent(probability(curve.boxLevel[at]) ?? 0)}`;
    const drawn = h("div", { class: emotion === UNKNOWN ? "box" : `box b${emotion}` }, h("span", { text: who + what }));
    const count = curve.boxMs.length;
    ["left", "top", "width", "height"].forEach((side, axis) => {
      drawn.style[side] = `${(curve.box[axis * count + at] / BOX_SCALE) * 100}%`;
    });
    drawn.classList.toggle("low", curve.box[count + at] < 0.08 * BOX_SCALE);
    return drawn;
  }

  return {
    show(file) {
      Object.assign(state, { file, curve: null, time: file.first ?? 0 });
      load();
    },
    box(curve) {
      state.curve = curve;
      draw();
    },
    choose(isChosen) {
      state.isChosen = isChosen;
      draw();
    },
    /** Go to a moment; play from there if wanted and possible. */
    go(time, play) {
      state.time = time;
      const element = state.media;
      if (element instanceof HTMLVideoElement) {
        if (element.readyState) element.currentTime = time;
        if (play) element.play().catch(() => {});
        else element.pause();
      }
      draw();
    },
  };
}
