"""huobi-sdk as a client: the three forms of HTX's heartbeats, by its own classes; only the address is ours.

It answers by itself. What it sends and gets is told in passing; pongs beyond `--answers` are kept back.
"""

import gzip
import json
import threading

from huobi.client.account import AccountClient
from huobi.client.market import MarketClient
from huobi.connection.impl import websocket_manage
from huobi.connection.subscribe_client import SubscribeClient
from huobi.constant import AccountBalanceMode, CandlestickInterval

from peer import arguments, emit, start


class WatchedManage(websocket_manage.WebsocketManage):
    """Connects to our address and tells what passes."""

    def __init__(self, *args):
        super().__init__(*args)
        self.url = ARGS.url
        self.answers_left = ARGS.answers

    def on_open(self, connection):
        emit("open", conn=1)
        super().on_open(connection)

    def send(self, data):
        message = json.loads(data)
        if not is_pong(message):
            emit("request", conn=1, data=data)
            return super().send(data)
        self.answers_left -= 1
        if self.answers_left < 0:
            return None
        super().send(data)
        emit("answer", conn=1, data=data)

    def on_message(self, message):
        text = gzip.decompress(message).decode() if isinstance(message, bytes) else message
        body = json.loads(text)
        if is_ping(body):
            emit("heartbeat", conn=1, data=text)
        elif body.get("subbed") or body.get("op") == "sub" or body.get("action") == "sub":
            emit("acknowledged", conn=1, data=text)
        elif body.get("op") == "auth" or body.get("ch") == "auth":
            emit("authorised", conn=1, data=text)
        else:
            emit("message", conn=1, data=text)
        super().on_message(message)

    def on_close(self):
        emit("close", conn=1)


def is_ping(message):
    return "ping" in (message.get("op"), message.get("action")) or "ping" in message


def is_pong(message):
    return "pong" in (message.get("op"), message.get("action")) or "pong" in message


def ignore(*_):
    """Takes what the SDK hands on."""


def market():
    MarketClient().sub_candlestick("btcusdt", CandlestickInterval.MIN1, ignore, ignore)


def accounts_v2():
    keys = {"api_key": "key", "secret_key": "secret"}
    AccountClient(**keys).sub_account_update(AccountBalanceMode.BALANCE, ignore, ignore)


def orders_v1():
    def subscribe(connection):
        connection.send(json.dumps({"op": "sub", "cid": "1", "topic": "orders.btcusdt"}))

    keys = {"api_key": "key", "secret_key": "secret"}
    SubscribeClient(**keys).execute_subscribe_v1(subscribe, ignore, ignore, ignore, is_trade=True)


FORMS = {"market": market, "orders-v1": orders_v1, "accounts-v2": accounts_v2}

if __name__ == "__main__":
    parser = arguments("client")
    parser.add_argument("--form", choices=FORMS, required=True)
    ARGS = start(parser)
    # The SDK takes its class from here.
    import huobi.connection.subscribe_client as subscriber

    # A dropped connection is the end of a test, not something to mend.
    SubscribeClient.subscribe_watch_dog.is_auto_connect = False
    subscriber.WebsocketManage = WatchedManage
    # It prints every heartbeat's time in the way of our event lines.
    websocket_manage.PrintBasic.print_basic = ignore
    FORMS[ARGS.form]()
    threading.Event().wait()
