/** What the summaries said over the last minutes, and the rates that follow from it. */

/** How far back the charts look. */
export const SPAN_MS = 5 * 60_000;
/** A heartbeat that is unanswered for so long is missed. */
const MISSED_AFTER_MS = 5_000;
/** What a rate looks at: a heartbeat each 5 s is then an even line. */
const RATE_MS = 5_000;
/** Over less than this a rate says little. */
const RATE_MS_MIN = 2_000;
/** What rates and round trips of "the last minute" look at. */
const MINUTE_MS = 60_000;
const STORE_KEY = "wsbeat-history";

const sum = (list, of) => list.reduce((total, entry) => total + of(entry), 0);

/** The buckets of a histogram that have something in them: `[[le_us, count]…]`; the last may have no end. */
const buckets = (histogram) => histogram.buckets.map(([le, n]) => [le ?? Infinity, n]);

/** The buckets of `now` less those of `then`. */
function since(now, then) {
  const old = new Map(then);
  return now.map(([le, n]) => [le, n - (old.get(le) ?? 0)]);
}

/** The end of the bucket that holds this share of all; nothing where nothing was counted. */
export function quantile(counted, share) {
  const total = sum(counted, ([, n]) => n);
  if (!total) return undefined;
  let seen = 0;
  for (const [le, n] of counted) {
    seen += n;
    if (n && seen >= total * share) return le;
  }
  return undefined;
}

/** A summary, cut down to what the charts need. */
function sample(summary) {
  const { pings_sent: sent, answers, process } = summary;
  const matched = (plane) => answers[plane]?.matched ?? 0;
  return {
    t: summary.now_ms,
    connections: summary.connections,
    sent: sent.transport + sent.application,
    answered: matched("transport") + matched("application"),
    closed: sum(summary.closes, (close) => close.count),
    refused: sum(summary.refused, (refusal) => refusal.count),
    cpu: process?.cpu_seconds,
    rtt: { transport: buckets(summary.rtt_us.transport), application: buckets(summary.rtt_us.application) },
    lag: buckets(summary.timer_lag_us),
  };
}

/** The last samples of one run of the server, one a second. */
export class History {
  constructor() {
    this.samples = [];
  }

  /** Adds a summary; returns whether the server is another run than before. */
  push(summary) {
    const restarted = this.started !== undefined && this.started !== summary.started_ms;
    if (restarted) this.samples = [];
    this.started = summary.started_ms;
    const next = sample(summary);
    const last = this.samples.at(-1);
    if (last && next.t <= last.t) return restarted;
    if (last) next.lagWorst = quantile(since(next.lag, last.lag), 1);
    this.samples.push(next);
    while (this.samples[0].t < next.t - SPAN_MS - 2 * MISSED_AFTER_MS) this.samples.shift();
    // Old buckets are not looked at again.
    const old = this.samples.findLast((one) => one.t < next.t - MINUTE_MS - 5_000);
    if (old) old.rtt = old.lag = undefined;
    return restarted;
  }

  get last() {
    return this.samples.at(-1);
  }

  /** The newest sample that is at least this old. */
  at(ms) {
    return this.samples.findLast((one) => one.t <= this.last.t - ms);
  }

  /** How much a count grew in the last minute, or since the page looks on. */
  lastMinute(key) {
    const then = this.at(MINUTE_MS) ?? this.samples[0];
    return this.last[key] - then[key];
  }

  /** Events a second over the last few seconds. */
  rate(key, over_ms = RATE_MS) {
    const then = this.at(over_ms) ?? this.samples[0];
    const ms = this.last.t - then.t;
    return ms >= RATE_MS_MIN ? ((this.last[key] - then[key]) * 1_000) / ms : undefined;
  }

  /** `[t, value]` of each sample; `undefined` where there was none. */
  series(key) {
    return this.samples.map((one) => [one.t, one[key]]);
  }

  /** `[t, events a second]`, each over the seconds before it. */
  rates(key) {
    return perSecond(this.samples.map((one) => [one.t, one[key]]));
  }

  /**
   * Misses a second. What is on its way is no miss: a heartbeat is missed when the number of those without an answer did not
   * come below it again for some time.
   */
  misses() {
    const least = [];
    for (let i = 0; i < this.samples.length; i += 1) {
      const end = this.samples[i].t + MISSED_AFTER_MS;
      if (this.last.t < end) break;
      let low = Infinity;
      for (let j = i; j < this.samples.length && this.samples[j].t <= end; j += 1)
        low = Math.min(low, this.samples[j].sent - this.samples[j].answered);
      least.push([end, low]);
    }
    return perSecond(least).map(([t, n]) => [t, n === undefined ? n : Math.max(0, n)]);
  }

  /** The buckets of a plane's round trips in the last minute, or since the page looks on. */
  rttOfMinute(plane) {
    return since(this.last.rtt[plane], this.minuteAgo().rtt[plane]);
  }

  /** The buckets of a plane's round trips since the server began. */
  rttOfAll(plane) {
    return this.last.rtt[plane];
  }

  /** The buckets of the timer lag in the last minute, or since the page looks on. */
  lagOfMinute() {
    return since(this.last.lag, this.minuteAgo().lag);
  }

  /** The oldest sample of the last minute that has its buckets. */
  minuteAgo() {
    return this.samples.find((one) => one.rtt && one.t >= this.last.t - MINUTE_MS);
  }

  /** Keeps the samples for a reload of this tab. */
  store() {
    const kept = { started: this.started, samples: this.samples.map((one) => ({ ...one, rtt: undefined, lag: undefined })) };
    try {
      sessionStorage.setItem(STORE_KEY, JSON.stringify(kept));
    } catch {
      // No room: the charts begin anew after a reload.
    }
  }

  /** Takes back what a reload left, where it is of this run of the server. */
  restore(started, now) {
    let kept;
    try {
      kept = JSON.parse(sessionStorage.getItem(STORE_KEY) ?? "null");
    } catch {
      return;
    }
    if (kept?.started !== started) return;
    this.started = started;
    this.samples = kept.samples.filter((one) => one.t < now && one.t > now - SPAN_MS);
  }
}

/** How fast a count grows: from each `[t, count]` but the first, over the last few seconds. */
function perSecond(counts) {
  let begin = 0;
  return counts.slice(1).map(([t, n], i) => {
    while (begin < i && counts[begin][0] < t - RATE_MS) begin += 1;
    const [t0, n0] = counts[begin];
    return [t, t - t0 < RATE_MS_MIN ? undefined : ((n - n0) * 1_000) / (t - t0)];
  });
}
