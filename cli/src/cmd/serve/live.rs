//! What the handlers of a listener share with what started them: what they do, which can change, and what they count.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use wsbeat_core::policy::Profile;

use crate::config::{ListenerConfig, OnMessage};

/// The settings of a listener that its handlers look at, written by a reload and read by the drivers, and their count.
#[derive(Debug)]
pub(super) struct Live {
    /// The place in [`OnMessage::ALL`].
    on_message: AtomicU8,
    /// One more than the place in [`Profile::ALL`]; 0 where there is no transport plane.
    profile: AtomicU8,
    /// How long a message may be.
    message_bytes_max: AtomicU32,
    /// How many peers were given up.
    given_up: AtomicU64,
}

impl Live {
    pub(super) fn new(config: &ListenerConfig) -> Self {
        let live = Live {
            on_message: AtomicU8::new(0),
            profile: AtomicU8::new(0),
            message_bytes_max: AtomicU32::new(0),
            given_up: AtomicU64::new(0),
        };
        live.set(config);
        live
    }

    /// Takes what `config` says from now on.
    pub(super) fn set(&self, config: &ListenerConfig) {
        let profile = config.policy.transport.as_ref().map(|transport| transport.profile);
        self.on_message.store(place(&OnMessage::ALL, &config.on_message), Ordering::Relaxed);
        self.message_bytes_max.store(config.server.limits.message_bytes_max, Ordering::Relaxed);
        self.profile.store(profile.map_or(0, |profile| place(&Profile::ALL, &profile) + 1), Ordering::Relaxed);
    }

    /// How long a message may be.
    pub(super) fn message_bytes_max(&self) -> u32 {
        self.message_bytes_max.load(Ordering::Relaxed)
    }

    /// Counts a peer that was given up.
    pub(super) fn give_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }

    /// How many peers were given up.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// What is done with messages.
    pub(super) fn on_message(&self) -> OnMessage {
        OnMessage::ALL.get(usize::from(self.on_message.load(Ordering::Relaxed))).copied().unwrap_or_default()
    }

    /// The profile of the transport plane, where there is one.
    pub(super) fn profile(&self) -> Option<Profile> {
        let place = usize::from(self.profile.load(Ordering::Relaxed)).checked_sub(1)?;
        Profile::ALL.get(place).copied()
    }
}

/// Where `one` is among `all`, which are a handful.
fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::command_line;

    #[test]
    fn what_is_set_is_what_is_read() {
        let listener = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            command_line(Vec::new(), &sets).read().unwrap().only().unwrap()
        };
        let live = Live::new(&listener(&[]));
        assert_eq!((live.on_message(), live.profile()), (OnMessage::Echo, None));
        for profile in Profile::ALL {
            for on_message in OnMessage::ALL {
                let (profile_set, message_set) = (format!("profile={}", profile.name()), format!("on_message={}", on_message.name()));
                live.set(&listener(&[&profile_set, &message_set, "ping_interval=5s"]));
                assert_eq!((live.on_message(), live.profile()), (on_message, Some(profile)));
            }
        }
    }
}
