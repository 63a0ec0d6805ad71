//! What one connection promised its peer, told from outside: what was written, what came back, and when.

use wsbeat_core::event::{Action, Input, Note, Plane, Verdict, VerdictKind};
use wsbeat_core::policy::Cadence;
use wsbeat_core::time::{Instant, Span};

use super::side::{Message, Side};
use super::terms::{Beats, Pings, Rules, Terms};

/// When the hub is asked: now, and when it was asked before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) since: Instant,
}

/// A connection, seen from outside.
#[derive(Clone, Debug, Hash)]
pub(super) struct Judge {
    pub(super) unwritten: Vec<Message>,
    pub(super) coming: Vec<Message>,
    /// The transport takes nothing.
    pub(super) blocked: bool,
    sides: [Side; 2],
    /// When the oldest ping was written that no evidence discharged.
    oldest_ping: Option<Instant>,
    /// The opening, or the sending of the last answered heartbeat.
    answered_beat: Instant,
    opened: Instant,
    /// The token of the newest heartbeat.
    token: u64,
    pub(super) closed: Option<Instant>,
    pub(super) ended: bool,
}

type Law = Result<(), String>;

fn law(holds: bool, text: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(text()) }
}

impl Judge {
    pub(super) fn new(now: Instant) -> Self {
        let sides = [Side::from(now); 2];
        Judge {
            unwritten: vec![],
            coming: vec![],
            blocked: false,
            sides,
            oldest_ping: None,
            answered_beat: now,
            opened: now,
            token: 0,
            closed: None,
            ended: false,
        }
    }

    /// What one call told the shell to do.
    pub(super) fn acted(&mut self, terms: &Terms, moment: Moment, actions: &[Action]) -> Law {
        law(actions.len() <= 4, || format!("law 2: {} actions in one step", actions.len()))?;
        let now = moment.now;
        let mut stalled = [false; 2];
        for action in actions {
            law(!self.ended, || format!("law 6: {action:?} after the end"))?;
            match *action {
                Action::Note(Note::Stalled { lateness }) => stalled = self.stalled(terms, now, lateness),
                Action::Ping(payload) => {
                    let pings = terms.pings.ok_or_else(|| format!("rule R9: {action:?}, and no plane for it"))?;
                    self.pings(&pings, now, Input::PingFlushed(payload), Input::Pong(payload))?;
                }
                Action::Heartbeat(token) => {
                    let beats = terms.beats.ok_or_else(|| format!("rule R9: {action:?}, and no plane for it"))?;
                    self.beats_at(&beats, moment, token.0)?;
                    let (flushed, answer) = (Input::HeartbeatFlushed(token), Input::Answer(token));
                    self.sends(Plane::Application, flushed, answer, now, !stalled[1])?;
                }
                Action::Close(verdict) => self.closes(terms, now, &verdict)?,
                Action::Abort(verdict) => self.aborts(terms, now, &verdict)?,
                // Without heartbeats what looks like an answer is data.
                Action::Deliver if terms.beats.is_none() => {}
                _ => return Err(format!("nobody asked for {action:?}")),
            }
        }
        Ok(())
    }

    fn stalled(&mut self, terms: &Terms, now: Instant, lateness: Span) -> [bool; 2] {
        let stalled = terms.stall_after().map(|limit| limit.is_some_and(|limit| lateness > limit));
        for (side, _) in self.sides.iter_mut().zip(stalled).filter(|(_, stalled)| *stalled) {
            side.progress = now;
            side.lives(now, side.held_up);
        }
        if stalled[0] {
            self.oldest_ping = self.oldest_ping.map(|_| now);
        }
        stalled
    }

    fn pings(&mut self, pings: &Pings, now: Instant, flushed: Input, answer: Input) -> Law {
        if pings.rules == Rules::Tornado65 {
            // One is outstanding, from its queueing, and may find the writer blocked.
            self.oldest_ping = self.oldest_ping.or(Some(now));
            self.queue(Plane::Transport, flushed, answer, now, true).by = now.after(pings.timeout);
            return law(self.closed.is_none(), || format!("rule R3: {flushed:?} after the close"));
        }
        self.sends(Plane::Transport, flushed, answer, now, true)
    }

    /// A heartbeat has its time, and a token of its own.
    fn beats_at(&mut self, beats: &Beats, Moment { now, since }: Moment, token: u64) -> Law {
        law(token > self.token, || format!("rule §9: token {token} after {}", self.token))?;
        self.token = token;
        if beats.cadence == Cadence::Spread {
            return Ok(());
        }
        let point = Instant::from_nanos(now.as_nanos() / beats.period.as_nanos() * beats.period.as_nanos());
        law(point > since.max(self.opened), || format!("rule §9: a beat at {now:?}, which is not that of all"))
    }

    fn sends(&mut self, plane: Plane, input: Input, answer: Input, now: Instant, counted: bool) -> Law {
        law(self.closed.is_none(), || format!("rule R3: {input:?} after the close"))?;
        let waits = self.unwritten.iter().any(|m| m.plane == plane && !m.forgotten);
        law(!waits, || format!("rule R6: {input:?} while one is unwritten"))?;
        self.queue(plane, input, answer, now, counted);
        Ok(())
    }

    fn queue(&mut self, plane: Plane, input: Input, answer: Input, now: Instant, counted: bool) -> &mut Message {
        let side = &mut self.sides[plane as usize];
        side.sent += 1;
        side.progress = now;
        let (number, held_up, never) = (side.sent, side.held_up, Instant::NEVER);
        let (queued, by, arrives_by, forgotten) = (now, never, never, false);
        let message = Message { plane, input, answer, number, queued, written: never, held_up, by, arrives_by, counted, forgotten };
        self.unwritten.push(message);
        self.unwritten.last_mut().expect("it was pushed")
    }

    fn closes(&mut self, terms: &Terms, now: Instant, verdict: &Verdict) -> Law {
        law(self.closed.is_none(), || "law 10: a second close".into())?;
        if verdict.kind.is_silence() {
            self.silence(terms, now, verdict)?;
        }
        self.closed = Some(now);
        self.unwritten.clear();
        Ok(())
    }

    fn silence(&self, terms: &Terms, now: Instant, verdict: &Verdict) -> Law {
        let has_failed = || law(self.sides[verdict.plane as usize].failed, || format!("law 12: the peer had answered in time: {verdict}"));
        if verdict.plane == Plane::Application {
            let beats = terms.beats.ok_or_else(|| format!("rule R9: no plane for it: {verdict}"))?;
            self.was_written(verdict)?;
            has_failed()?;
            let lived = now.since(self.answered_beat);
            return law(lived > beats.period.times(beats.misses), || format!("law 13: closed after {lived:?}: {verdict}"));
        }
        let pings = terms.pings.ok_or_else(|| format!("rule R9: no plane for it: {verdict}"))?;
        if pings.rules == Rules::Strict {
            self.was_written(verdict)?;
        }
        has_failed()?;
        let waited = self.oldest_ping.map(|written| now.since(written));
        law(waited.is_some_and(|w| w >= pings.timeout), || format!("law 12: before the timeout, {waited:?}: {verdict}"))
    }

    fn was_written(&self, verdict: &Verdict) -> Law {
        let unwritten = |m: &Message| match m.input {
            Input::PingFlushed(payload) => Some(payload.token()) == verdict.token,
            Input::HeartbeatFlushed(token) => Some(token) == verdict.token,
            _ => false,
        };
        law(!self.unwritten.iter().any(|m| m.plane == verdict.plane && unwritten(m)), || {
            format!("law 11: silence on what was never written: {verdict}")
        })
    }

    fn aborts(&mut self, terms: &Terms, now: Instant, verdict: &Verdict) -> Law {
        self.ended = true;
        if verdict.kind != VerdictKind::WriteStalled {
            return law(self.closed.is_some(), || format!("rule R3: an abort without a close: {verdict}"));
        }
        let plane = verdict.plane as usize;
        let waits = self.unwritten.iter().any(|m| m.plane as usize == plane && !m.forgotten);
        law(waits, || format!("rule R6: stalled, though all was written: {verdict}"))?;
        let waited = now.since(self.sides[plane].progress);
        let limit = terms.write_stall()[plane].ok_or_else(|| format!("rule R9: no plane for it: {verdict}"))?;
        law(waited >= limit, || format!("rule R6: stalled after {waited:?}: {verdict}"))
    }

    /// The transport took bytes.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.sides.iter_mut().for_each(|side| side.progress = now);
    }

    /// The oldest of what is unwritten was written; its answer is on its way.
    pub(super) fn written(&mut self, terms: &Terms, now: Instant, delay_max: Span) -> Message {
        let mut message = self.unwritten.remove(0);
        (message.written, message.held_up) = (now, self.sides[message.plane as usize].held_up);
        message.arrives_by = now.after(delay_max);
        let is_strict = terms.pings.is_some_and(|pings| pings.rules == Rules::Strict);
        if message.plane == Plane::Transport && is_strict && !message.forgotten {
            self.oldest_ping = self.oldest_ping.or(Some(now));
        }
        message.by = message.owed_by(terms);
        self.wrote(now);
        self.coming.push(message);
        message
    }

    /// The network lost an answer.
    pub(super) fn lost(&mut self, index: usize) {
        let message = self.coming.remove(index);
        self.sides[message.plane as usize].failed |= message.by != Instant::NEVER;
    }

    /// An answer arrived; `again`: and will arrive once more.
    pub(super) fn arrived(&mut self, terms: &Terms, now: Instant, index: usize, again: Again) -> Input {
        let message = self.coming.remove(index);
        if again == Again::Yes {
            self.coming.push(Message { by: Instant::NEVER, arrives_by: Instant::NEVER, ..message });
        }
        let side = self.sides[message.plane as usize];
        let newer = message.number > side.answered && !message.forgotten;
        if message.plane == Plane::Transport && newer {
            self.sides[0].answered = message.number;
        }
        let in_window = terms.beats.is_some_and(|beats| u64::from(side.sent - message.number) < beats.window);
        if message.plane == Plane::Application && message.counted && newer && in_window {
            self.sides[1].answered = message.number;
            self.answered_beat = message.queued;
            self.sides[1].lives(message.written, message.held_up);
        }
        let held_up = self.sides[0].held_up;
        let counts = terms.pings.is_some_and(|pings| {
            let is_pong = message.plane == Plane::Transport && (newer || pings.rules == Rules::Tornado65);
            pings.any_bytes || is_pong
        });
        if counts {
            self.oldest_ping = None;
            self.sides[0].lives(now, held_up);
        }
        message.answer
    }

    /// Other promises hold from now on (rule R9).
    ///
    /// A plane that goes on under the same rules keeps what it knows: what is unanswered is owed by the new times, and a dead
    /// peer's time runs from the change at the latest. Any other plane begins anew.
    pub(super) fn changed(&mut self, before: &Terms, after: &Terms, now: Instant) {
        let goes_on = [
            before.pings.map(|pings| pings.rules) == after.pings.map(|pings| pings.rules),
            before.beats.is_some() == after.beats.is_some(),
        ];
        for plane in [Plane::Transport, Plane::Application] {
            let side = &mut self.sides[plane as usize];
            if goes_on[plane as usize] {
                side.lives(now, side.held_up);
                continue;
            }
            *side = Side { sent: side.sent, answered: side.sent, ..Side::from(now) };
            let messages = self.unwritten.iter_mut().chain(&mut self.coming);
            messages.filter(|m| m.plane == plane).for_each(|m| (m.forgotten, m.by) = (true, Instant::NEVER));
            match plane {
                Plane::Transport => self.oldest_ping = None,
                Plane::Application => self.answered_beat = now,
            }
        }
        for message in self.unwritten.iter_mut().chain(&mut self.coming).filter(|m| m.by != Instant::NEVER) {
            message.by = message.owed_by(after);
        }
    }

    /// Time passes, with the host awake or asleep.
    pub(super) fn pass(&mut self, by: Span, asleep: bool) {
        for plane in [Plane::Transport, Plane::Application] {
            if asleep || self.unwritten.iter().any(|m| m.plane == plane && !m.forgotten) {
                let side = &mut self.sides[plane as usize];
                side.held_up = side.held_up.plus(by);
            }
        }
    }

    /// A tick is about to look: whoever owes an answer by now has failed.
    pub(super) fn owed(&mut self, now: Instant) {
        for message in self.unwritten.iter_mut().chain(&mut self.coming).filter(|m| now >= m.by) {
            self.sides[message.plane as usize].failed = true;
            message.by = Instant::NEVER;
        }
    }

    /// After a tick at `now`: what should have ended by now has.
    pub(super) fn dead_are_closed(&self, terms: &Terms, now: Instant) -> Law {
        if self.ended {
            return Ok(());
        }
        if let Some(closed) = self.closed {
            return law(now.since(closed) < terms.close_timeout, || "rule R3: the closing has no end".into());
        }
        for message in self.unwritten.iter().filter(|m| !m.forgotten) {
            let plane = message.plane as usize;
            let waited = now.since(self.sides[plane].progress);
            let in_time = terms.write_stall()[plane].is_none_or(|limit| waited < limit);
            law(in_time, || format!("law 13: unwritten for {waited:?}: {message:?}"))?;
        }
        let [pings, beats] = self.sides;
        if let Some(Pings { interval, timeout, .. }) = terms.pings {
            let limit = interval.plus(timeout).plus(whole(pings.held_up_since(), interval));
            let silent = now.since(pings.alive);
            law(silent < limit, || format!("law 13: no evidence for {silent:?}, and open"))?;
        }
        if let Some(Beats { period, misses, .. }) = terms.beats {
            let limit = period.times(misses + 1).plus(whole(beats.held_up_since(), period));
            let silent = now.since(beats.alive);
            law(silent <= limit, || format!("law 13: no answer to what was sent {silent:?} ago, and open"))?;
        }
        Ok(())
    }
}

/// Whether a message arrives once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    No,
    Yes,
}

/// `span`, rounded up to whole multiples of `unit`.
fn whole(span: Span, unit: Span) -> Span {
    unit.times(span.as_nanos().div_ceil(unit.as_nanos()))
}
