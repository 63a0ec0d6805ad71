"""The article's second server: a gzip heartbeat `{"ping": ms}` to everybody on one timer, two unanswered ones close."""

import gzip
import json
import time

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from peer import arguments, emit, start

users = set()
user_times = {}
opened = 0


class EchoWebSocket(WebSocketHandler):
    def open(self):
        global opened
        opened += 1
        self.conn = opened
        emit("open", conn=self.conn)
        users.add(self)
        user_times[self] = dict(count=0, ping=None)

    def on_message(self, message):
        msg = json.loads(message)
        user_dic = user_times.get(self)
        if "pong" in msg:
            matched = bool(user_dic and user_dic["ping"] == msg["pong"])
            emit("answer", conn=self.conn, token=msg["pong"], matched=matched)
            if matched:
                user_times[self]["count"] = 0

    def on_close(self):
        emit("close", conn=self.conn, code=self.close_code, reason=self.close_reason or "")
        users.discard(self)
        if user_times.get(self):
            user_times.pop(self)

    def check_origin(self, origin):
        return True


def beatping():
    ping_dic = {"ping": round(time.time() * 1000)}
    ping_gzip = gzip.compress(bytes(json.dumps(ping_dic), encoding="utf-8"))
    emit("beat", token=ping_dic["ping"], users=len(users))
    for user in users:
        user.write_message(ping_gzip, binary=True)
        emit("heartbeat", conn=user.conn, token=ping_dic["ping"])
        user_times[user]["ping"] = ping_dic["ping"]
        if user_times[user]["count"] == 2:
            emit("close-sent", conn=user.conn, code=None, reason="")
            user.close()
            user_times.pop(user)
        else:
            user_times[user]["count"] += 1


def beatping_and_tell():
    """Tornado logs what a periodic callback raises and goes on; the tests want to see it."""
    try:
        beatping()
    except Exception as error:
        emit("beat-broken", error=type(error).__name__)


if __name__ == "__main__":
    args = start(arguments("server"))
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([(r"/", EchoWebSocket)])).add_sockets(sockets)
    PeriodicCallback(beatping_and_tell, args.interval * 1000).start()
    IOLoop.current().add_callback(emit, "listening", port=sockets[0].getsockname()[1])
    IOLoop.current().start()
