// Puts the page to work.

/** Light, dark, or as the system has it: the reader's choice holds for this page. */
function prepareTheme() {
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const say = () => button.setAttribute("aria-pressed", isDark());
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    say();
  });
  dark.addEventListener("change", say);
  say();
}

/** #f=12&t=34.5 opens a recording at a moment, so that a link to it can be sent along with the page. */
function placeOf(hash) {
  const found = /^#f=(\d+)(?:&t=([\d.]+))?$/.exec(hash);
  return found && Number(found[1]) < files.length ? [Number(found[1]), { time: found[2] ? Number(found[2]) : null }] : null;
}

document.documentElement.classList.add("ready");
prepareTheme();
prepareTable();
prepareViewer();
prepareGroups();
addEventListener("hashchange", () => {
  const place = placeOf(location.hash);
  if (place) open(...place);
});
const kinds = [(file) => file.kind === "video" && file.faces, (file) => file.faces, (file) => file.data];
const first = placeOf(location.hash) ?? [kinds.map((kind) => files.findIndex(kind)).find((at) => at >= 0) ?? -1, {}];
if (first[0] >= 0) open(...first);
