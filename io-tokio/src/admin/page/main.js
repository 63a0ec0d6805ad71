/** The live page: one stream of summaries and verdicts, and what is asked for besides. */

import { follow, onToken, post } from "./api.js";
import { Connections } from "./connections.js";
import { Detail } from "./detail.js";
import { askToken, open, prepare, submits } from "./dialogs.js";
import { $, setText } from "./dom.js";
import { age, plural } from "./format.js";
import { History } from "./history.js";
import { bind } from "./keys.js";
import { Overview } from "./overview.js";
import { Verdicts } from "./verdicts.js";

const THEMES = ["auto", "light", "dark"];
const THEME_KEY = "wsbeat-theme";
const NOTICE_MS = 10_000;

const past = new History();
const overview = new Overview();
let [summary, state, paused] = [undefined, { name: "connecting" }, false];

/** What is done with each event of the stream. */
const EVENTS = { summary: onSummary, verdict: (data) => verdicts.add(data), missed: (data) => verdicts.missed(data.verdicts) };

const show = (id) => detail.open(id);
const verdicts = new Verdicts(show);
const connections = new Connections(show);
const detail = new Detail(
  (id) => verdicts.about(id),
  () => connections.load(),
);

function onSummary(next) {
  if (!past.last) past.restore(next.started_ms, next.now_ms);
  if (past.push(next)) {
    notice("The server was restarted: everything counts anew.");
    detail.restarted();
  }
  summary = next;
  draw();
}

function draw() {
  if (!summary || paused || document.visibilityState === "hidden") return;
  overview.show(summary, past);
  $("drain-open").disabled = summary.draining;
  $("drain-text").textContent =
    `The server accepts no more, closes ${plural(summary.connections, "connection")} with 1001 "going away", and then ends.`;
  told();
}

/** Says how the page stands to the server. */
function told() {
  const lost = state.name === "lost";
  $("link").dataset.state = state.name === "live" && summary?.draining ? "draining" : state.name;
  document.body.classList.toggle("stale", lost);
  $("lost").hidden = !lost;
  setText(
    $("link-text"),
    { connecting: "Connecting", live: summary?.draining ? "Draining" : paused ? "Live, paused" : "Live", lost: "Lost" }[
      state.name
    ],
  );
  if (!lost) return;
  setText($("lost-title"), summary?.draining ? "The server drained and is gone." : "The server is lost.");
  const wait = Math.max(0, state.retry - performance.now());
  const shown = summary ? ` What is shown is ${age(performance.now() - state.since)} old.` : "";
  setText(
    $("lost-text"),
    `${state.why}${shown} ${wait > 0 ? `Trying again in ${Math.ceil(wait / 1_000)} s.` : "Trying again now."}`,
  );
}

function notice(words) {
  setText($("notice-text"), words);
  $("notice").hidden = false;
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => ($("notice").hidden = true), NOTICE_MS);
}

function onState(next) {
  const back = state.name === "lost" && next.name === "live";
  state = next;
  if (next.name === "live") verdicts.begin();
  if (back) {
    notice("Connected again.");
    connections.load();
  }
  told();
}

function pause() {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  setText($("pause"), paused ? "Go on" : "Pause");
  connections.paused = paused;
  verdicts.pause(paused);
  draw();
  told();
}

function theme(step) {
  const at = THEMES.indexOf(localStorage.getItem(THEME_KEY) ?? "auto");
  const next = THEMES[(at + step) % THEMES.length];
  localStorage.setItem(THEME_KEY, next);
  document.documentElement.dataset.theme = next;
  setText($("theme"), `Theme: ${next}`);
}

function openDrain() {
  if ($("drain-open").disabled) return;
  $("drain-error").textContent = "";
  open($("drain"));
}

for (const dialog of document.querySelectorAll("dialog")) prepare(dialog);
onToken(askToken);
theme(0);
$("theme").addEventListener("click", () => theme(1));
$("pause").addEventListener("click", pause);
$("drain-open").addEventListener("click", openDrain);
submits($("drain-form"), $("drain-error"), () => post("api/drain"));
bind([
  ["?", "this help", () => open($("help"))],
  ["/", "search the connections", () => $("search").focus()],
  ["c", "go to the connections", () => $("connections").focus()],
  ["v", "go to the verdicts", () => $("verdict-filter").focus()],
  ["j", "next connection", () => connections.step(1)],
  ["k", "previous connection", () => connections.step(-1)],
  ["n", "next page", () => connections.page(1)],
  ["b", "page before", () => connections.page(-1)],
  ["p", "pause, go on", pause],
  ["t", "change the theme", () => theme(1)],
  ["d", "drain the server (asks first)", openDrain],
]);

const retry = follow({
  event: (name, data) => EVENTS[name]?.(data),
  state: onState,
});
$("retry").addEventListener("click", retry);
document.addEventListener("visibilitychange", draw);
addEventListener("pagehide", () => past.store());
setInterval(told, 1_000);
connections.load();
const linked = Number(location.hash.slice(1));
if (Number.isInteger(linked) && linked > 0) show(linked);
