/** One connection in full: both planes, the last heartbeats, the queue, what is known of its life. */

import { get, post } from "./api.js";
import { open, submits } from "./dialogs.js";
import { $, h, setText } from "./dom.js";
import { NONE, age, ago, bytes, count, micros, plural } from "./format.js";

const REFRESH_MS = 1_000;
/** How many heartbeats the strip shows; the server remembers the last few, the page those it saw. */
const STRIP = 24;
const PLANES = [
  ["application", "Heartbeats", "heartbeat"],
  ["transport", "Pings", "ping"],
];

/** The view of a connection, renewed each second while it is open. */
export class Detail {
  /** `about` finds the last verdict about a connection; `changed` is called when one was closed from here. */
  constructor(about, changed) {
    Object.assign(this, { about, changed });
    $("detail").addEventListener("close", () => {
      clearTimeout(this.timer);
      this.id = undefined;
      history.replaceState(null, "", location.pathname + location.search);
    });
    $("close-open").addEventListener("click", () => {
      setText($("close-title"), `Close connection ${this.id}?`);
      $("close-error").textContent = "";
      open($("close"));
    });
    submits($("close-form"), $("close-error"), async () => {
      const [code, reason] = [Number($("close-code").value), $("close-reason").value];
      await post(`api/connections/${this.id}/close`, { code, reason });
      this.changed();
      this.load();
    });
  }

  /** Shows a connection. */
  open(id) {
    [this.id, this.seen, this.last] = [id, { application: new Map(), transport: new Map() }, undefined];
    history.replaceState(null, "", `#${id}`);
    setText($("detail-title"), `Connection ${id}`);
    $("detail-body").replaceChildren(h("p", { class: "soft" }, "Loading"));
    $("close-open").disabled = true;
    open($("detail"));
    this.load();
  }

  async load() {
    clearTimeout(this.timer);
    const { id } = this;
    if (id === undefined) return;
    try {
      const connection = await get(`api/connections/${id}`);
      if (id !== this.id) return;
      this.last = connection;
      if (!isSelecting()) this.show(connection);
    } catch (error) {
      if (id !== this.id) return;
      if (error.status === 404) return this.ended();
      this.say(`${error.message} What is shown may be old.`);
    }
    this.timer = setTimeout(() => this.load(), REFRESH_MS);
  }

  /** Numbers begin anew with a server: what is shown is of the old one. */
  restarted() {
    if (this.id === undefined) return;
    clearTimeout(this.timer);
    $("close-open").disabled = true;
    this.say("The server was restarted: this connection is gone.");
  }

  /** It is gone: what it was stays to be read, with the reason where the page knows it. */
  ended() {
    const verdict = this.about(this.id);
    $("close-open").disabled = true;
    if (!this.last) $("detail-body").replaceChildren();
    this.say(
      verdict
        ? `This connection has ended. ${verdict.text}`
        : "This connection has ended, or there never was one of this number.",
    );
  }

  say(words) {
    const old = $("detail-body").querySelector(".note");
    if (old) setText(old, words);
    else $("detail-body").prepend(h("p", { class: "note", role: "status" }, words));
  }

  show(c) {
    $("close-open").disabled = c.phase !== "open";
    const facts = [
      ["Peer", c.peer],
      ["Listener", c.listener],
      ["Phase", c.phase],
      ["Open for", age(c.age_ms)],
      ["Last sign of life", ago(c.last_evidence_ms)],
      ["Unanswered", count(c.unanswered)],
      ["Write queue", bytes(c.queue_bytes)],
    ];
    const focused = $("detail-body").contains(document.activeElement) ? document.activeElement.dataset.strip : undefined;
    $("detail-body").replaceChildren(
      h("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      c.evidence ? h("p", { class: "evidence" }, c.evidence) : "",
      ...PLANES.map(([key, name, one]) => this.plane(c.planes[key], key, name, one)),
    );
    if (focused) $("detail-body").querySelector(`[data-strip=${focused}]`)?.focus();
  }

  plane(plane, key, name, one) {
    if (!plane) return h("section", { class: "plane" }, h("h3", {}, name), h("p", { class: "soft" }, "This plane is off."));
    const next = plane.next_due_ms === null ? NONE : `in ${age(plane.next_due_ms)}`;
    const facts = [
      ["Unanswered", count(plane.unanswered)],
      roundTrip(plane),
      ["Last answer", ago(plane.last_answer_ms)],
      ["Next", next],
    ];
    if (plane.sent !== null) facts.unshift(["Sent", count(plane.sent)]);
    return h(
      "section",
      { class: "plane" },
      h("h3", {}, name),
      this.strip(plane.recent ?? [], key, one),
      h("dl", { class: "facts" }, ...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)))),
    );
  }

  /** The last heartbeats, oldest first: answered, waiting, or not on its way yet. */
  strip(recent, key, one) {
    const seen = this.seen[key];
    for (const entry of recent) seen.set(String(entry.token), entry);
    // Of those that the server no longer remembers the last word holds; none of them waits any more.
    const known = new Set(recent.map((entry) => String(entry.token)));
    while (seen.size > STRIP) seen.delete(seen.keys().next().value);
    const all = [...seen].map(([token, entry]) => {
      const state = entry.answered
        ? "answered"
        : !known.has(token)
          ? "gone"
          : entry.written_ms === null
            ? "unwritten"
            : "waiting";
      return { token, state, entry };
    });
    if (!all.length) return h("p", { class: "soft" }, `No ${one} was sent yet.`);
    const words = {
      answered: "answered",
      waiting: "unanswered so far",
      unwritten: "not written yet",
      gone: "never seen answered",
    };
    const marks = { answered: "✓", waiting: "…", unwritten: "↑", gone: "✕" };
    const items = all.map(({ token, state, entry }) => {
      const when = known.has(token) && entry.written_ms !== null ? `, written ${ago(entry.written_ms)}` : "";
      return h(
        "li",
        { class: state, title: `${token}: ${words[state]}${when}` },
        h("span", { "aria-hidden": "true" }, marks[state]),
        h("span", { class: "hidden" }, `${token} ${words[state]}`),
      );
    });
    const last = all.at(-1);
    const strip = h(
      "ol",
      { class: "strip", tabindex: "0", "aria-label": `The last ${plural(all.length, one)}, oldest first` },
      ...items,
    );
    strip.dataset.strip = key;
    return h("div", {}, strip, h("p", { class: "soft small" }, `Newest: ${last.token}, ${words[last.state]}.`));
  }
}

/** The smoothed round trip; where none is kept that of the last answer, as near as whole milliseconds tell. */
function roundTrip({ srtt_us: srtt, recent, last_answer_ms: answered }) {
  const last = recent?.findLast((entry) => entry.answered && entry.written_ms !== null);
  if (srtt !== null || !last || answered === null) return ["Round trip, smoothed", micros(srtt)];
  const ms = Math.max(0, last.written_ms - answered);
  return ["Round trip, last", ms < 1 ? "under 1 ms" : micros(ms * 1_000)];
}

/** Whether somebody selects text of the view, to copy it: it must not change meanwhile. */
function isSelecting() {
  const selection = getSelection();
  return !selection.isCollapsed && $("detail-body").contains(selection.anchorNode);
}
