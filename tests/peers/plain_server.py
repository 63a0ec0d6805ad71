"""Tornado with its ping settings and nothing on top: what is said is heard and not answered, each event tells this machine's lag."""

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from peer import arguments, emit, hexed, start


class Connection(WebSocketHandler):
    opened = 0

    def check_origin(self, origin):
        return True

    def open(self):
        Connection.opened += 1
        self.conn = Connection.opened
        emit("open", conn=self.conn)

    def on_ping(self, data):
        emit("ping", conn=self.conn, data=hexed(data))

    def on_pong(self, data):
        emit("pong", conn=self.conn, data=hexed(data))

    def on_message(self, message):
        emit("message", conn=self.conn, data=message)

    def on_close(self):
        emit("close", conn=self.conn, code=self.close_code, reason=self.close_reason or "")


if __name__ == "__main__":
    args = start(arguments("server"))
    settings = {"websocket_ping_interval": args.interval}
    if args.timeout is not None:
        settings["websocket_ping_timeout"] = args.timeout
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([(r"/.*", Connection)], **settings)).add_sockets(sockets)
    IOLoop.current().add_callback(emit, "listening", port=sockets[0].getsockname()[1])
    IOLoop.current().start()
