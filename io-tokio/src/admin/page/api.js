/** The way to the server: requests, the stream of events, and what happens when it is lost. */

/** The server sends a summary each second: after so long without a byte it is lost. */
const SILENCE_MS = 5_000;
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000];
const TOKEN_KEY = "wsbeat-token";

/** An answer that is none of 2xx; `status` 0: no answer at all. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let askToken = async () => undefined;
let asking;

/** Sets what asks the user for a token; it is given a word about the last one. */
export function onToken(ask) {
  askToken = ask;
}

function headers(more = {}) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? more : { ...more, Authorization: `Bearer ${token}` };
}

async function request(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const asked = { cache: "no-store", ...options, headers: headers(options.headers) };
    options.watch?.start();
    const response = await fetch(path, asked).catch((error) => {
      if (options.signal?.aborted) throw error;
      throw new ApiError(0, "The server does not answer.");
    });
    if (response.ok) return response;
    if (response.status === 401) {
      options.watch?.stop();
      await renewToken(token);
      continue;
    }
    const told = await response.json().catch(() => ({}));
    throw new ApiError(response.status, told.error ?? `The server answered ${response.status}.`);
  }
}

/** Asks once, however many requests were turned away for the token that they had. */
async function renewToken(rejected) {
  if (sessionStorage.getItem(TOKEN_KEY) !== rejected) return;
  asking ??= askToken(rejected === null ? "" : "That token was not taken.").then((token) => {
    sessionStorage.setItem(TOKEN_KEY, token);
    asking = undefined;
  });
  await asking;
}

/** GET: the object that comes back. */
export async function get(path, signal) {
  return (await request(path, { signal })).json();
}

/** POST: the header is one that no form of another site can send. */
export async function post(path, body = {}) {
  const json = { "Content-Type": "application/json", "X-Wsbeat": "1" };
  await request(path, { method: "POST", headers: json, body: JSON.stringify(body) });
}

/**
 * Follows the server's events for as long as the page lives. `on.event(name, data)` gets each; `on.state(state)` learns of
 * `{ name: "connecting" | "live" | "lost" }`, the lost one with `since`, `retry` (times of `performance.now`) and `why`.
 * Returns a function that tries again now.
 */
export function follow(on) {
  let wake = () => {};
  const retry = () => wake();
  const visible = () => document.visibilityState === "visible" && wake();
  addEventListener("online", retry);
  document.addEventListener("visibilitychange", visible);
  (async () => {
    let [failures, since] = [0, undefined];
    on.state({ name: "connecting" });
    for (;;) {
      const error = await once(
        (name, data) => {
          if (failures || since !== undefined) [failures, since] = [0, undefined];
          on.event(name, data);
        },
        () => on.state({ name: "live" }),
      );
      since ??= performance.now();
      const wait = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] * (0.8 + 0.4 * Math.random());
      failures += 1;
      on.state({ name: "lost", since, retry: performance.now() + wait, why: error.message });
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, wait);
      });
      on.state({ name: "lost", since, retry: performance.now(), why: error.message });
    }
  })();
  return retry;
}

/** One stream, until it breaks; returns why it did. */
async function once(event, live) {
  const abort = new AbortController();
  let timer;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    timer = setTimeout(() => abort.abort(), SILENCE_MS);
  };
  try {
    const accept = { Accept: "text/event-stream" };
    const response = await request("api/events", { signal: abort.signal, headers: accept, watch: { start, stop } });
    live();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(event);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return new ApiError(0, "The server ended the stream.");
      start();
      parse(value);
    }
  } catch (error) {
    if (abort.signal.aborted) return new ApiError(0, `The server was silent for ${SILENCE_MS / 1_000} s.`);
    return error instanceof ApiError ? error : new ApiError(0, "The stream broke.");
  } finally {
    stop();
    abort.abort();
  }
}

/** Server-sent events: blocks of lines, an empty line between them. A stream may be cut anywhere. */
export function parser(event) {
  let rest = "";
  let [name, data] = ["message", []];
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length) event(name, JSON.parse(data.join("\n")));
        [name, data] = ["message", []];
      } else if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
    }
  };
}
