"""uWebSockets as it is compared, by socketify: ping, and an interval that it cannot heed. Its own pings, in C++; nothing of Python runs for them.

Its timer has steps of 4 s, and it pings 4 s before `idle_timeout` is over: with the least that it takes, 8 s, every 4 s,
all connections in the same step.
"""

import socket
import sys

from socketify import App


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


assert sys.argv[1] == "ping", "echo and the rest would be Python's work"
app = App()
app.ws("/*", {"idle_timeout": 8, "send_pings_automatically": True, "compression": 0, "message": lambda ws, message, opcode: None})
# It does not tell which port it was given.
app.listen(free_port(), lambda config: print(f"listening on ws://127.0.0.1:{config.port}", flush=True))
# Its own loop: `app.run` asks asyncio a few hundred times a second whether it has something to do.
app.loop.uv_loop.run()
