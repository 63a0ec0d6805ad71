/** Drawings: a line over time, and a histogram. Each has a text alternative, read by mouse and by arrow keys. */

import { h, s, setText } from "./dom.js";
import { age, count, micros } from "./format.js";

const LEFT = 52;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;
/** Samples come each second: a longer pause is drawn as one. */
const GAP_MS = 3_500;

/** Where the server's buckets end: whole microseconds at first, then four to a power of two; the last has no end. */
const ENDS = [1, 2, 3, 4];
for (let power = 4; power < 2 ** 32; power *= 2) ENDS.push(...[5, 6, 7, 8].map((n) => (n * power) / 4));
ENDS.splice(-1, 1, Infinity);

/** The frame of both: its size follows the room, the marked value is told under it. */
class Chart {
  constructor(place, name, height) {
    [this.name, this.height] = [name, height];
    this.svg = s("svg", { "aria-hidden": "true", height });
    this.marker = s("g", { class: "marker" });
    this.reading = h("p", { class: "reading" });
    this.figure = h("div", { class: "chart", tabindex: "0", role: "group" }, this.svg, this.reading);
    place.append(this.figure);
    new ResizeObserver(() => this.draw()).observe(this.figure);
    this.figure.addEventListener("pointermove", (event) =>
      this.mark(this.near(event.clientX - this.svg.getBoundingClientRect().left)),
    );
    for (const out of ["pointerleave", "blur"]) {
      this.figure.addEventListener(out, () => {
        this.reading.setAttribute("aria-live", "off");
        this.mark(undefined);
      });
    }
    this.figure.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined || !this.points?.length) return;
      event.preventDefault();
      this.reading.setAttribute("aria-live", "polite");
      this.mark(Math.max(0, Math.min(this.points.length - 1, (this.marked ?? this.points.length) + step)));
    });
  }

  set(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    this.width = this.figure.clientWidth;
    if (!this.data || this.width < LEFT + RIGHT + 20) return;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.points = [];
    const shapes = this.shapes(this.data);
    this.svg.replaceChildren(...shapes, this.marker);
    const words = this.words(this.data);
    this.figure.setAttribute("aria-label", `${this.name}: ${words}`);
    if (this.marked !== undefined && this.marked >= this.points.length) this.marked = undefined;
    this.tell(words);
  }

  near(x) {
    if (!this.points?.length) return undefined;
    let best = 0;
    this.points.forEach((point, i) => {
      if (Math.abs(point.x - x) < Math.abs(this.points[best].x - x)) best = i;
    });
    return best;
  }

  mark(index) {
    this.marked = index;
    if (this.data) this.tell(this.words(this.data));
  }

  tell(words) {
    const point = this.points[this.marked];
    this.marker.replaceChildren();
    if (point) {
      this.marker.append(s("line", { x1: point.x, x2: point.x, y1: TOP, y2: this.height - BOTTOM }));
      if (point.y !== undefined) this.marker.append(s("circle", { cx: point.x, cy: point.y, r: 4 }));
    }
    setText(this.reading, point ? point.words : words);
  }

  /** The lines and words of the vertical axis; returns where a value stands. */
  scale(top, format, shapes) {
    const high = this.height - TOP - BOTTOM;
    const y = (value) => TOP + high - (value / top) * high;
    for (const value of [0, top / 2, top]) {
      shapes.push(s("line", { class: "grid-line", x1: LEFT, x2: this.width - RIGHT, y1: y(value), y2: y(value) }));
      shapes.push(s("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, format(value)));
    }
    return y;
  }
}

/** 1, 2 or 5 times a power of ten, at least `value`; whole where `least` is. */
function roundUp(value, least) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, least)));
  return Math.max(
    least,
    [1, 2, 4, 6, 8, 10].map((n) => n * unit).find((n) => n >= value),
  );
}

/** A value over the last minutes. Data: `{ points: [[t, value]…], now, span_ms }`. */
export class TimeChart extends Chart {
  /** `least` is the lowest top of the axis; `style` the colour's class. */
  constructor(place, name, { format, height = 130, least = 2, style = "line" }) {
    super(place, name, height);
    Object.assign(this, { format, least, style });
  }

  shapes({ points, now, span_ms }) {
    const shapes = [];
    const values = points.map(([, value]) => value).filter((value) => value !== undefined);
    const y = this.scale(roundUp(Math.max(0, ...values), this.least), this.format, shapes);
    const room = this.width - LEFT - RIGHT;
    const x = (t) => LEFT + room * (1 - (now - t) / span_ms);
    const minutes = span_ms / 60_000;
    for (let minute = 0; minute <= minutes; minute += room < 320 && minutes > 3 ? minutes : 1) {
      const at = x(now - minute * 60_000);
      const anchor = minute === 0 ? "end" : minute === minutes ? "start" : "middle";
      shapes.push(s("text", { x: at, y: this.height - 4, "text-anchor": anchor }, minute ? `−${minute} min` : "now"));
    }
    let [path, area, before, first] = ["", "", undefined, undefined];
    const close = () => {
      if (before) area += `L${before.x},${y(0)}L${first.x},${y(0)}Z`;
    };
    for (const [t, value] of points) {
      if (value === undefined || t < now - span_ms) continue;
      const point = { t, x: x(t), y: y(value), words: `${this.format(value)}, ${age(now - t)} ago` };
      const goesOn = before && t - before.t < GAP_MS;
      if (!goesOn) {
        close();
        first = point;
      }
      const step = `${goesOn ? "L" : "M"}${point.x.toFixed(1)},${point.y.toFixed(1)}`;
      path += step;
      area += step;
      before = point;
      this.points.push(point);
    }
    close();
    shapes.push(s("path", { class: `${this.style} area`, d: area }), s("path", { class: this.style, d: path }));
    if (before) shapes.push(s("circle", { class: `${this.style} end`, cx: before.x, cy: before.y, r: 3 }));
    return shapes;
  }

  words({ points, now, span_ms }) {
    const shown = points.filter(([t, value]) => value !== undefined && t >= now - span_ms);
    const values = shown.map(([, value]) => value);
    if (!values.length) return "nothing yet";
    return `now ${this.format(values.at(-1))}, least ${this.format(Math.min(...values))}, most ${this.format(Math.max(...values))}`;
  }
}

/** How often which span came. Data: `{ buckets: [[le_us, count]…], p50, p90, p99, none }`. */
export class Histogram extends Chart {
  constructor(place, name, height = 180) {
    super(place, name, height);
  }

  shapes({ buckets, p50, p99 }) {
    const shapes = [];
    const counts = new Map(buckets.filter(([, n]) => n > 0));
    const first = ENDS.findIndex((end) => counts.has(end));
    if (first < 0) {
      this.scale(2, count, shapes);
      return shapes;
    }
    const last = ENDS.findLastIndex((end) => counts.has(end));
    // Some room at both ends, and never so few columns that one looks like a wall.
    const room = Math.max(2, Math.ceil((16 - (last - first)) / 2));
    const from = Math.max(0, first - room);
    const shown = ENDS.slice(from, last + room + 1).map((end) => [end, counts.get(end) ?? 0]);
    const most = Math.max(...shown.map(([, n]) => n));
    const y = this.scale(roundUp(most, 2), count, shapes);
    const width = (this.width - LEFT - RIGHT) / shown.length;
    const every = Math.ceil(76 / width);
    shown.forEach(([le, n], i) => {
      const x = LEFT + i * width;
      const begin = ENDS[from + i - 1] ?? 0;
      if (n)
        shapes.push(s("rect", { class: "column", x: x + 0.5, width: Math.max(1, width - 1.5), y: y(n), height: y(0) - y(n) }));
      if (i % every === 0)
        shapes.push(s("text", { x, y: this.height - 4, "text-anchor": i ? "middle" : "start" }, micros(begin)));
      this.points.push({
        x: x + width / 2,
        y: n ? y(n) : undefined,
        words: `${count(n)} from ${micros(begin)} ${le === Infinity ? "up" : `to ${micros(le)}`}`,
      });
    });
    for (const [name, value] of [
      ["p50", p50],
      ["p99", p99],
    ]) {
      const at = shown.findIndex(([le]) => le === value);
      if (at < 0) continue;
      const x = LEFT + (at + 1) * width;
      const atEnd = x > this.width - 60;
      shapes.push(s("line", { class: "quantile", x1: x, x2: x, y1: TOP, y2: y(0) }));
      shapes.push(
        s("text", { class: "quantile", x: atEnd ? x - 4 : x + 4, y: TOP + 8, "text-anchor": atEnd ? "end" : "start" }, name),
      );
    }
    return shapes;
  }

  words({ buckets, p50, p90, p99, none }) {
    const total = buckets.reduce((all, [, n]) => all + n, 0);
    if (!total) return none;
    return `${count(total)} round trips: p50 ${micros(p50)}, p90 ${micros(p90)}, p99 ${micros(p99)}`;
  }
}
