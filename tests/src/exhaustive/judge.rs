//! What one connection promised its peer, told from outside: what was written, what came back, and when.

use wsbeat_core::event::{Action, Input, Note, Plane, Verdict, VerdictKind};
use wsbeat_core::policy::{Death, Evidence, Policy};
use wsbeat_core::time::{Instant, Span};

/// The settings that the laws speak of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) interval: Span,
    pub(super) timeout: Span,
    pub(super) period: Span,
    pub(super) misses: u64,
    pub(super) window: u64,
    write_stall: [Span; 2],
    stall_after: [Span; 2],
    any_bytes: bool,
    close_timeout: Span,
}

impl Terms {
    pub(super) fn of(policy: &Policy) -> Self {
        let t = policy.transport.expect("pings");
        let ask = policy.application.and_then(|a| a.ask).expect("heartbeats");
        let Death::MissesBefore(misses) = ask.death else { panic!("the htx rule") };
        Terms {
            interval: t.interval,
            timeout: t.timeout,
            period: ask.period,
            misses: misses.into(),
            window: ask.matching.window().into(),
            write_stall: [t.write_stall, ask.write_stall],
            stall_after: [t.stall_after, ask.stall_after],
            any_bytes: t.evidence == Evidence::AnyBytes,
            close_timeout: policy.limits.close_timeout,
        }
    }
}

/// A ping or heartbeat that waits for the writer, or its answer on its way.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Message {
    pub(super) plane: Plane,
    /// What tells the hub of it: that it was written, or that it arrived.
    pub(super) input: Input,
    pub(super) answer: Input,
    /// The how-manieth of its plane.
    number: u8,
    /// When it was queued.
    queued: Instant,
    /// By when an honest peer's answer is here; never, where it owes none.
    by: Instant,
    /// Whether it counts: not one that went out after a stall.
    counted: bool,
}

/// One plane of a connection, seen from outside.
#[derive(Clone, Copy, Debug, Hash)]
struct Side {
    sent: u8,
    /// The number of the newest one whose answer counted.
    answered: u8,
    /// An answer that was owed did not come in time.
    failed: bool,
    /// When the stall clock of what is unwritten began anew.
    progress: Instant,
    /// From when a dead peer's time runs.
    alive: Instant,
    /// How long since `alive` something was unwritten or the host slept, in all.
    held_up: Span,
}

impl Side {
    fn from(now: Instant) -> Self {
        Side { sent: 0, answered: 0, failed: false, progress: now, alive: now, held_up: Span::ZERO }
    }
}

/// A connection, seen from outside.
#[derive(Clone, Debug, Hash)]
pub(super) struct Judge {
    pub(super) unwritten: Vec<Message>,
    pub(super) coming: Vec<Message>,
    sides: [Side; 2],
    /// When the oldest ping was written that no evidence discharged.
    oldest_ping: Option<Instant>,
    /// The opening, or the sending of the last answered heartbeat.
    answered_beat: Instant,
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
        Judge { unwritten: vec![], coming: vec![], sides, oldest_ping: None, answered_beat: now, closed: None, ended: false }
    }

    /// What one call told the shell to do.
    pub(super) fn acted(&mut self, terms: &Terms, now: Instant, actions: &[Action]) -> Law {
        law(actions.len() <= 4, || format!("law 2: {} actions in one step", actions.len()))?;
        let mut stalled = [false; 2];
        for action in actions {
            law(!self.ended, || format!("law 6: {action:?} after the end"))?;
            match *action {
                Action::Note(Note::Stalled { lateness }) => stalled = self.stalled(terms, now, lateness),
                Action::Ping(payload) => self.sends(Plane::Transport, Input::PingFlushed(payload), Input::Pong(payload), now, true)?,
                Action::Heartbeat(token) => {
                    let (flushed, answer) = (Input::HeartbeatFlushed(token), Input::Answer(token));
                    self.sends(Plane::Application, flushed, answer, now, !stalled[1])?;
                }
                Action::Close(verdict) => self.closes(terms, now, &verdict)?,
                Action::Abort(verdict) => self.aborts(terms, now, &verdict)?,
                _ => return Err(format!("nobody asked for {action:?}")),
            }
        }
        Ok(())
    }

    fn stalled(&mut self, terms: &Terms, now: Instant, lateness: Span) -> [bool; 2] {
        let stalled = terms.stall_after.map(|limit| lateness > limit);
        for (side, _) in self.sides.iter_mut().zip(stalled).filter(|(_, stalled)| *stalled) {
            (side.progress, side.alive, side.held_up) = (now, now, Span::ZERO);
        }
        if stalled[0] {
            self.oldest_ping = self.oldest_ping.map(|_| now);
        }
        stalled
    }

    fn sends(&mut self, plane: Plane, input: Input, answer: Input, now: Instant, counted: bool) -> Law {
        law(self.closed.is_none(), || format!("rule R3: {input:?} after the close"))?;
        law(self.unwritten.iter().all(|m| m.plane != plane), || format!("rule R6: {input:?} while one is unwritten"))?;
        let side = &mut self.sides[plane as usize];
        side.sent += 1;
        side.progress = now;
        self.unwritten.push(Message { plane, input, answer, number: side.sent, queued: now, by: Instant::NEVER, counted });
        Ok(())
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
        let unwritten = |m: &Message| match m.input {
            Input::PingFlushed(payload) => Some(payload.token()) == verdict.token,
            Input::HeartbeatFlushed(token) => Some(token) == verdict.token,
            _ => false,
        };
        law(!self.unwritten.iter().any(|m| m.plane == verdict.plane && unwritten(m)), || {
            format!("law 11: silence on what was never written: {verdict}")
        })?;
        law(self.sides[verdict.plane as usize].failed, || format!("law 12: the peer had answered in time: {verdict}"))?;
        match verdict.plane {
            Plane::Transport => {
                let waited = self.oldest_ping.map(|written| now.since(written));
                law(waited.is_some_and(|w| w >= terms.timeout), || format!("law 12: before the timeout, {waited:?}: {verdict}"))
            }
            Plane::Application => {
                let lived = now.since(self.answered_beat);
                law(lived > terms.period.times(terms.misses), || format!("law 13: closed after {lived:?}: {verdict}"))
            }
        }
    }

    fn aborts(&mut self, terms: &Terms, now: Instant, verdict: &Verdict) -> Law {
        self.ended = true;
        if verdict.kind != VerdictKind::WriteStalled {
            return law(self.closed.is_some(), || format!("rule R3: an abort without a close: {verdict}"));
        }
        let plane = verdict.plane as usize;
        let waits = self.unwritten.iter().any(|m| m.plane as usize == plane);
        law(waits, || format!("rule R6: stalled, though all was written: {verdict}"))?;
        let waited = now.since(self.sides[plane].progress);
        law(waited >= terms.write_stall[plane], || format!("rule R6: stalled after {waited:?}: {verdict}"))
    }

    /// The transport took bytes.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.sides.iter_mut().for_each(|side| side.progress = now);
    }

    /// The oldest of what is unwritten was written; its answer is on its way.
    pub(super) fn written(&mut self, terms: &Terms, now: Instant) -> Message {
        let mut message = self.unwritten.remove(0);
        message.by = match message.plane {
            Plane::Transport => now.after(terms.timeout),
            Plane::Application if !message.counted => Instant::NEVER,
            // From the beat; at once, where it was written later.
            Plane::Application => message.queued.after(terms.period.times(terms.misses.min(terms.window))).max(now),
        };
        if message.plane == Plane::Transport {
            self.oldest_ping = self.oldest_ping.or(Some(now));
        }
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
            self.coming.push(Message { by: Instant::NEVER, ..message });
        }
        let side = self.sides[message.plane as usize];
        let newer = message.number > side.answered;
        if message.plane == Plane::Transport {
            self.sides[0].answered = side.answered.max(message.number);
        }
        let in_window = u64::from(side.sent - message.number) < terms.window;
        if message.plane == Plane::Application && message.counted && newer && in_window {
            self.sides[1].answered = message.number;
            self.answered_beat = message.queued;
            (self.sides[1].alive, self.sides[1].held_up) = (message.queued.max(self.sides[1].alive), Span::ZERO);
        }
        if terms.any_bytes || message.plane == Plane::Transport && newer {
            self.oldest_ping = None;
            (self.sides[0].alive, self.sides[0].held_up) = (now, Span::ZERO);
        }
        message.answer
    }

    /// Time passes, with the host awake or asleep.
    pub(super) fn pass(&mut self, by: Span, asleep: bool) {
        for plane in [Plane::Transport, Plane::Application] {
            if asleep || self.unwritten.iter().any(|m| m.plane == plane) {
                let side = &mut self.sides[plane as usize];
                side.held_up = side.held_up.plus(by);
            }
        }
    }

    /// A tick is about to look: whoever owes an answer by now has failed.
    pub(super) fn owed(&mut self, now: Instant) {
        for message in self.coming.iter_mut().filter(|m| now >= m.by) {
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
        for message in &self.unwritten {
            let plane = message.plane as usize;
            let waited = now.since(self.sides[plane].progress);
            law(waited < terms.write_stall[plane], || format!("law 13: unwritten for {waited:?}: {message:?}"))?;
        }
        let [pings, beats] = self.sides;
        let limit = terms.interval.plus(terms.timeout).plus(whole(pings.held_up, terms.interval));
        let silent = now.since(pings.alive);
        law(silent < limit, || format!("law 13: no evidence for {silent:?}, and open"))?;
        let limit = terms.period.times(terms.misses + 1).plus(whole(beats.held_up, terms.period));
        let silent = now.since(beats.alive);
        law(silent <= limit, || format!("law 13: no answer to what was sent {silent:?} ago, and open"))
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
