//! The transport plane under the profiles: known systems, reproduced with their ways.

use super::transport::{Facts, Pings, payload_of, spacing};
use super::{Ctx, Outcome};
use crate::event::{Counter, Payload, Sink};
use crate::policy::{Profile, Transport};
use crate::time::{Instant, Span};

impl Pings {
    pub(super) fn profile_deadline(&self, t: &Transport, cx: &Ctx) -> Instant {
        let due = self.grid.due(spacing(t, cx));
        match t.profile {
            Profile::Tornado65 | Profile::Websockets | Profile::UWebSockets if self.waiting => {
                if cx.unread {
                    Instant::NEVER
                } else {
                    self.last_ping.after(t.timeout)
                }
            }
            Profile::GorillaChat if !cx.unread => due.min(self.wait_ends(t)),
            _ => due,
        }
    }

    pub(super) fn profile_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        if cx.unread {
            return None;
        }
        match t.profile {
            Profile::Strict => None,
            Profile::Tornado64 => self.tornado_64_judge(t, cx),
            Profile::Tornado65 => self.tornado_65_judge(t, cx),
            Profile::Websockets => self.websockets_judge(t, cx),
            Profile::WsRecipe => self.ws_recipe_judge(t, cx),
            Profile::UWebSockets => self.uwebsockets_judge(t, cx),
            Profile::GorillaChat => self.gorilla_judge(t, cx),
        }
    }

    pub(super) fn profile_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        match t.profile {
            Profile::Strict => {}
            Profile::Tornado64 | Profile::WsRecipe => self.grid_ping(t, cx, out),
            Profile::Tornado65 => self.tornado_65_ping(t, cx, out),
            Profile::Websockets => self.websockets_ping(t, cx, out),
            Profile::UWebSockets => self.uwebsockets_ping(t, cx, out),
            Profile::GorillaChat => self.gorilla_ping(t, cx, out),
        }
    }

    pub(super) fn profile_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        match t.profile {
            Profile::Websockets => self.websockets_pong(t, cx, payload, out),
            _ => self.any_pong(t, cx, out),
        }
    }

    /// Any pong counts, whatever its payload, solicited or not.
    fn any_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        let of_users = self.user_pong(out);
        if core::mem::take(&mut self.waiting) && t.profile == Profile::Tornado65 {
            self.grid.set(self.grid.point().max(cx.now.at));
        }
        self.answered(cx);
        if self.unresolved > 0 && !of_users {
            return self.resolve(t, cx, self.sent, out);
        }
        (self.unresolved, self.unanswered) = (0, 0);
        if !of_users {
            out.count(Counter::PongsUnsolicited);
        }
    }

    /// A ping goes out and counts from now.
    fn profile_send<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.unanswered == 0 {
            (self.oldest, self.heard) = (cx.now.at, false);
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.send(t, cx, out);
        *self.slot(self.sent) = cx.now.at;
    }

    fn profile_silence(&self, t: &Transport, cx: &Ctx, code: Option<u16>, reason: &'static str, deadline: Instant) -> super::Verdict {
        let written = if self.unanswered > 0 { self.oldest } else { cx.opened };
        self.silence(t, cx, Facts { code, reason, unanswered: self.unanswered, written, deadline })
    }

    // Tornado 4.5 to 6.4: `WebSocketProtocol13.periodic_ping` in tornado/websocket.py.

    fn tornado_64_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let now = cx.now.at;
        let due = now >= self.grid.due(spacing(t, cx));
        // Its guard against a host that slept: the ticks must have come.
        let ticking = now.since(self.last_ping) < t.interval.times(2);
        let silent = now.since(self.last_pong) > t.timeout;
        (due && ticking && silent).then(|| Outcome::Close(self.profile_silence(t, cx, None, "", self.last_pong.after(t.timeout))))
    }

    fn grid_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if cx.now.at < self.grid.due(spacing(t, cx)) {
            return;
        }
        self.grid.pass(spacing(t, cx), cx.now.at);
        self.waiting = true;
        self.profile_send(t, cx, out);
    }

    // Tornado 6.5.2 and later: `WebSocketProtocol13.periodic_ping`, which became a coroutine.

    fn tornado_65_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let check = self.last_ping.after(t.timeout);
        let silent = self.waiting && cx.now.at >= check;
        silent.then(|| Outcome::Close(self.profile_silence(t, cx, Some(1000), "ping timed out", check)))
    }

    fn tornado_65_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        // While it waits for its check at sent + timeout, which is never after sent + interval, no ping is due.
        if self.waiting || cx.now.at < self.grid.point() {
            return;
        }
        self.profile_send(t, cx, out);
        self.waiting = t.timeout > Span::ZERO;
        self.grid.set(cx.now.at.after(t.interval));
    }

    // Python websockets: `Connection.keepalive`; one ping outstanding, a pong acknowledges it and all older ones.

    fn websockets_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.last_ping.after(t.timeout);
        let silent = self.waiting && cx.now.at >= deadline;
        silent.then(|| Outcome::Close(self.profile_silence(t, cx, Some(1011), "keepalive ping timeout", deadline)))
    }

    fn websockets_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.waiting || cx.now.at < self.grid.point() {
            return;
        }
        self.waiting = true;
        self.profile_send(t, cx, out);
        self.grid.set(cx.now.at.after(t.interval));
    }

    fn websockets_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        if !self.waiting || payload != payload_of(t.profile, cx, self.sent) {
            if !self.user_pong(out) {
                out.count(Counter::PongsUnsolicited);
            }
            return;
        }
        self.waiting = false;
        self.resolve(t, cx, self.sent, out);
        self.grid.set(self.grid.point().max(cx.now.at));
        self.websockets_ping(t, cx, out);
    }

    // The recipe in the readme of Node ws: `isAlive`, one interval for all, terminate without a close frame.

    fn ws_recipe_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let due = self.grid.due(spacing(t, cx));
        let dead = self.waiting && cx.now.at >= due;
        dead.then(|| Outcome::Abort(self.profile_silence(t, cx, None, "", due)))
    }

    // uWebSockets: an idle timer that any byte starts anew; a ping shortly before its end.

    fn uwebsockets_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.last_ping.after(t.timeout);
        let dead = self.waiting && cx.now.at >= deadline;
        dead.then(|| Outcome::Abort(self.profile_silence(t, cx, None, "", deadline)))
    }

    fn uwebsockets_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.waiting || cx.now.at < self.grid.point() {
            return;
        }
        self.waiting = true;
        self.profile_send(t, cx, out);
    }

    // The chat example of gorilla/websocket: a read deadline that only pongs move, a ticker that pings.

    fn wait_ends(&self, t: &Transport) -> Instant {
        self.wait_from.after(t.timeout)
    }

    fn gorilla_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.wait_ends(t);
        (cx.now.at >= deadline).then(|| Outcome::Abort(self.profile_silence(t, cx, None, "", deadline)))
    }

    fn gorilla_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if cx.now.at < self.grid.point() {
            return;
        }
        self.profile_send(t, cx, out);
        self.grid.set(cx.now.at.after(t.interval));
    }
}
