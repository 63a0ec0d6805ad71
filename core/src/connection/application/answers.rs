//! What answers our heartbeats.

use super::{Heartbeats, Unwritten};
use crate::connection::Ctx;
use crate::event::{Counter, Plane, Sink, Token};
use crate::policy::{Answers, Ask, Matching};

impl Heartbeats {
    /// An answer arrived.
    pub(in crate::connection) fn answer<S: Sink>(&mut self, ask: &Ask, token: Token, cx: &Ctx, out: &mut S) {
        let place = self.tokens[..usize::from(self.known)].iter().position(|t| *t == token.0);
        let window = ask.matching.window().min(self.unanswered);
        let any = ask.matching == Matching::Any || ask.answers == Answers::Any;
        match place.and_then(|p| u8::try_from(p).ok()) {
            // Where any answer answers all that was written, one that tells its heartbeat adds something for the unwritten only.
            Some(place) if place < window && !(any && self.is_written(place)) => self.matched(place, token, cx, out),
            place if any => self.any(place, token, cx, out),
            place => out.count(self.refused(place, token)),
        }
    }

    /// Whether the heartbeat that `place` newer ones followed was written.
    pub(in crate::connection) fn is_written(&self, place: u8) -> bool {
        place > 0 || self.unwritten != Unwritten::Counted
    }

    /// The answer brings back a token within the window: it and all older heartbeats are answered.
    fn matched<S: Sink>(&mut self, place: u8, token: Token, cx: &Ctx, out: &mut S) {
        out.count(Counter::AnswersMatched);
        self.last_answer = cx.now.at;
        self.unanswered = place;
        if place == 0 && self.unwritten == Unwritten::Counted {
            // The answer overtook the news that its heartbeat was written.
            self.unwritten = Unwritten::None;
            return;
        }
        out.rtt(Plane::Application, token, cx.now.at.since(self.flushed[usize::from(place)]));
        if place > 0 {
            self.oldest = self.flushed[usize::from(place) - 1];
        }
    }

    /// Any well-formed answer answers every heartbeat written before it.
    fn any<S: Sink>(&mut self, place: Option<u8>, token: Token, cx: &Ctx, out: &mut S) {
        let open = self.unanswered_written();
        if open == 0 {
            return out.count(self.refused(place, token));
        }
        out.count(Counter::AnswersMatched);
        out.rtt(Plane::Application, token, cx.now.at.since(self.oldest));
        self.last_answer = cx.now.at;
        self.unanswered -= open;
    }

    /// Why an answer does not count.
    fn refused(&self, place: Option<u8>, token: Token) -> Counter {
        let oldest = self.tokens[usize::from(self.known).saturating_sub(1)];
        match place {
            Some(place) if place == self.unanswered => Counter::AnswersDuplicate,
            Some(_) => Counter::AnswersStale,
            None if self.unanswered == 0 => Counter::AnswersUnsolicited,
            None if token.0 < oldest => Counter::AnswersStale,
            None => Counter::AnswersMismatched,
        }
    }
}
