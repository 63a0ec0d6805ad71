//! What the judge makes of stalls and verdicts, and of what is left undone.

use super::{Judge, LATE, OWED, Watched, closes, number, rules};
use crate::connection::Phase;
use crate::event::{ConnId, Verdict};
use crate::time::Span;

impl Judge {
    /// R5: nobody is judged on a plane that slept, and what is unanswered there starts anew.
    pub(super) fn stalled(&mut self, id: ConnId, lateness: Span) {
        self.step.stalled = lateness;
        let transport = lateness > rules::transport_stall_after(&self.policy);
        let application = lateness > rules::application_stall_after(&self.policy);
        if !(transport || application) || lateness > self.late {
            self.breach(number(id), "R5: a stall is noted, and the tick came in time");
        }
        self.watch(id, |watched, _, seen| {
            if transport {
                watched.pings.rebase(seen.now);
            }
            if application {
                watched.slept(seen.now);
            }
            None
        });
        let may_ping = self.live(id).is_some_and(|watched| watched.pings.may_be_sent());
        self.step.owes_ping = transport && rules::strict(&self.policy).is_some() && may_ping;
    }

    /// R5 for handshakes: those whose time had passed have it anew.
    pub(super) fn handshakes_begin_anew(&mut self) {
        let (policy, now) = (&self.policy, self.now);
        let passed = |w: &&mut Watched| w.phase == Phase::Handshake && rules::ends_by(policy, w) <= now;
        self.watched.iter_mut().filter(passed).for_each(|w| w.since = now);
    }

    pub(super) fn wrong_verdict(&self, watched: &Watched, verdict: &Verdict) -> Option<&'static str> {
        let wrong = closes::wrong_close(&self.policy, watched, verdict, &self.step, self.now);
        wrong.or_else(|| closes::wrong_words(&self.policy, watched, verdict, &self.step, self.now)).or_else(|| {
            let calm = self.now >= self.calm_from && verdict.kind.is_silence();
            calm.then_some("calm: someone is given up although the storm is over and everyone answers")
        })
    }

    pub(super) fn wrong_abort(&self, watched: &Watched, verdict: &Verdict) -> Option<&'static str> {
        let wrong = closes::wrong_abort(&self.policy, watched, verdict, &self.step, self.now);
        wrong.or_else(|| closes::wrong_words(&self.policy, watched, verdict, &self.step, self.now))
    }

    /// What the last tick that left nothing due left undone.
    pub(super) fn overdue(&self, watched: &Watched) -> Option<&'static str> {
        if rules::ends_by(&self.policy, watched) < self.ticked {
            return Some(LATE);
        }
        (rules::owed_by(&self.policy, watched) < self.ticked).then_some(OWED)
    }
}
