/** The upper half of the page: tiles, charts, ends by verdict, refusals, listeners. */

import { Histogram, TimeChart } from "./charts.js";
import { $, h, setText, table } from "./dom.js";
import { NONE, age, bytes, count, micros, plural, rate } from "./format.js";
import { SPAN_MS, quantile } from "./history.js";
import { REFUSALS, VERDICTS } from "./words.js";

/** `[id, name]` of each tile. */
const TILES = [
  ["connections", "Connections"],
  ["beats", "Heartbeats and pings"],
  ["misses", "Missed"],
  ["rtt", "Round trip"],
  ["lag", "Timer lag"],
  ["closed", "Closed"],
  ["refused", "Refused"],
  ["process", "Process"],
];

/** Codes that no close frame bears (RFC 6455 §7.4.1). */
const NO_CODE = { 1005: "empty", 1006: "none" };

/** Everything that is drawn from the summaries. */
export class Overview {
  constructor() {
    $("tiles").append(
      ...TILES.map(([id, name]) =>
        h(
          "div",
          { class: "tile" },
          h("h2", {}, name),
          h("p", { class: "value", id: `tile-${id}` }, NONE),
          h("p", { class: "soft small", id: `tile-${id}-more` }),
        ),
      ),
    );
    const second = (n) => `${rate(n)}/s`;
    this.connections = new TimeChart($("chart-connections"), "Connections", { format: (n) => count(Math.round(n)), height: 210 });
    this.beats = new TimeChart($("chart-beats"), "Heartbeats and pings sent a second", { format: second, height: 100 });
    this.misses = new TimeChart($("chart-misses"), "Missed a second", { format: second, height: 90, style: "line bad" });
    this.lag = new TimeChart($("chart-lag"), "Timer lag, worst of each second", { format: micros, height: 205, least: 1_000 });
    this.rtt = new Histogram($("chart-rtt"), "Round trips");
    for (const id of ["rtt-plane", "rtt-span"]) $(id).addEventListener("change", () => this.drawRtt());
    $("rtt-plane").addEventListener("change", () => (this.planeChosen = true));
  }

  show(summary, history) {
    [this.summary, this.history] = [summary, history];
    setText($("version"), summary.version);
    if (!this.planeChosen) $("rtt-plane").value = this.busyPlane();
    this.tiles();
    const time = (points) => ({ points, now: history.last.t, span_ms: SPAN_MS });
    this.connections.set(time(history.series("connections")));
    this.beats.set(time(history.rates("sent")));
    this.misses.set(time(history.misses()));
    this.lag.set(time(history.series("lagWorst")));
    this.drawRtt();
    this.closes();
    this.refusals();
    this.listeners();
  }

  /** The plane whose round trips the page shows until somebody chooses. */
  busyPlane() {
    const { transport, application } = this.summary.rtt_us;
    return transport.count > 0 && application.count === 0 ? "transport" : "application";
  }

  tiles() {
    const { summary, history } = this;
    const tile = (id, value, more) => {
      setText($(`tile-${id}`), value);
      setText($(`tile-${id}-more`), more);
    };
    tile("connections", count(summary.connections), `${count(summary.opened)} since the start`);
    tile(
      "beats",
      `${rate(history.rate("sent"))}/s`,
      `${count(history.last.sent)} sent, ${count(history.last.answered)} answered`,
    );
    const misses = history.misses();
    const missed = misses.at(-1)?.[1];
    tile(
      "misses",
      missed === undefined ? NONE : `${rate(missed)}/s`,
      missed === undefined ? "known after a few seconds" : "unanswered for 5 s",
    );
    $("tile-misses").classList.toggle("bad", missed > 0);
    const rtt = history.rttOfMinute(this.busyPlane());
    const p99 = quantile(rtt, 0.99);
    tile("rtt", micros(quantile(rtt, 0.5)), p99 ? `p99 ${micros(p99)} in the last minute` : "none in the last minute");
    const lag = history.lagOfMinute();
    tile("lag", micros(quantile(lag, 0.99)), `p99 of the last minute, most ${micros(quantile(lag, 1))}`);
    tile("closed", count(history.lastMinute("closed")), `in the last minute, ${count(history.last.closed)} in all`);
    tile("refused", count(history.lastMinute("refused")), `in the last minute, ${count(history.last.refused)} in all`);
    const cpu = history.rate("cpu");
    const up = `up ${age(summary.now_ms - summary.started_ms)}`;
    tile(
      "process",
      bytes(summary.process?.resident_bytes),
      `${cpu === undefined || Number.isNaN(cpu) ? "" : `CPU ${(cpu * 100).toFixed(1)} %, `}${up}`,
    );
  }

  drawRtt() {
    if (!this.summary) return;
    const plane = $("rtt-plane").value;
    const all = $("rtt-span").value === "all";
    const buckets = all ? this.history.rttOfAll(plane) : this.history.rttOfMinute(plane);
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => quantile(buckets, share));
    this.rtt.set({ buckets, p50, p90, p99, none: all ? "none yet" : "none in the last minute" });
  }

  closes() {
    const closes = this.summary.closes.filter((close) => close.count > 0).toSorted((a, b) => b.count - a.count);
    replace($("closes"), closes, "No connection was closed yet.", (most) =>
      table(
        "Ended connections by verdict and close code",
        [
          ["Verdict", "wide"],
          ["Code", "number"],
          ["Count", "number"],
        ],
        closes.map((close) => [
          named(close.verdict, bar(close.count, most, VERDICTS[close.verdict]?.tone), VERDICTS[close.verdict]?.words),
          close.code === null ? "other" : (NO_CODE[close.code] ?? String(close.code)),
          count(close.count),
        ]),
      ),
    );
  }

  refusals() {
    const refused = this.summary.refused.filter((refusal) => refusal.count > 0).toSorted((a, b) => b.count - a.count);
    replace($("refused"), refused, "Nobody was refused yet.", (most) =>
      table(
        "Refused connections by reason",
        [
          ["Reason", "wide"],
          ["Count", "number"],
        ],
        refused.map((refusal) => [
          named(refusal.reason, bar(refusal.count, most), REFUSALS[refusal.reason]),
          count(refusal.count),
        ]),
      ),
    );
  }

  listeners() {
    const { listeners } = this.summary;
    const key = JSON.stringify(listeners);
    if (key === this.listenersShown) return;
    this.listenersShown = key;
    const every = (ms) => (ms ? age(ms) : "off");
    const rows = listeners.map((one) => [
      one.name,
      one.urls.join(" "),
      one.dialect ?? "none",
      every(one.dialect ? one.interval_ms : 0),
      one.profile ?? "none",
      every(one.ping_interval_ms),
      plural(one.workers, "worker"),
    ]);
    $("listeners").replaceChildren(
      table(
        "Listeners",
        [
          ["Name", ""],
          ["Addresses", "wide"],
          ["Dialect", ""],
          ["Heartbeats every", "number"],
          ["Profile", ""],
          ["Pings every", "number"],
          ["Threads", "number"],
        ],
        rows,
      ),
    );
  }
}

/** Draws a table anew only where its counts changed: a selection in it stays. */
function replace(place, counted, none, draw) {
  const key = JSON.stringify(counted);
  if (place.dataset.shown === key) return;
  place.dataset.shown = key;
  place.replaceChildren(counted.length ? draw(counted[0].count) : h("p", { class: "empty" }, none));
}

/** A name, its bar, and what it means. */
const named = (name, share, words) => h("div", {}, name, share, words && h("small", { class: "soft block" }, words));

/** A bar as long as its share of the largest count. */
function bar(n, most, tone = "neutral") {
  const element = h("span", { class: `share ${tone}`, "aria-hidden": "true" });
  element.style.inlineSize = `${(n / most) * 100}%`;
  return element;
}
