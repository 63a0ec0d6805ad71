// Node `ws` as it is compared: JOB INTERVAL_MS. The recipe of its README, or a gzip heartbeat for all; an echo; a message to all.
"use strict";

const { gzipSync } = require("node:zlib");
const { WebSocketServer } = require("ws");

const [job, interval] = [process.argv[2], Number(process.argv[3])];
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  console.log(`listening on ws://127.0.0.1:${server.address().port}`);
});

server.on("connection", (socket) => {
  socket.missed = 0;
  socket.on("error", () => socket.terminate());
  socket.on("pong", () => (socket.missed = 0));
  socket.on("message", (data, isBinary) => {
    if (!isBinary && data.toString("latin1", 0, 7) === '{"pong"') {
      socket.missed = 0;
    } else if (job === "broadcast") {
      server.clients.forEach((client) => client.send(data, { binary: isBinary }));
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
});

setInterval(() => {
  const heartbeat = job === "gzip" ? gzipSync(JSON.stringify({ ping: Date.now() })) : null;
  server.clients.forEach((socket) => {
    socket.missed += 1;
    if (socket.missed > 2) socket.terminate();
    else if (heartbeat) socket.send(heartbeat, { binary: true });
    else socket.ping();
  });
}, interval);
