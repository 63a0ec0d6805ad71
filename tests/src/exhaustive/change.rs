//! Another policy in the middle (rule R9).

use wsbeat_core::connection::Phase;
use wsbeat_core::event::Input;
use wsbeat_core::policy::Policy;

use super::event::{Event, Mutation};
use super::terms::Terms;
use super::world::{Law, World, law};

impl World {
    /// The place of the policy that was promised to a connection.
    fn promised(&self, c: usize) -> usize {
        if self.under[c] == 0 { self.first.into() } else { self.under[c].into() }
    }

    pub(super) fn terms(&self, c: usize) -> Terms {
        self.shared.policies[self.promised(c)].terms
    }

    /// The place of the policy that it runs under.
    pub(super) fn real(&self, c: usize) -> usize {
        if self.mutation() == Mutation::ChangeForgotten { 0 } else { self.promised(c) }
    }

    pub(super) fn policy(&self, c: usize) -> &Policy {
        &self.shared.policies[self.real(c)].policy
    }

    pub(super) fn may_change(&self, events: &mut Vec<Event>) {
        if self.changes >= self.shared.domain.changes_max {
            return;
        }
        let all = 0..u8::try_from(self.shared.policies.len()).expect("few");
        events.extend(all.clone().filter(|by| *by != self.first).map(Event::IsReplaced));
        for (c, _) in (0..).zip(&self.judges).filter(|(_, judge)| judge.closed.is_none() && !judge.ended) {
            let other = |to: &u8| *to != self.under[usize::from(c)];
            events.extend(all.clone().filter(other).map(|to| Event::IsAssigned(c, to)));
        }
    }

    /// One connection is put under another policy.
    pub(super) fn assign(&mut self, c: usize, to: u8) -> Law {
        self.changes += 1;
        let before = self.terms(c);
        let (now, id, policy) = (self.present(), self.shared.ids[c], self.shared.policies[usize::from(to)].id);
        self.under[c] = to;
        let (mut done, terms) = (vec![], self.terms(c));
        self.judges[c].changed(&before, &terms, self.now);
        if self.mutation() == Mutation::ChangeForgotten {
            return Ok(());
        }
        self.hub.assign(now, id, policy, &mut |id, action| done.push((id, action)));
        if self.mutation() == Mutation::ChangeForBoth {
            self.hub.assign(now, self.shared.ids[1 - c], policy, &mut |id, action| done.push((id, action)));
        }
        self.step_alone(c, Input::Reconfigured, &done, self.phase(c))
    }

    /// The first policy becomes another one, under both connections unless they have left it.
    pub(super) fn replace(&mut self, by: u8) -> Law {
        self.changes += 1;
        let before = [0, 1].map(|c| self.terms(c));
        self.first = by;
        let under: Vec<usize> = (0..2).filter(|c| self.under[*c] == 0).collect();
        for c in under.iter().copied() {
            let terms = self.terms(c);
            self.judges[c].changed(&before[c], &terms, self.now);
        }
        if self.mutation() == Mutation::ChangeForgotten {
            return Ok(());
        }
        let (now, id, policy) = (self.present(), self.shared.policies[0].id, self.shared.policies[usize::from(by)].policy.clone());
        let mut done = vec![];
        self.hub.replace(now, id, policy, &mut |id, action| done.push((id, action)));
        for c in under {
            let of_this: Vec<_> = done.iter().filter(|(of, _)| *of == self.shared.ids[c]).copied().collect();
            self.step_alone(c, Input::Reconfigured, &of_this, self.phase(c))?;
            done.retain(|(of, _)| *of != self.shared.ids[c]);
        }
        law(done.is_empty(), || format!("rule R9: another policy's connection did {done:?}"))
    }

    fn phase(&self, c: usize) -> Phase {
        self.hub.connection(self.shared.ids[c]).map_or(Phase::Ended, |connection| connection.phase())
    }
}
