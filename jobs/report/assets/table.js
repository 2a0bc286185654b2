// The table of recordings: sorts by any column, filters by any word, opens a recording.

const PAGE = 200;
const table = { by: "path", up: true, words: [], shown: PAGE, opened: -1 };
const KNOWN_TAGS = ["participant", "condition", "stimulus"];
const MOST_TAG_COLUMNS = 3;

/** The tags that get a column of their own, the usual ones first. */
const tagColumns = (() => {
  const seen = new Set(files.flatMap((file) => Object.keys(file.tags)));
  const rank = (key) => (KNOWN_TAGS.includes(key) ? KNOWN_TAGS.indexOf(key) : KNOWN_TAGS.length);
  return [...seen].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, MOST_TAG_COLUMNS);
})();

const mostly = (file) => (file.shares ? file.shares.indexOf(Math.max(...file.shares)) : -1);
const COLUMNS = [
  { key: "path", name: "Recording", of: (file) => file.path },
  ...tagColumns.map((tag) => ({ key: `tag:${tag}`, name: tag, of: (file) => file.tags[tag] ?? "" })),
  { key: "strip", name: "What shows over its time" },
  { key: "mostly", name: "Mostly", of: (file) => (file.shares ? mostly(file) + 1 - Math.max(...file.shares) / 1001 : 99) },
  { key: "valence", name: "Valence", of: (file) => file.valence ?? -9, end: true },
  { key: "faces", name: "Faces", of: (file) => file.faces, end: true },
  { key: "length", name: "Length", of: (file) => (file.kind === "video" ? file.length : -1), end: true },
];

const searched = files.map((file) => {
  const emotion = mostly(file);
  const words = [file.path, file.kind, file.state, emotion < 0 ? "" : emotions[emotion], ...Object.entries(file.tags).map(([key, value]) => `${key}=${value}`)];
  return words.join("\n").toLowerCase();
});

/** The places of the files that are wanted, in the order wanted. */
function chosen() {
  const column = COLUMNS.find((one) => one.key === table.by);
  const found = files.map((_, at) => at).filter((at) => table.words.every((word) => searched[at].includes(word)));
  const compare = (a, b) => {
    const [one, other] = [column.of(files[a]), column.of(files[b])];
    const order = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
    return (table.up ? order : -order) || a - b;
  };
  return found.sort(compare);
}

function header() {
  const cells = COLUMNS.map((column) => {
    const kind = column.end ? "end" : column.key === "strip" ? "wide" : null;
    if (!column.of) return h("th", { scope: "col", class: kind, text: column.name });
    const sorted = table.by === column.key ? (table.up ? "ascending" : "descending") : null;
    const sort = () => {
      table.up = table.by === column.key ? !table.up : !["valence", "faces", "length"].includes(column.key);
      table.by = column.key;
      drawTable();
      byId("files").querySelector(`[data-key="${CSS.escape(column.key)}"]`).focus();
    };
    return h("th", { scope: "col", class: kind, "aria-sort": sorted }, h("button", { type: "button", "data-key": column.key, onclick: sort, text: column.name }));
  });
  return h("tr", {}, ...cells);
}

const STATES = { partial: "in part", failed: "not analysed", open: "not finished" };

function row(at) {
  const file = files[at];
  const name = h("button", { type: "button", class: "name", "data-file": at, onclick: () => open(at, { jump: true }) }, h("bdi", { text: file.path }));
  const rest = Object.entries(file.tags).filter(([key]) => !tagColumns.includes(key));
  const notes = [file.state === "ok" ? "" : STATES[file.state], ...rest.map(([key, value]) => `${key}: ${value}`)].filter(Boolean);
  const emotion = mostly(file);
  const cells = COLUMNS.map((column) => {
    switch (column.key) {
      case "path":
        return h("th", { scope: "row" }, name, notes.length ? h("small", { class: file.state }, h("bdi", { text: notes.join(" · ") })) : null);
      case "strip":
        return h("td", { class: "wide" }, file.kind === "video" && file.strip ? strip(file.strip) : h("small", { text: file.state === "failed" ? file.reason : file.kind }));
      case "mostly":
        return h("td", { class: "mostly" }, ...(file.shares ? [shareBar(file.shares), h("span", { text: `${emotions[emotion]} ${percent(file.shares[emotion] / 1000)}` })] : [h("span", { text: "–" })]));
      case "valence":
        return h("td", { class: "end", text: signed(file.valence) });
      case "faces":
        return h("td", { class: "end", text: number(file.faces) });
      case "length":
        return h("td", { class: "end", text: file.kind === "video" ? clock(file.length) : file.kind || "–" });
      default:
        return h("td", {}, h("bdi", { text: column.of(file) }));
    }
  });
  return h("tr", { "data-row": at, "aria-current": at === table.opened ? "true" : null, onclick: (event) => event.target.closest("button") || open(at, { jump: true }) }, ...cells);
}

function drawTable() {
  const found = chosen();
  byId("files").replaceChildren(
    h("thead", {}, header()),
    h("tbody", {}, ...found.slice(0, table.shown).map(row)),
  );
  const all = found.length === files.length ? plural(files.length, "file") : `${number(found.length)} of ${plural(files.length, "file")}`;
  byId("count").textContent = found.length > table.shown ? `${all}, the first ${number(table.shown)} shown` : all;
  byId("more").hidden = found.length <= table.shown;
}

function markOpened(at) {
  table.opened = at;
  for (const line of byId("files").querySelectorAll("tbody tr")) {
    if (Number(line.dataset.row) === at) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
}

function prepareTable() {
  byId("filter").addEventListener("input", (event) => {
    table.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    table.shown = PAGE;
    drawTable();
  });
  byId("more").addEventListener("click", () => {
    table.shown += 5 * PAGE;
    drawTable();
  });
  drawTable();
}
