"""The article's first server: Tornado sends pings by its settings; an empty pong is answered with a timestamp ping."""

import time

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from peer import arguments, emit, hexed, start

users = []


class EchoWebSocket(WebSocketHandler):
    def prepare(self):
        users.append(self)
        self.conn = len(users)
        emit("connecting", conn=self.conn)

    def open(self):
        self.watch_frames_sent()
        emit("open", conn=self.conn)

    def on_ping(self, data):
        emit("ping", conn=self.conn, data=hexed(data))

    def on_pong(self, data):
        emit("pong", conn=self.conn, data=hexed(data))
        if not data:
            self.ping(round(time.time() * 1000).to_bytes(13, "big"))

    def on_message(self, message):
        emit("message", conn=self.conn, data=message)
        for user in users:
            if user.ws_connection:
                user.write_message("server said: " + message)

    def on_close(self):
        emit("close", conn=self.conn, code=self.close_code, reason=self.close_reason or "")

    def check_origin(self, origin):
        return True

    def watch_frames_sent(self):
        """Tornado tells nobody of its own pings and closes: look over its shoulder."""
        protocol = self.ws_connection
        write_ping, close = protocol.write_ping, protocol.close

        def write_ping_and_tell(data):
            emit("ping-sent", conn=self.conn, data=hexed(data))
            return write_ping(data)

        def close_and_tell(code=None, reason=None):
            emit("close-sent", conn=self.conn, code=code, reason=reason or "")
            return close(code, reason)

        protocol.write_ping, protocol.close = write_ping_and_tell, close_and_tell


if __name__ == "__main__":
    args = start(arguments("server"))
    settings = {"websocket_ping_interval": args.interval}
    if args.timeout is not None:
        settings["websocket_ping_timeout"] = args.timeout
    application = Application([(r"/", EchoWebSocket)], **settings)
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(application).add_sockets(sockets)
    IOLoop.current().add_callback(emit, "listening", port=sockets[0].getsockname()[1])
    IOLoop.current().start()
