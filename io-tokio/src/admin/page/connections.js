/** The table of connections: the server sorts, searches and pages; here is one page of it. */

import { get } from "./api.js";
import { $, h, setText } from "./dom.js";
import { NONE, age, ago, bytes, count, micros, plural } from "./format.js";

/** The page is asked for again so often while it is looked at. */
const REFRESH_MS = 2_000;
const SEARCH_AFTER_MS = 250;

/** `name`, what the server sorts by, which order comes first, the cell's text, and its class. */
const COLUMNS = [
  { name: "No.", sort: "id", order: "asc", style: "number" },
  { name: "Peer", sort: "peer", order: "asc", text: (c) => c.peer, style: "peer" },
  { name: "Listener", text: (c) => c.listener, style: "wide-only" },
  { name: "Age", sort: "age", order: "desc", text: (c) => age(c.age_ms), style: "number wide-only" },
  { name: "Phase", text: (c) => c.phase, style: "medium-only" },
  { name: "Round trip", sort: "rtt", order: "desc", text: (c) => micros(c.srtt_us), style: "number" },
  { name: "Unan\u00adswered", sort: "unanswered", order: "desc", text: (c) => count(c.unanswered), style: "number" },
  {
    name: "Last sign of life",
    sort: "last_byte",
    order: "desc",
    text: (c) => ago(c.last_evidence_ms),
    style: "number medium-only",
  },
  {
    name: "Queue",
    sort: "queue",
    order: "desc",
    text: (c) => (c.queue_bytes ? bytes(c.queue_bytes) : NONE),
    style: "number medium-only",
  },
];

/** The table, its search and its pages. */
export class Connections {
  /** `open` shows a connection. */
  constructor(open) {
    [this.open, this.sort, this.order, this.rows, this.paused] = [open, "id", "asc", new Map(), false];
    this.cursors = [undefined];
    if (innerWidth < 768) $("limit").value = "25";
    $("columns").append(...COLUMNS.map((column) => this.header(column)));
    $("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.restart();
    });
    $("search").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.restart(), SEARCH_AFTER_MS);
    });
    $("limit").addEventListener("change", () => this.restart());
    $("first").addEventListener("click", () => this.restart());
    $("previous").addEventListener("click", () => this.page(-1));
    $("next").addEventListener("click", () => this.page(1));
    $("rows").addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      // A selection of text is no click.
      if (row && !event.target.closest("button") && getSelection().isCollapsed) this.open(Number(row.dataset.id));
    });
    this.sorted();
    setInterval(() => !this.paused && document.visibilityState === "visible" && this.load(), REFRESH_MS);
  }

  header({ name, sort, order, style }) {
    if (!sort) return h("th", { scope: "col", class: style }, name);
    const button = h(
      "button",
      { type: "button", onclick: () => this.sortBy(sort, order) },
      name,
      h("span", { class: "arrow", "aria-hidden": "true" }),
    );
    const header = h("th", { scope: "col", class: style }, button);
    header.dataset.sort = sort;
    return header;
  }

  sortBy(sort, order) {
    this.order = this.sort === sort ? (this.order === "asc" ? "desc" : "asc") : order;
    this.sort = sort;
    this.sorted();
    this.restart();
  }

  sorted() {
    for (const header of $("columns").querySelectorAll("[data-sort]")) {
      const is = header.dataset.sort === this.sort;
      if (is) header.setAttribute("aria-sort", this.order === "asc" ? "ascending" : "descending");
      else header.removeAttribute("aria-sort");
      setText(header.querySelector(".arrow"), is ? (this.order === "asc" ? " ▲" : " ▼") : "");
    }
  }

  /** From the first page, as somebody asked. */
  restart() {
    this.cursors = [undefined];
    return this.loadAndTell();
  }

  page(step) {
    if (step > 0 && !this.following) return undefined;
    if (step > 0) this.cursors.push(this.following);
    else if (this.cursors.length > 1) this.cursors.pop();
    this.following = undefined;
    return this.loadAndTell();
  }

  /** What somebody asked for is told to those who do not see it; the renewals are not. */
  async loadAndTell() {
    await this.load();
    setText($("rows-told"), $("rows-status").textContent);
  }

  /** Asks for the page that is looked at; the newest question wins. */
  async load() {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const query = new URLSearchParams({ limit: $("limit").value, sort: this.sort, order: this.order });
    const cursor = this.cursors.at(-1);
    if (cursor !== undefined) query.set("cursor", cursor);
    const search = $("search").value.trim();
    if (search) query.set("q", search);
    try {
      const page = await get(`api/connections?${query}`, signal);
      // The page that was looked at may be gone: its last cursor leads nowhere.
      if (!page.connections.length && this.cursors.length > 1) return await this.restart();
      if (!signal.aborted) this.show(page, search);
    } catch (error) {
      if (!signal.aborted && error.status) setText($("rows-status"), error.message);
    }
    return undefined;
  }

  show(page, search) {
    const { connections, matched, total, next } = page;
    this.following = next ?? undefined;
    const kept = new Map();
    connections.forEach((connection, i) => {
      const row = this.rows.get(connection.id) ?? this.row(connection.id);
      kept.set(connection.id, row);
      this.update(row, connection);
      if ($("rows").children[i] !== row) $("rows").insertBefore(row, $("rows").children[i] ?? null);
    });
    for (const [id, row] of this.rows) if (!kept.has(id)) row.remove();
    this.rows = kept;
    const first = (this.cursors.length - 1) * Number($("limit").value);
    $("rows-scroll").hidden = connections.length === 0;
    $("rows-empty").hidden = connections.length > 0;
    setText($("rows-empty"), search ? `No connection matches “${search}”.` : "No connection is open.");
    const range = connections.length ? `${count(first + 1)} to ${count(first + connections.length)} of ` : "";
    setText($("rows-status"), `${range}${search ? `${count(matched)} that match, of ` : ""}${plural(total, "connection")}`);
    for (const id of ["first", "previous"]) $(id).disabled = this.cursors.length === 1;
    $("next").disabled = this.following === undefined;
  }

  row(id) {
    const button = h(
      "button",
      { type: "button", class: "link", "aria-label": `Connection ${id}`, onclick: () => this.open(id) },
      String(id),
    );
    const cells = COLUMNS.slice(1).map((column) => h("td", { class: column.style }));
    const row = h("tr", {}, h("th", { scope: "row", class: "number" }, button), ...cells);
    row.dataset.id = id;
    return row;
  }

  update(row, connection) {
    COLUMNS.slice(1).forEach((column, i) => setText(row.children[i + 1], column.text(connection)));
    row.classList.toggle("warn", connection.unanswered > 0);
    row.classList.toggle("leaving", connection.phase !== "open");
  }

  /** Moves the focus among the rows. */
  step(by) {
    const buttons = [...$("rows").querySelectorAll("button.link")];
    const at = buttons.indexOf(document.activeElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + by))]?.focus();
  }
}
