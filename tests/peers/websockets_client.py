"""Python `websockets` as a client, one or many connections; answers pings (the library does) and gzip heartbeats."""

import asyncio
import gzip
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Opcode
from websockets.protocol import State

from peer import arguments, close_facts, emit, hexed, start


class WatchedConnection(ClientConnection):
    """Tells of control frames, and answers only as often as it was told to."""

    count = 0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        WatchedConnection.count += 1
        self.conn, self.answers_left = WatchedConnection.count, ARGS.answers
        self.send_frame = self.protocol.send_frame
        self.protocol.send_frame = self.send_frame_unless_mute

    def send_frame_unless_mute(self, frame):
        """The library answers a ping the moment it reads it: a pong to be sent is a ping that came."""
        if frame.opcode is not Opcode.PONG:
            return self.send_frame(frame)
        emit("ping", conn=self.conn, data=hexed(frame.data))
        if not self.may_answer():
            return
        if ARGS.delay:
            asyncio.get_running_loop().call_later(ARGS.delay, self.send_pong_late, frame)
            return
        self.send_pong(frame)

    def send_pong(self, frame):
        self.send_frame(frame)
        emit("answer", conn=self.conn, data=hexed(frame.data))

    def send_pong_late(self, frame):
        if self.protocol.state is State.OPEN:
            self.send_pong(frame)
            self.send_data()

    def may_answer(self):
        self.answers_left -= 1
        return self.answers_left >= 0

    def process_event(self, event):
        opcode = getattr(event, "opcode", None)
        if opcode is Opcode.PONG:
            emit("pong", conn=self.conn, data=hexed(event.data))
        if opcode is Opcode.BINARY:
            # Told here and not where the message is read: that may be after the close behind it.
            emit("heartbeat", conn=self.conn, token=token_of(event.data))
        if opcode is Opcode.CLOSE:
            emit("close", conn=self.conn, **close_facts(event.data))
        super().process_event(event)


def token_of(heartbeat):
    return json.loads(gzip.decompress(heartbeat))["ping"]


async def answer_late(ws, token):
    await asyncio.sleep(ARGS.delay)
    await ws.send(json.dumps({"pong": token}))
    emit("answer", conn=ws.conn, token=token)


async def on_message(ws, message):
    if not isinstance(message, bytes):
        return emit("message", conn=ws.conn, data=message)
    if not ws.may_answer():
        return
    token = token_of(message)
    if ARGS.delay:
        late.add(asyncio.create_task(answer_late(ws, token)))
        return
    await ws.send(json.dumps({"pong": token}))
    emit("answer", conn=ws.conn, token=token)


async def run_one():
    emit("connecting")
    async with connect(
        ARGS.url,
        create_connection=WatchedConnection,
        ping_interval=ARGS.interval,
        ping_timeout=ARGS.timeout,
        close_timeout=2,
    ) as ws:
        emit("open", conn=ws.conn)
        try:
            async for message in ws:
                await on_message(ws, message)
        except Exception as error:
            emit("error", conn=ws.conn, error=type(error).__name__)
        emit("end", conn=ws.conn)


async def main():
    await asyncio.gather(*(run_one() for _ in range(ARGS.connections)))


late = set()
if __name__ == "__main__":
    parser = arguments("client")
    parser.add_argument("--connections", type=int, default=1)
    ARGS = start(parser)
    asyncio.run(main())
