/** Numbers and times in the words of the page. */

const WHOLE = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** What stands where there is no value. */
export const NONE = "–";

/** 18,000 */
export const count = (n) => (n === undefined || n === null ? NONE : WHOLE.format(n));

/** 3,600 or 0.4: a rate in events a second. */
export const rate = (n) => (n === undefined ? NONE : n < 10 ? String(Number(n.toFixed(1))) : WHOLE.format(Math.round(n)));

/** Microseconds: 212 µs, 4.90 ms, 1.20 s. */
export function micros(us) {
  if (us === undefined || us === null) return NONE;
  if (us === Infinity) return "over an hour";
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${digits(us / 1_000)} ms`;
  return `${digits(us / 1_000_000)} s`;
}

const digits = (n) => (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0));

/** Milliseconds of an age: 0.4 s, 12 s, 3 min 05 s, 5 h 02 min, 2 d 3 h. */
export function age(ms) {
  if (ms === undefined || ms === null) return NONE;
  const s = Math.max(0, ms) / 1_000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const [minutes, hours] = [Math.floor(s / 60), Math.floor(s / 3_600)];
  if (minutes < 60) return `${minutes} min ${two(s % 60)} s`;
  if (hours < 48) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const two = (n) => String(Math.floor(n)).padStart(2, "0");

/** An age with "ago" behind it, or the word for never. */
export const ago = (ms) => (ms === undefined || ms === null ? "never" : `${age(ms)} ago`);

/** Bytes: 4 KiB, 21.3 MiB. */
export function bytes(n) {
  if (n === undefined || n === null) return NONE;
  let unit = 0;
  while (n >= 1_024 && unit < 4) {
    n /= 1_024;
    unit += 1;
  }
  return `${unit === 0 || Number.isInteger(n) ? n : n.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

/** The time of day of a Unix time in ms. */
export const clock = (ms) => CLOCK.format(ms);

/** One thing, several things. */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
