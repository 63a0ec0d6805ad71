"""The clients that Binance, OKX, Bybit and KuCoin give out, by their own classes; only the address is ours.

Each keeps its connection in its own way. What passes is told; heartbeats of the client's, or its answers, beyond
`--answers` are kept back.
"""

import asyncio
import json
import threading

from peer import arguments, emit, hexed, start, telling

SYMBOL = "BTCUSDT"


def may_answer():
    ARGS.answers -= 1
    return ARGS.answers >= 0


def binance():
    """Answers the server's control pings."""
    import websocket
    from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

    pong = websocket.WebSocket.pong

    def watched_pong(ws, payload=b""):
        if payload and not may_answer():
            muted.append(True)
        if muted:
            return
        pong(ws, payload)
        if payload:
            emit("answer", conn=1, data=hexed(payload))

    def on_message(_, text):
        message = json.loads(text)
        emit("acknowledged" if message.get("result", 0) is None else "message", conn=1, data=text)

    muted = []
    websocket.WebSocket.pong = watched_pong
    client = SpotWebsocketStreamClient(
        stream_url=ARGS.url.rstrip("/"),
        on_open=lambda _: emit("open", conn=1),
        on_message=on_message,
        on_ping=lambda _, payload: emit("ping", conn=1, data=hexed(payload)),
        on_close=lambda _: emit("close", conn=1),
        on_error=lambda _, error: emit("error", conn=1, error=type(error).__name__),
    )
    client.agg_trade(symbol=SYMBOL.lower(), id=12)


def bybit():
    """Asks by `{"op":"ping"}`, the next time when a control pong has come."""
    from pybit import unified_trading
    from pybit._websocket_stream import _WebSocketManager as Manager

    send_ping, on_message, on_open, on_close = Manager._send_custom_ping, Manager._on_message, Manager._on_open, Manager._on_close

    def watched_ping(manager):
        if may_answer():
            with telling:
                send_ping(manager)
                emit("asked", conn=1)

    def watched_message(manager, text):
        message = json.loads(text)
        if Manager._is_custom_pong(message):
            emit("pong", conn=1, data=text)
        elif message.get("op") == "subscribe" and message.get("success"):
            emit("acknowledged", conn=1, data=text)
        else:
            emit("message", conn=1, data=text)
        on_message(manager, text)

    def watched_open(manager):
        emit("open", conn=1)
        on_open(manager)

    def watched_close(manager):
        emit("close", conn=1)
        on_close(manager)

    Manager._send_custom_ping, Manager._on_message = watched_ping, watched_message
    Manager._on_open, Manager._on_close = watched_open, watched_close
    unified_trading.PUBLIC_WSS = ARGS.url + "v5/public/{CHANNEL_TYPE}"
    client = unified_trading.WebSocket(
        channel_type="linear",
        testnet=False,
        ping_interval=ARGS.interval,
        ping_timeout=ARGS.interval * 0.9,
        restart_on_error=False,
    )
    client.ticker_stream(symbol=SYMBOL, callback=lambda _: None)


def okx():
    """Leaves asking to its user, who sends `ping`."""
    import websockets
    from okx.websocket.WebSocketFactory import WebSocketFactory
    from okx.websocket.WsPublicAsync import WsPublicAsync

    async def connect(factory):
        # The package's own way, but for TLS, which our address does not speak.
        factory.websocket = await websockets.connect(factory.url)
        return factory.websocket

    def on_message(text):
        if text == "pong":
            return emit("pong", conn=1)
        event = json.loads(text).get("event")
        emit({"subscribe": "acknowledged", "error": "close"}.get(event, "message"), conn=1, data=text)

    async def run():
        client = WsPublicAsync(url=ARGS.url)
        consuming = await client.start()
        emit("open", conn=1)
        await client.subscribe([{"channel": "tickers", "instId": "BTC-USDT"}], callback=on_message)
        while not consuming.done() and may_answer():
            await asyncio.sleep(ARGS.interval)
            await client.websocket.send("ping")
            emit("asked", conn=1)
        await asyncio.wait([consuming])

    WebSocketFactory.connect = connect
    asyncio.run(run())


def kucoin():
    """Asks by `{"type":"ping"}`, at the pace that its token names."""
    from kucoin.websocket.websocket import ConnectWebsocket
    from kucoin.ws_client import KucoinWsClient

    class Token:
        """What the REST API gives before the connection. The package pings every `pingTimeout` − 2 s."""

        def get_ws_token(self, _private):
            server = {"endpoint": ARGS.url, "encrypt": None, "pingTimeout": int(ARGS.interval * 1000) + 2000}
            return {"token": "token", "instanceServers": [server]}

    send_ping = ConnectWebsocket.send_ping

    async def watched_ping(connection):
        if not may_answer():
            connection._last_ping += 3600
            return
        await send_ping(connection)
        emit("asked", conn=1)

    async def on_message(client, message):
        kind = {"pong": "pong", "ack": "acknowledged", "welcome": "open"}.get(message.get("type"), "message")
        emit(kind, conn=1, data=json.dumps(message))

    async def run():
        client = await KucoinWsClient.create(None, Token(), None)
        await client.subscribe(f"/market/ticker:{SYMBOL}")
        while not closed.is_set():
            await asyncio.sleep(0.01)

    async def reconnect_once(connection):
        try:
            await reconnect(connection)
        finally:
            emit("close", conn=1)
            closed.set()

    closed = threading.Event()
    reconnect = ConnectWebsocket._reconnect
    ConnectWebsocket.send_ping, ConnectWebsocket._reconnect, KucoinWsClient._recv = watched_ping, reconnect_once, on_message
    asyncio.run(run())


PACKAGES = {"binance": binance, "bybit": bybit, "okx": okx, "kucoin": kucoin}

if __name__ == "__main__":
    parser = arguments("client")
    parser.add_argument("--package", choices=PACKAGES, required=True)
    ARGS = start(parser)
    PACKAGES[ARGS.package]()
    threading.Event().wait()
