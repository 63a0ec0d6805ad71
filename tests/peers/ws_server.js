// Node `ws` as a server: the heartbeat of its README (one miss, then terminate), or gzip heartbeats after the rule of HTX.
'use strict';

const zlib = require('zlib');
const { WebSocket, WebSocketServer } = require('ws');
const { emit, readArguments } = require('./peer.js');

const MISSES = 2;
const args = readArguments();
const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 });
let opened = 0;

wss.on('listening', () => emit('listening', { port: wss.address().port }));
wss.on('connection', (ws) => {
  ws.conn = ++opened;
  ws.isAlive = true;
  ws.tokens = [];
  emit('open', { conn: ws.conn });
  ws.on('error', () => {});
  ws.on('ping', (data) => emit('ping', { conn: ws.conn, data: data.toString('hex') }));
  ws.on('pong', (data) => {
    ws.isAlive = true;
    emit('pong', { conn: ws.conn, data: data.toString('hex') });
  });
  ws.on('message', (data, isBinary) => onMessage(ws, data, isBinary));
  ws.on('close', (code, reason) => emit('close', { conn: ws.conn, code, reason: reason.toString() }));
});

function onMessage(ws, data, isBinary) {
  const text = data.toString();
  const token = !isBinary && text.startsWith('{') ? JSON.parse(text).pong : undefined;
  if (token === undefined) return emit('message', { conn: ws.conn, data: text });
  const at = ws.tokens.indexOf(token);
  if (at >= 0) ws.tokens = ws.tokens.slice(at + 1);
  emit('answer', { conn: ws.conn, token, matched: at >= 0 });
}

function pingAll() {
  wss.clients.forEach((ws) => {
    if (ws.isAlive === false) {
      emit('terminated', { conn: ws.conn });
      return ws.terminate();
    }
    ws.isAlive = false;
    ws.ping();
    emit('ping-sent', { conn: ws.conn, data: '' });
  });
}

function beat() {
  const token = Date.now();
  const heartbeat = zlib.gzipSync(JSON.stringify({ ping: token }));
  wss.clients.forEach((ws) => {
    if (ws.readyState !== WebSocket.OPEN) return;
    if (ws.tokens.length >= MISSES) {
      emit('close-sent', { conn: ws.conn, code: 4408, reason: 'heartbeat timeout' });
      return ws.close(4408, 'heartbeat timeout');
    }
    ws.send(heartbeat, { binary: true });
    emit('heartbeat', { conn: ws.conn, token });
    ws.tokens.push(token);
  });
}

setInterval(args.mode === 'heartbeat' ? beat : pingAll, args.interval * 1000);
