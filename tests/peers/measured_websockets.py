"""Python `websockets` as it is compared: JOB INTERVAL_MS. Its keepalive, or a gzip heartbeat for all; an echo; a message to all."""

import asyncio
import gzip
import json
import logging
import sys
import time

from websockets.asyncio.server import broadcast, serve

JOB, INTERVAL_S = sys.argv[1], int(sys.argv[2]) / 1000
OPEN = set()


async def connection(socket):
    socket.missed = 0
    OPEN.add(socket)
    try:
        async for message in socket:
            if isinstance(message, str) and message.startswith('{"pong"'):
                socket.missed = 0
            elif JOB == "broadcast":
                broadcast(OPEN, message)
            else:
                await socket.send(message)
    finally:
        OPEN.discard(socket)


async def beat():
    while True:
        await asyncio.sleep(INTERVAL_S)
        for socket in list(OPEN):
            socket.missed += 1
            if socket.missed > 2:
                asyncio.ensure_future(socket.close())
        broadcast(OPEN, gzip.compress(json.dumps({"ping": int(time.time() * 1000)}).encode()))


async def main():
    logging.disable()
    pings = {"ping_interval": None} if JOB == "gzip" else {"ping_interval": INTERVAL_S, "ping_timeout": INTERVAL_S}
    async with serve(connection, "127.0.0.1", 0, compression=None, backlog=1024, **pings) as server:
        print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        if JOB == "gzip":
            await beat()
        await asyncio.Event().wait()


asyncio.run(main())
