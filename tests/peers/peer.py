"""What every Python peer shares: its arguments, its event lines, and its end.

A peer prints one JSON object a line: `t` (monotonic seconds), `lag` (the worst lateness of a short sleep since the
previous line, in seconds: how late this machine let the peer be), `event`, and the facts of the event. It ends by
itself: when standard input closes, and at the latest after `--for` seconds.
"""

import argparse
import json
import os
import sys
import threading
import time

# Held while something is sent and told: what comes of it cannot be told by another thread before it.
telling = threading.RLock()
_lag_s = 0.0


def emit(event, **facts):
    """Prints one event line."""
    global _lag_s
    with telling:
        line = {"t": time.monotonic(), "lag": round(_lag_s, 6), "event": event, **facts}
        _lag_s = 0.0
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def arguments(role):
    """The arguments of every `server` or `client`, to be parsed by `start`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--for", dest="seconds", type=float, default=60.0, help="end by itself after so many seconds")
    parser.add_argument("--interval", type=float, required=role == "server", help="seconds between pings or heartbeats")
    parser.add_argument("--timeout", type=float, help="seconds a ping may stay unanswered")
    if role == "client":
        parser.add_argument("url")
        parser.add_argument("--answers", type=int, default=1 << 30, help="answer so many, then be mute")
        parser.add_argument("--delay", type=float, default=0.0, help="answer so many seconds late")
    return parser


def start(parser):
    """Parses the arguments and starts the guards that end the process."""
    args = parser.parse_args()
    for guard in (_end_with_stdin, _sample_lag):
        threading.Thread(target=guard, daemon=True).start()
    bound = threading.Timer(args.seconds, os._exit, [3])
    bound.daemon = True
    bound.start()
    return args


def hexed(data):
    """The bytes of a control frame, as text."""
    return bytes(data).hex()


def close_facts(body):
    """Code and reason of a close frame's body; an empty body has neither."""
    if len(body) < 2:
        return {"code": None, "reason": ""}
    return {"code": int.from_bytes(body[:2], "big"), "reason": bytes(body[2:]).decode("utf-8", "replace")}


def _end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


def _sample_lag():
    global _lag_s
    step_s = 0.005
    while True:
        before = time.monotonic()
        time.sleep(step_s)
        lag_s = time.monotonic() - before - step_s
        if lag_s > _lag_s:
            _lag_s = lag_s
