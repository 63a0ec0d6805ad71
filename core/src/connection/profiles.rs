//! The transport plane under the profiles: known systems, reproduced with their ways.
//!
//! Its entries are never inlined: the way of `strict`, which most connections go, stays short.

use super::state::{At, State};
use super::transport::{Facts, payload_of};
use super::{Ctx, Outcome};
use crate::event::{Counter, Payload, Sink};
use crate::policy::{Profile, Transport};
use crate::time::{Instant, Span};

impl State {
    #[inline(never)]
    pub(super) fn profile_deadline(&self, t: &Transport, cx: &Ctx) -> Instant {
        let due = self.ping_due(t, cx);
        match t.profile {
            Profile::Tornado65 | Profile::Websockets | Profile::UWebSockets if self.ping_waits() => {
                if self.unread() {
                    Instant::NEVER
                } else {
                    self.last_ping().after(t.timeout)
                }
            }
            Profile::GorillaChat if !self.unread() => due.min(self.wait_ends(t)),
            _ => due,
        }
    }

    #[inline(never)]
    pub(super) fn profile_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        if self.unread() {
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

    #[inline(never)]
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

    #[inline(never)]
    pub(super) fn profile_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        match t.profile {
            Profile::Websockets => self.websockets_pong(t, cx, payload, out),
            _ => self.any_pong(t, cx, out),
        }
    }

    /// When the newest ping was queued; the opening before that.
    fn last_ping(&self) -> Instant {
        self.rest.profile().last_ping
    }

    #[inline(never)]
    pub(super) fn profile_lift(&mut self, t: &Transport, now: Instant) {
        let floor = now.before(t.timeout);
        match t.profile {
            Profile::GorillaChat => {
                let times = self.rest.make_profile();
                times.wait_from = times.wait_from.max(floor);
            }
            Profile::Tornado65 | Profile::Websockets | Profile::UWebSockets if self.ping_waits() => {
                let times = self.rest.make_profile();
                times.last_ping = times.last_ping.max(floor);
            }
            _ => {}
        }
    }

    /// Any pong counts, whatever its payload, solicited or not.
    fn any_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        let of_users = self.user_pong(out);
        if self.ping_waits() && t.profile == Profile::Tornado65 {
            self.set_pings_due(self.pings_due().max(cx.now.at));
        }
        self.set_ping_waits(false);
        self.pong_counts(cx);
        self.rest.make_profile().wait_from = cx.now.at;
        if self.unresolved() > 0 && !of_users {
            return self.resolve(cx, 0, payload_of(t.profile, cx, self.sent()).token(), out);
        }
        self.set_unresolved(0);
        self.set_unanswered(0);
        if !of_users {
            out.count(Counter::PongsUnsolicited);
        }
    }

    /// A ping goes out and counts from now.
    fn profile_send<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.unanswered() == 0 {
            self.rest.make_profile().oldest = cx.now.at;
            self.set_pings_heard(false);
        }
        self.set_unanswered(self.unanswered().saturating_add(1));
        self.rest.make_profile().last_ping = cx.now.at;
        self.send_ping(t, cx, out);
    }

    fn profile_silence(&self, t: &Transport, cx: &Ctx, code: Option<u16>, reason: &'static str, deadline: Instant) -> super::Verdict {
        let written = if self.unanswered() > 0 { self.rest.profile().oldest } else { self.opened };
        self.pings_silence(t, cx, Facts { code, reason, unanswered: self.unanswered(), written, deadline })
    }

    // Tornado 4.5 to 6.4: `WebSocketProtocol13.periodic_ping` in tornado/websocket.py.

    fn tornado_64_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let now = cx.now.at;
        let due = now >= self.ping_due(t, cx);
        // Its guard against a host that slept: the ticks must have come.
        let ticking = now.since(self.last_ping()) < t.interval.times(2);
        let silent = now.since(self.time(At::LastPong)) > t.timeout;
        (due && ticking && silent).then(|| Outcome::Close(self.profile_silence(t, cx, None, "", self.time(At::LastPong).after(t.timeout))))
    }

    fn grid_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if cx.now.at < self.ping_due(t, cx) {
            return;
        }
        self.pass_ping(t, cx);
        self.set_ping_waits(true);
        self.profile_send(t, cx, out);
    }

    // Tornado 6.5.2 and later: `WebSocketProtocol13.periodic_ping`, which became a coroutine.

    fn tornado_65_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let check = self.last_ping().after(t.timeout);
        let silent = self.ping_waits() && cx.now.at >= check;
        silent.then(|| Outcome::Close(self.profile_silence(t, cx, Some(1000), "ping timed out", check)))
    }

    fn tornado_65_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        // While it waits for its check at sent + timeout, which is never after sent + interval, no ping is due.
        if self.ping_waits() || cx.now.at < self.pings_due() {
            return;
        }
        self.profile_send(t, cx, out);
        self.set_ping_waits(t.timeout > Span::ZERO);
        self.set_pings_due(cx.now.at.after(t.interval));
    }

    // Python websockets: `Connection.keepalive`; one ping outstanding, a pong acknowledges it and all older ones.

    fn websockets_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.last_ping().after(t.timeout);
        let silent = self.ping_waits() && cx.now.at >= deadline;
        silent.then(|| Outcome::Close(self.profile_silence(t, cx, Some(1011), "keepalive ping timeout", deadline)))
    }

    fn websockets_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.ping_waits() || cx.now.at < self.pings_due() {
            return;
        }
        self.set_ping_waits(true);
        self.profile_send(t, cx, out);
        self.set_pings_due(cx.now.at.after(t.interval));
    }

    fn websockets_pong<S: Sink>(&mut self, t: &Transport, cx: &Ctx, payload: Payload, out: &mut S) {
        if !self.ping_waits() || payload != payload_of(t.profile, cx, self.sent()) {
            if !self.user_pong(out) {
                out.count(Counter::PongsUnsolicited);
            }
            return;
        }
        self.set_ping_waits(false);
        self.resolve(cx, 0, payload.token(), out);
        self.set_pings_due(self.pings_due().max(cx.now.at));
        self.websockets_ping(t, cx, out);
    }

    // The recipe in the readme of Node ws: `isAlive`, one interval for all, terminate without a close frame.

    fn ws_recipe_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let due = self.ping_due(t, cx);
        let dead = self.ping_waits() && cx.now.at >= due;
        dead.then(|| Outcome::Abort(self.profile_silence(t, cx, None, "", due)))
    }

    // uWebSockets: an idle timer that any byte starts anew; a ping shortly before its end.

    fn uwebsockets_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.last_ping().after(t.timeout);
        let dead = self.ping_waits() && cx.now.at >= deadline;
        dead.then(|| Outcome::Abort(self.profile_silence(t, cx, None, "", deadline)))
    }

    fn uwebsockets_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if self.ping_waits() || cx.now.at < self.pings_due() {
            return;
        }
        self.set_ping_waits(true);
        self.profile_send(t, cx, out);
    }

    // The chat example of gorilla/websocket: a read deadline that only pongs move, a ticker that pings.

    fn wait_ends(&self, t: &Transport) -> Instant {
        self.rest.profile().wait_from.after(t.timeout)
    }

    fn gorilla_judge(&self, t: &Transport, cx: &Ctx) -> Option<Outcome> {
        let deadline = self.wait_ends(t);
        (cx.now.at >= deadline).then(|| Outcome::Abort(self.profile_silence(t, cx, None, "", deadline)))
    }

    fn gorilla_ping<S: Sink>(&mut self, t: &Transport, cx: &Ctx, out: &mut S) {
        if cx.now.at < self.pings_due() {
            return;
        }
        self.profile_send(t, cx, out);
        self.set_pings_due(cx.now.at.after(t.interval));
    }
}
