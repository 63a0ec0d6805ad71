//! Heartbeats that a peer negotiates for its connection alone.

use wsbeat_core::dialect::{Negotiated, Role};
use wsbeat_core::event::ConnId;
use wsbeat_core::policy::Policy;

use super::world::World;

impl World {
    /// Puts connection `id` under the policy that its peer has negotiated. What cannot be agreed on leaves it as it is.
    pub(super) fn agree(&mut self, id: ConnId, negotiated: Negotiated) {
        let Some(dialect) = &self.dialect else { return };
        let Ok(policy) = dialect.agreed(Role::Server, &self.agreements.base, negotiated) else { return };
        if policy == self.agreements.base {
            return;
        }
        let known = self.agreements.made.iter().find(|(of, _)| *of == negotiated).map(|(_, policy)| *policy);
        let policy = known.unwrap_or_else(|| {
            let policy = self.hub.register(policy);
            self.agreements.made.push((negotiated, policy));
            policy
        });
        self.end_recording();
        self.hub.assign(self.now, id, policy, &mut self.pending);
    }

    /// Puts every connection under another policy, with what its peer negotiated laid over it.
    pub(super) fn replace_policies(&mut self, base: Policy) {
        self.hub.replace(self.now, self.policy, base.clone(), &mut self.pending);
        for (negotiated, id) in &self.agreements.made {
            let agreed = self.dialect.as_ref().and_then(|d| d.agreed(Role::Server, &base, *negotiated).ok());
            self.hub.replace(self.now, *id, agreed.unwrap_or_else(|| base.clone()), &mut self.pending);
        }
        self.agreements.base = base;
    }
}
