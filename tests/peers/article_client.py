"""The `websocket-client` side of both article programs, with faults to choose from the command line.

The library answers pings by itself; `on_message` is the article's client of the gzip heartbeat.
"""

import gzip
import json
import threading

import websocket

from peer import arguments, close_facts, emit, hexed, start, telling

OPCODE_CLOSE = websocket.ABNF.OPCODE_CLOSE


class Answers:
    """Which answers go out, and when."""

    def __init__(self, args):
        self.left, self.delay_s = args.answers, args.delay

    def give(self, send, **facts):
        if self.left <= 0:
            return
        self.left -= 1
        if not self.delay_s:
            return self._send(send, facts)
        timer = threading.Timer(self.delay_s, self._send, [send, facts])
        timer.daemon = True
        timer.start()

    def _send(self, send, facts):
        with telling:
            try:
                send()
            except Exception as error:
                return emit("answer-failed", error=type(error).__name__, **facts)
            emit("answer", **facts)


def on_open(ws):
    ws.sock.pong = lambda data: answer_ping(ws.sock, data)
    watch_closes(ws.sock, ws.sock.recv_frame)
    emit("open")


def answer_ping(sock, data):
    emit("ping", data=hexed(data))
    answers.give(lambda: sock.send(data, websocket.ABNF.OPCODE_PONG), data=hexed(data))


def watch_closes(sock, recv_frame):
    def recv_frame_and_tell():
        frame = recv_frame()
        if frame.opcode != OPCODE_CLOSE:
            return frame
        emit("close", **close_facts(frame.data))
        while args.ignore_close:
            recv_frame()
        return frame

    sock.recv_frame = recv_frame_and_tell


def on_message(ws, message):
    if not isinstance(message, bytes):
        return emit("message", data=message)
    msg = json.loads(gzip.decompress(message).decode("utf-8"))
    if "ping" not in msg:
        return emit("message", data=msg)
    emit("heartbeat", token=msg["ping"])
    answers.give(lambda: ws.send(json.dumps({"pong": msg["ping"]})), token=msg["ping"])


def on_pong(ws, data):
    emit("pong", data=hexed(data))


def on_error(ws, error):
    emit("error", error=type(error).__name__)


def on_close(ws, code=None, reason=None):
    emit("end")


if __name__ == "__main__":
    parser = arguments("client")
    parser.add_argument("--ignore-close", action="store_true", help="read on after a close frame and never answer it")
    args = start(parser)
    answers = Answers(args)
    emit("connecting")
    ws = websocket.WebSocketApp(
        args.url, on_open=on_open, on_message=on_message, on_error=on_error, on_close=on_close, on_pong=on_pong
    )
    ws.run_forever(ping_interval=args.interval or 0, ping_timeout=args.timeout)
