//! What the peer may not do: pings over the rate, faults.

use wsbeat_core::event::{Fault, Input, VerdictKind};

use super::{Model, Ns, S};

impl Model {
    /// Counts all pings of the peer's anew: a bucket that starts full and fills all the time, and strikes that go one by one.
    pub(super) fn inbound_ping(&mut self) {
        let limits = self.policy.limits;
        let (rate, burst) = (Ns::from(limits.pings_per_s), Ns::from(limits.pings_burst) * S);
        // In billionths of a ping.
        let (mut level, mut filled_at) = (burst, self.opened);
        let (mut strikes, mut decays_at): (Ns, Ns) = (0, 0);
        for (at, _, _) in self.inputs.iter().filter(|(_, _, input)| *input == Input::Ping) {
            level = burst.min(level + (at - filled_at) * rate);
            filled_at = *at;
            while strikes > 0 && decays_at <= *at {
                (strikes, decays_at) = (strikes - 1, decays_at + 10 * S);
            }
            if level >= S {
                level -= S;
                continue;
            }
            if strikes == 0 {
                decays_at = at + 10 * S;
            }
            strikes += 1;
        }
        if strikes > Ns::from(limits.strikes_max) {
            self.close(self.plain(VerdictKind::TooManyPings, Some(1008), "too many pings"));
        }
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        let (kind, code) = match fault {
            Fault::Malformed if self.malformed_in_a_row() <= usize::from(self.policy.limits.malformed_max) => return,
            Fault::Malformed => (VerdictKind::Malformed, 1007),
            Fault::TooBig => (VerdictKind::TooBig, 1009),
            Fault::Protocol => (VerdictKind::Protocol, 1002),
            Fault::Utf8 => (VerdictKind::Protocol, 1007),
            Fault::Assembly => (VerdictKind::Assembly, 1009),
            Fault::Handler => (VerdictKind::Handler, 1011),
        };
        self.close(self.plain(kind, Some(code), ""));
    }

    /// Messages that were well formed end a row.
    fn malformed_in_a_row(&self) -> usize {
        let well = |i: &Input| matches!(i, Input::Heartbeat(_) | Input::Answer(_) | Input::Data | Input::Ready);
        let row = self.inputs.iter().rev().take_while(|(_, _, i)| !well(i));
        row.filter(|(_, _, i)| *i == Input::Fault(Fault::Malformed)).count()
    }
}
