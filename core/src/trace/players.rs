//! The connections of a replay by their numbers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::conn_of;
use super::line::{Body, Line, Which};
use crate::event::{Action, ConnId, Input, Payload, Token};
use crate::time::Instant;

/// All connections that there were.
#[derive(Debug, Default)]
pub(super) struct Players {
    all: BTreeMap<u64, Player>,
    /// The largest number of a ping that any line names: no more are remembered.
    named_max: u64,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) id: ConnId,
    pub(super) has_ended: bool,
    /// How many pings we sent.
    pub(super) sent: u64,
    /// Those of our pings that lines may name by their numbers, oldest first; forgotten at the end.
    pings: Vec<Payload>,
    last_ping: Option<Payload>,
    heartbeat: Option<Token>,
}

impl Players {
    /// No connections yet, for a trace of these lines.
    pub(super) fn of(lines: &[Line]) -> Self {
        let named = lines.iter().filter_map(|line| match line.body {
            Body::Pong(Which::Nth(k)) | Body::Flushed(Which::Nth(k)) => Some(k),
            _ => None,
        });
        Players { all: BTreeMap::new(), named_max: named.max().unwrap_or(0) }
    }

    pub(super) fn add(&mut self, id: ConnId) {
        self.all.insert(conn_of(id), Player { id, has_ended: false, sent: 0, pings: Vec::new(), last_ping: None, heartbeat: None });
    }

    pub(super) fn get(&self, conn: u64) -> Option<&Player> {
        self.all.get(&conn)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The connection has ended: nothing follows.
    pub(super) fn end(&mut self, conn: u64) {
        if let Some(player) = self.all.get_mut(&conn) {
            (player.has_ended, player.pings) = (true, Vec::new());
        }
    }

    /// Remembers what was sent. Gives the number of a ping.
    pub(super) fn note(&mut self, id: ConnId, action: &Action) -> u64 {
        let Some(player) = self.all.get_mut(&conn_of(id)) else { return 0 };
        match action {
            Action::Ping(payload) => {
                (player.sent, player.last_ping) = (player.sent + 1, Some(*payload));
                if player.sent <= self.named_max {
                    player.pings.push(*payload);
                }
            }
            Action::Heartbeat(token) => player.heartbeat = Some(*token),
            _ => {}
        }
        player.sent
    }
}

impl Player {
    /// The payload of our ping number `k`.
    pub(super) fn ping(&self, k: u64) -> Option<Payload> {
        self.pings.get(usize::try_from(k.checked_sub(1)?).ok()?).copied()
    }

    /// What was written, where a line names it by its token. Only the newest of either kind can still be unwritten.
    pub(super) fn written(&self, token: Token) -> Input {
        match self.last_ping {
            Some(payload) if payload.token() == token && self.heartbeat != Some(token) => Input::PingFlushed(payload),
            _ => Input::HeartbeatFlushed(token),
        }
    }
}

/// When pings and heartbeats are written that have a `flushed` line, where those without one are written at once.
#[derive(Debug, Default)]
pub(super) struct Writing {
    nth: BTreeMap<(u64, u64), Instant>,
    tokens: BTreeMap<(u64, Token), Instant>,
}

impl Writing {
    pub(super) fn planned(lines: &[Line]) -> Self {
        let mut planned = Writing::default();
        for line in lines {
            let conn = line.of();
            match line.body {
                Body::Flushed(Which::Nth(k)) => planned.nth.entry((conn, k)).or_insert(line.at),
                Body::Flushed(Which::Token(token)) => planned.tokens.entry((conn, token)).or_insert(line.at),
                Body::Flushed(Which::Payload(payload)) => planned.tokens.entry((conn, payload.token())).or_insert(line.at),
                _ => continue,
            };
        }
        planned
    }

    /// The news that what `action` sends at `now` is written, where it is at once. `k` is the number of the ping.
    pub(super) fn at_once(&self, now: Instant, id: ConnId, action: &Action, k: u64) -> Option<Input> {
        let conn = conn_of(id);
        let (token, nth, news) = match *action {
            Action::Ping(payload) => (payload.token(), self.nth.get(&(conn, k)), Input::PingFlushed(payload)),
            Action::Heartbeat(token) => (token, None, Input::HeartbeatFlushed(token)),
            _ => return None,
        };
        let planned = nth.or_else(|| self.tokens.get(&(conn, token)));
        planned.is_none_or(|at| *at <= now).then_some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_the_newest_ping_unless_it_is_that_of_the_newest_heartbeat_too() {
        let id = ConnId { index: 0, generation: 0 };
        let mut players = Players::default();
        players.add(id);
        let mut written = |action: Option<Action>, token| {
            action.iter().for_each(|action| assert!(players.note(id, action) > 0));
            players.get(1).map(|player| player.written(Token(token)))
        };
        assert_eq!(written(None, 7), Some(Input::HeartbeatFlushed(Token(7))));
        assert_eq!(written(Some(Action::Ping(Payload::Eight(7))), 7), Some(Input::PingFlushed(Payload::Eight(7))));
        assert_eq!(written(None, 8), Some(Input::HeartbeatFlushed(Token(8))));
        assert_eq!(written(Some(Action::Heartbeat(Token(7))), 7), Some(Input::HeartbeatFlushed(Token(7))));
    }

    #[test]
    fn who_was_never_there_sends_nothing_and_does_not_end() {
        let nobody = ConnId { index: 0, generation: 0 };
        let mut players = Players::default();
        players.end(1);
        assert_eq!((players.note(nobody, &Action::Ping(Payload::Empty)), players.len()), (0, 0));
    }
}
