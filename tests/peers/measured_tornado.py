"""Tornado as it is compared: JOB INTERVAL_MS. Its own pings, or a gzip heartbeat for all; an echo; a message to all."""

import asyncio
import gzip
import json
import logging
import sys
import time

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

JOB, INTERVAL_S = sys.argv[1], int(sys.argv[2]) / 1000
OPEN = set()


class Connection(WebSocketHandler):
    def check_origin(self, origin):
        return True

    def open(self):
        self.missed = 0
        OPEN.add(self)

    def on_close(self):
        OPEN.discard(self)

    def on_message(self, message):
        if isinstance(message, str) and message.startswith('{"pong"'):
            self.missed = 0
        elif JOB == "broadcast":
            for connection in OPEN:
                connection.write_message(message, binary=isinstance(message, bytes))
        else:
            self.write_message(message, binary=isinstance(message, bytes))


async def beat():
    while True:
        await asyncio.sleep(INTERVAL_S)
        heartbeat = gzip.compress(json.dumps({"ping": int(time.time() * 1000)}).encode())
        for connection in list(OPEN):
            connection.missed += 1
            try:
                if connection.missed > 2:
                    connection.close()
                else:
                    connection.write_message(heartbeat, binary=True)
            except WebSocketClosedError:
                OPEN.discard(connection)


async def main():
    logging.disable()
    pings = {} if JOB == "gzip" else {"websocket_ping_interval": INTERVAL_S, "websocket_ping_timeout": INTERVAL_S}
    sockets = bind_sockets(0, "127.0.0.1", backlog=1024)
    HTTPServer(Application([("/", Connection)], **pings)).add_sockets(sockets)
    print(f"listening on ws://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    if JOB == "gzip":
        await beat()
    await asyncio.Event().wait()


asyncio.run(main())
