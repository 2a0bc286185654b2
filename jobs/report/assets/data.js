// What the page was given, and how it is read: the other side of `jobs/report/curve.py` and `jobs/report/payload.py`.

const given = JSON.parse(document.getElementById("payload").textContent);
const { emotions, files, courses } = given;
const NO_TRACK = 0xffff;
const UNKNOWN = 255;
const SCALE = 250;
const BOX_SCALE = 10000;
const VALENCE = 8;

/** The bytes of gzipped base64. Rejects where the browser cannot unpack. */
async function unpacked(text) {
  const raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Takes columns off a buffer, one after the other: the widest come first, so each lies where its numbers must. */
function columnsOf(buffer) {
  let at = 0;
  return (kind, count) => {
    const column = new kind(buffer, at, count);
    at += count * kind.BYTES_PER_ELEMENT;
    return column;
  };
}

/** A probability, or null where none was given. */
const probability = (level) => (level === UNKNOWN ? null : level / SCALE);

/** Valence from -1 to 1, or null. */
const valenceOf = (level) => (level === UNKNOWN ? null : (level / SCALE) * 2 - 1);

/** The curve of a file: what was looked at by step, points by step and track, boxes by moment. */
async function curveOf(file) {
  const take = columnsOf(await unpacked(file.data));
  const { points, boxes, steps } = file;
  const curve = {
    boxMs: take(Int32Array, boxes),
    step: take(Uint16Array, points),
    track: take(Uint16Array, points),
    faces: take(Uint16Array, points),
    boxTrack: take(Uint16Array, boxes),
    box: take(Int16Array, 4 * boxes),
    shown: take(Uint16Array, steps),
    frames: take(Uint8Array, steps),
    withFace: take(Uint8Array, steps),
    means: take(Uint8Array, 8 * points),
    valence: take(Uint8Array, points),
    boxEmotion: take(Uint8Array, boxes),
    boxLevel: take(Uint8Array, boxes),
  };
  // A frame counts for as long as it was on screen: a step without one of its own has that of an earlier step.
  const frames = Uint8Array.from(curve.shown, (step) => (step === NO_TRACK ? 0 : curve.frames[step]));
  return { ...curve, frames, file, steps };
}

/** One line of a comparison: by step, how many participants, and for each of nine measures mean and half the band. */
async function lineOf(line, steps) {
  const take = columnsOf(await unpacked(line.data));
  return { ...line, n: take(Uint16Array, steps), mean: take(Uint8Array, 9 * steps), half: take(Uint8Array, 9 * steps) };
}

/**
 * Means over the chosen tracks, by step: [9][steps] with null where nobody was seen, and how many faces.
 * `isChosen` is asked for each track by its place in the file's list.
 */
function seriesOf(curve, isChosen) {
  const sums = Array.from({ length: 9 }, () => new Float64Array(curve.steps));
  const counts = Array.from({ length: 9 }, () => new Float64Array(curve.steps));
  const faces = new Float64Array(curve.steps);
  curve.step.forEach((step, point) => {
    if (!isChosen(curve.track[point])) return;
    faces[step] += curve.faces[point];
    for (let measure = 0; measure < 9; measure += 1) {
      const level = measure === VALENCE ? curve.valence[point] : curve.means[measure * curve.step.length + point];
      if (level === UNKNOWN) continue;
      sums[measure][step] += level * curve.faces[point];
      counts[measure][step] += curve.faces[point];
    }
  });
  const scaled = (measure, own) => {
    const step = curve.shown[own];
    if (step === NO_TRACK || !counts[measure][step]) return null;
    const value = sums[measure][step] / counts[measure][step] / SCALE;
    return measure === VALENCE ? value * 2 - 1 : value;
  };
  const values = sums.map((column, measure) => Array.from(column, (_, step) => scaled(measure, step)));
  return { values, faces: Float64Array.from(curve.shown, (step) => (step === NO_TRACK ? 0 : faces[step])) };
}

/** The step of a time, and the time of a step's middle. */
const stepAt = (file, time) => Math.min(file.steps - 1, Math.max(0, Math.floor((time - file.first) / file.step + 0.5)));
const timeOf = (file, step) => file.first + step * file.step;

/** The strongest emotion of a step, or -1. */
function strongest(values, step) {
  let best = -1;
  for (let emotion = 0; emotion < 8; emotion += 1) {
    const value = values[emotion][step];
    if (value !== null && (best < 0 || value > values[best][step])) best = emotion;
  }
  return best;
}

/** The boxes on screen at a time: those of the last frame that was looked at, while its step lasts. */
function boxesAt(curve, time) {
  const ms = Math.round(time * 1000) + 1;
  let low = 0;
  let high = curve.boxMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve.boxMs[middle] <= ms) low = middle + 1;
    else high = middle;
  }
  if (!low) return [];
  const moment = curve.boxMs[low - 1];
  const lasts = curve.shown[stepAt(curve.file, time)] === stepAt(curve.file, moment / 1000);
  if (curve.file.kind === "video" && !lasts && ms - moment > curve.file.step * 1500) return [];
  const found = [];
  for (let at = low - 1; at >= 0 && curve.boxMs[at] === moment; at -= 1) found.unshift(at);
  return found;
}
