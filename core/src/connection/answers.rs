//! What answers our heartbeats.

use super::Ctx;
use super::beats::Unwritten;
use super::state::{At, State};
use crate::event::{Counter, Plane, Sink, Token};
use crate::policy::{Answers, Ask, Matching, Unsolicited};

impl State {
    /// An answer arrived.
    pub(super) fn match_answer<S: Sink>(&mut self, ask: &Ask, token: Token, cx: &Ctx, out: &mut S) {
        let place = self.tokens()[..usize::from(self.tokens_known())].iter().position(|t| *t == token.0);
        let window = ask.matching.window().min(self.beats_unanswered);
        let any = ask.matching == Matching::Any || ask.answers == Answers::Any;
        match place.and_then(|p| u8::try_from(p).ok()) {
            // Where any answer answers all that was written, one that tells its heartbeat adds something for the unwritten only.
            Some(place) if place < window && !(any && self.is_beat_written(place)) => self.answer_matches(place, token, cx, out),
            // Where any answer answers, this one can only mean the heartbeat whose writing is not told yet (R6).
            _ if ask.matching == Matching::Any && self.is_overtaken() => self.overtaking_answer(cx, out),
            place if any => self.any_answer(place, token, cx, out),
            place => out.count(self.answer_refused(place, token)),
        }
    }

    /// A heartbeat goes out: an answer is to come.
    pub(super) fn owe_answer(&mut self, ask: &Ask) {
        if ask.unsolicited == Unsolicited::Refused {
            let owed = &mut self.rest.make().owed;
            *owed = owed.saturating_add(1);
        }
    }

    /// An answer came. Whether it has to be refused: every heartbeat, counted or not, has had its own.
    pub(super) fn is_unasked(&mut self, ask: &Ask) -> bool {
        if ask.unsolicited == Unsolicited::Ignored {
            return false;
        }
        let owed = &mut self.rest.make().owed;
        let is_unasked = *owed == 0;
        *owed = owed.saturating_sub(1);
        is_unasked
    }

    /// Whether the heartbeat that `place` newer ones followed was written.
    pub(super) fn is_beat_written(&self, place: u8) -> bool {
        place > 0 || self.beat_unwritten() != Unwritten::Counted
    }

    /// Whether all that was written is answered, and one that counts is not written yet.
    fn is_overtaken(&self) -> bool {
        self.beat_unwritten() == Unwritten::Counted && self.unanswered_written() == 0
    }

    /// An answer without a token overtook the news that its heartbeat was written. Whether it did is not certain: the clock of the
    /// writing runs on.
    fn overtaking_answer<S: Sink>(&mut self, cx: &Ctx, out: &mut S) {
        out.count(Counter::AnswersMatched);
        self.set_time(At::LastAnswer, cx.now.at);
        self.beats_unanswered = 0;
        self.oldest_beat_is_remembered();
        self.set_beat_unwritten(Unwritten::Uncounted);
    }

    /// The answer brings back a token within the window: it and all older heartbeats are answered.
    fn answer_matches<S: Sink>(&mut self, place: u8, token: Token, cx: &Ctx, out: &mut S) {
        out.count(Counter::AnswersMatched);
        self.set_time(At::LastAnswer, cx.now.at);
        let written = self.beat_written(place);
        self.beats_unanswered = place;
        self.oldest_beat_is_remembered();
        if place == 0 && self.beat_unwritten() == Unwritten::Counted {
            // The answer overtook the news that its heartbeat was written.
            return self.set_beat_unwritten(Unwritten::None);
        }
        out.rtt(Plane::Application, token, cx.now.at.since(written));
    }

    /// Any well-formed answer answers every heartbeat written before it.
    fn any_answer<S: Sink>(&mut self, place: Option<u8>, token: Token, cx: &Ctx, out: &mut S) {
        let open = self.unanswered_written();
        if open == 0 {
            return out.count(self.answer_refused(place, token));
        }
        out.count(Counter::AnswersMatched);
        let named = place.filter(|place| *place < self.beats_unanswered);
        let written = named.map_or_else(|| self.oldest_beat(), |place| self.beat_written(place));
        out.rtt(Plane::Application, token, cx.now.at.since(written));
        self.set_time(At::LastAnswer, cx.now.at);
        self.beats_unanswered -= open;
        self.oldest_beat_is_remembered();
    }

    /// Why an answer does not count.
    fn answer_refused(&self, place: Option<u8>, token: Token) -> Counter {
        let oldest = self.tokens()[usize::from(self.tokens_known()).saturating_sub(1)];
        match place {
            Some(place) if place == self.beats_unanswered => Counter::AnswersDuplicate,
            Some(_) => Counter::AnswersStale,
            None if self.beats_unanswered == 0 => Counter::AnswersUnsolicited,
            None if token.0 < oldest => Counter::AnswersStale,
            None => Counter::AnswersMismatched,
        }
    }
}
