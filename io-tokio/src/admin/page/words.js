/** What the words of the server mean. */

/** Each verdict in a sentence; `tone` tells peers that were given up from those that left or were asked to. */
export const VERDICTS = {
  "peer-silent": { tone: "bad", words: "The deadline passed and nothing was heard since the ping was written." },
  "peer-slow": { tone: "bad", words: "Something was heard, but not the answer that the policy asks for." },
  "write-stalled": { tone: "bad", words: "The peer took no byte for too long: it does not read, or the path is dead." },
  "feed-stalled": { tone: "bad", words: "Heartbeats flow, data does not." },
  "too-many-pings": { tone: "bad", words: "The peer floods the server with pings." },
  malformed: { tone: "bad", words: "Heartbeats that cannot be decoded." },
  "too-big": { tone: "bad", words: "A message over the limit." },
  protocol: { tone: "bad", words: "Frames that break RFC 6455, or text that is not UTF-8." },
  assembly: { tone: "bad", words: "A message of too many frames, or one that took too long." },
  handler: { tone: "bad", words: "The server's own handler failed." },
  lifetime: { tone: "neutral", words: "The connection reached its maximum age." },
  drain: { tone: "neutral", words: "The server drains." },
  user: { tone: "neutral", words: "Closed by the application, or from this page." },
  "peer-closed": { tone: "neutral", words: "The peer closed." },
  handshake: { tone: "neutral", words: "The handshake did not end in time." },
  "close-timeout": { tone: "neutral", words: "The peer did not answer the close." },
  lost: { tone: "neutral", words: "The stream ended without a close." },
};

/** Each reason of a refusal in a sentence. */
export const REFUSALS = {
  connections: "As many connections as there may be.",
  "per-ip": "As many from one address as there may be.",
  draining: "The server drains.",
  "bad-request": "Not the request of RFC 6455.",
  method: "A method other than GET.",
  "head-too-large": "Too many or too long headers.",
  version: "Another version of the protocol than 13.",
  origin: "A web page that may not connect.",
  "not-found": "A plain request for a page that is not there.",
  "handshake-timeout": "The handshake took too long.",
  descriptors: "No file descriptor was left.",
};

/** The tone of a verdict. */
export const tone = (verdict) => VERDICTS[verdict]?.tone ?? "neutral";
