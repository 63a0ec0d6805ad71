# Python 2.7: the suite's own command, with every port it opens bound to loopback.
# As it comes its server listens on all interfaces.
import sys

from twisted.internet import reactor

open_port = reactor.listenTCP


def on_loopback(port, factory, backlog=50, interface=""):
    return open_port(port, factory, backlog=backlog, interface="127.0.0.1")


reactor.listenTCP = on_loopback

from autobahntestsuite import wstest  # noqa: E402 (the reactor has to be changed first)

sys.exit(wstest.run())
