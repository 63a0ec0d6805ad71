/** The latest verdicts, newest first, each with the line that explains it. */

import { $, h } from "./dom.js";
import { clock, plural } from "./format.js";
import { VERDICTS, tone } from "./words.js";

/** How many are kept, and how many of those are shown. */
const KEPT = 500;
const SHOWN = 100;
/** A thousand peers may die in the same second: the list is drawn at most so often. */
const DRAWN_EVERY_MS = 250;

const keyOf = (verdict) => `${verdict.at_ms} ${verdict.id} ${verdict.verdict} ${verdict.missed ?? ""}`;

/** The list and its filter. */
export class Verdicts {
  /** `open` shows a connection. */
  constructor(open) {
    [this.open, this.kept, this.keys, this.paused] = [open, [], new Set(), false];
    $("verdict-filter").append(...Object.keys(VERDICTS).map((name) => h("option", {}, name)));
    $("verdict-filter").addEventListener("change", () => this.draw());
  }

  /** Adds one, unless it came before: a new stream begins with the last hundred. */
  add(verdict) {
    const key = keyOf(verdict);
    if (this.keys.has(key)) return;
    this.keys.add(key);
    this.kept.push(verdict);
    if (this.kept.length > KEPT) this.keys.delete(keyOf(this.kept.shift()));
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (!this.paused) this.draw();
    }, DRAWN_EVERY_MS);
  }

  /** A new stream begins: it tells anew what was missed. */
  begin() {
    this.kept = this.kept.filter((verdict) => !verdict.missed);
    this.keys = new Set(this.kept.map(keyOf));
  }

  /** So many came faster than they could be told. */
  missed(count) {
    this.add({ at_ms: Date.now(), missed: count });
  }

  /** Stops the list, or lets it go on. */
  pause(paused) {
    this.paused = paused;
    if (!paused) this.draw();
  }

  /** The last verdict about a connection. */
  about(id) {
    return this.kept.findLast((verdict) => verdict.id === id);
  }

  draw() {
    const wanted = $("verdict-filter").value;
    const shown = this.kept
      .filter((verdict) => !wanted || verdict.verdict === wanted)
      .slice(-SHOWN)
      .reverse();
    $("verdicts-empty").textContent = this.kept.length ? `No ${wanted} among the last ${this.kept.length}.` : "No verdict yet.";
    $("verdicts-empty").hidden = shown.length > 0;
    $("verdicts-scroll").hidden = shown.length === 0;
    const list = $("verdicts");
    const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
    const items = shown.map((verdict) => old.get(keyOf(verdict)) ?? this.item(verdict));
    const keep = new Set(items);
    for (const item of old.values()) if (!keep.has(item)) item.remove();
    // What stands already stays in place: the focus does too.
    items.forEach((item, i) => list.children[i] === item || list.insertBefore(item, list.children[i] ?? null));
  }

  item(verdict) {
    const { id, code, text, missed } = verdict;
    if (missed) {
      const item = h("li", { class: "soft" }, `${plural(missed, "verdict")} came faster than they could be told.`);
      item.dataset.key = keyOf(verdict);
      return item;
    }
    const item = h(
      "li",
      { class: tone(verdict.verdict) },
      h(
        "p",
        { class: "verdict-head" },
        h("time", { datetime: new Date(verdict.at_ms).toISOString() }, clock(verdict.at_ms)),
        h("strong", { title: VERDICTS[verdict.verdict]?.words }, verdict.verdict),
        h("span", { class: "soft" }, code ? `code ${code}` : "no code"),
        h("button", { type: "button", class: "link", onclick: () => this.open(id), "aria-label": `Connection ${id}` }, `#${id}`),
        h("span", { class: "soft" }, `${verdict.peer} at ${verdict.listener}`),
      ),
      h("p", { class: "line" }, text),
    );
    item.dataset.key = keyOf(verdict);
    return item;
  }
}
