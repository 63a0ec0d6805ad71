"""Python `websockets` as a server: its own keepalive, or the gzip heartbeat after the documented rule of HTX."""

import asyncio
import gzip
import json
import time

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Opcode

from peer import arguments, close_facts, emit, hexed, start

MISSES = 2


class WatchedConnection(ServerConnection):
    """Tells of control frames, which the library keeps to itself."""

    count = 0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        WatchedConnection.count += 1
        self.conn, self.unanswered, self.tokens = WatchedConnection.count, 0, []
        emit("connecting", conn=self.conn)
        send_frame = self.protocol.send_frame

        def send_frame_and_tell(frame):
            if frame.opcode is Opcode.PING:
                emit("ping-sent", conn=self.conn, data=hexed(frame.data))
            if frame.opcode is Opcode.CLOSE:
                emit("close-sent", conn=self.conn, **close_facts(frame.data))
            send_frame(frame)

        self.protocol.send_frame = send_frame_and_tell

    def process_event(self, event):
        if getattr(event, "opcode", None) is Opcode.PONG:
            emit("pong", conn=self.conn, data=hexed(event.data))
        if getattr(event, "opcode", None) is Opcode.PING:
            emit("ping", conn=self.conn, data=hexed(event.data))
        super().process_event(event)


connections = set()


async def handle(ws):
    emit("open", conn=ws.conn)
    connections.add(ws)
    try:
        async for message in ws:
            on_message(ws, message)
    except Exception:
        pass
    finally:
        connections.discard(ws)
        emit("close", conn=ws.conn, code=ws.close_code, reason=ws.close_reason)


def on_message(ws, message):
    answer = json.loads(message) if isinstance(message, str) and message.startswith("{") else {}
    if "pong" not in answer:
        return emit("message", conn=ws.conn, data=str(message))
    token = answer["pong"]
    matched = token in ws.tokens
    if matched:
        ws.tokens = ws.tokens[ws.tokens.index(token) + 1 :]
        ws.unanswered = len(ws.tokens)
    emit("answer", conn=ws.conn, token=token, matched=matched)


async def beat(interval_s):
    while True:
        await asyncio.sleep(interval_s)
        token = round(time.time() * 1000)
        heartbeat = gzip.compress(json.dumps({"ping": token}).encode())
        for ws in list(connections):
            if ws.unanswered >= MISSES:
                connections.discard(ws)
                asyncio.create_task(ws.close(4408, "heartbeat timeout"))
                continue
            await ws.send(heartbeat)
            emit("heartbeat", conn=ws.conn, token=token)
            ws.tokens = (ws.tokens + [token])[-MISSES:]
            ws.unanswered += 1


async def main(args):
    pings = args.mode == "ping"
    async with serve(
        handle,
        "127.0.0.1",
        0,
        create_connection=WatchedConnection,
        ping_interval=args.interval if pings else None,
        ping_timeout=args.timeout if pings else None,
        close_timeout=2,
    ) as server:
        emit("listening", port=server.sockets[0].getsockname()[1])
        await (asyncio.Event().wait() if pings else beat(args.interval))


if __name__ == "__main__":
    parser = arguments("server")
    parser.add_argument("--mode", choices=["ping", "heartbeat"], default="ping")
    asyncio.run(main(start(parser)))
