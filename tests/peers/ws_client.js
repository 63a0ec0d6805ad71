// Node `ws` as a client: answers pings and gzip heartbeats, as often and as late as it is told.
'use strict';

const zlib = require('zlib');
const { WebSocket } = require('ws');
const { emit, readArguments } = require('./peer.js');

const args = readArguments();
let answersLeft = args.answers;

function answer(send, facts) {
  if (answersLeft-- <= 0) return;
  const now = () => {
    if (ws.readyState !== WebSocket.OPEN) return;
    send();
    emit('answer', facts);
  };
  if (args.delay) setTimeout(now, args.delay * 1000);
  else now();
}

emit('connecting');
const ws = new WebSocket(args.url, { autoPong: false });
ws.on('open', () => {
  emit('open');
  if (args.interval) setInterval(() => ws.ping(), args.interval * 1000);
});
ws.on('ping', (data) => {
  emit('ping', { data: data.toString('hex') });
  answer(() => ws.pong(data), { data: data.toString('hex') });
});
ws.on('pong', (data) => emit('pong', { data: data.toString('hex') }));
ws.on('message', (data, isBinary) => {
  if (!isBinary) return emit('message', { data: data.toString() });
  const token = JSON.parse(zlib.gunzipSync(data)).ping;
  emit('heartbeat', { token });
  answer(() => ws.send(JSON.stringify({ pong: token })), { token });
});
ws.on('error', (error) => emit('error', { error: error.message }));
ws.on('close', (code, reason) => {
  // The library says 1005 for a close frame with an empty body and 1006 for none at all.
  if (code !== 1006) emit('close', { code: code === 1005 ? null : code, reason: reason.toString() });
  emit('end');
  process.exit(0);
});
