//! How many connections each address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// There is room for so many when most are gone.
const ADDRESSES_KEPT: usize = 1_024;

/// How many connections each address has at all workers; an IPv6 address counts by its /64, loopback not at all.
#[derive(Debug)]
pub(super) struct PerIp {
    counts: Mutex<HashMap<u64, u32>>,
    max: AtomicU32,
}

impl PerIp {
    pub(super) fn new(max: u32) -> Self {
        PerIp { counts: Mutex::default(), max: AtomicU32::new(max) }
    }

    /// Another limit from now on.
    pub(super) fn set_max(&self, max: u32) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// One more from `ip`. False, and not counted, where it has as many as it may have.
    #[must_use]
    pub(super) fn enter(&self, ip: IpAddr) -> bool {
        let Some(key) = key(ip) else { return true };
        let mut counts = self.counts();
        let count = counts.entry(key).or_default();
        if *count >= self.max.load(Ordering::Relaxed) {
            return false;
        }
        *count += 1;
        true
    }

    pub(super) fn leave(&self, ip: IpAddr) {
        let Some(key) = key(ip) else { return };
        let mut counts = self.counts();
        let Some(count) = counts.get_mut(&key) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }

    /// Gives back what many addresses took.
    pub(super) fn release(&self) {
        self.counts().shrink_to(ADDRESSES_KEPT);
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first 64 bits of an IPv6 address. IPv4 addresses count among those of `::/64`, which nobody has.
fn key(ip: IpAddr) -> Option<u64> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(v4) => Some(v4.to_bits().into()),
        IpAddr::V6(v6) => Some((v6.to_bits() >> 64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_14_addresses_count_apart_and_networks_together() {
        let per_ip = PerIp::new(2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(per_ip.enter(ip("192.0.2.1")) && per_ip.enter(ip("::ffff:192.0.2.1")));
        assert!(!per_ip.enter(ip("192.0.2.1")));
        assert!(per_ip.enter(ip("192.0.2.2")));
        assert!(per_ip.enter(ip("2001:db8::1")) && per_ip.enter(ip("2001:db8::2")));
        assert!(!per_ip.enter(ip("2001:db8::3")));
        assert!(per_ip.enter(ip("2001:db8:0:1::3")));
        per_ip.leave(ip("192.0.2.1"));
        assert!(per_ip.enter(ip("192.0.2.1")));
        for _ in 0..9 {
            assert!(per_ip.enter(ip("127.0.0.1")) && per_ip.enter(ip("::1")));
        }
    }

    #[test]
    fn who_left_takes_no_place() {
        let per_ip = PerIp::new(1);
        for last in 0..=255 {
            let ip = IpAddr::from([192, 0, 2, last]);
            assert!(per_ip.enter(ip));
            per_ip.leave(ip);
        }
        assert!(per_ip.counts().is_empty());
    }

    #[test]
    fn another_limit_holds_from_now_on_and_sends_nobody_away() {
        let (per_ip, ip) = (PerIp::new(1), "192.0.2.1".parse().unwrap());
        assert!(per_ip.enter(ip) && !per_ip.enter(ip));
        per_ip.set_max(2);
        assert!(per_ip.enter(ip) && !per_ip.enter(ip));
        per_ip.set_max(1);
        per_ip.leave(ip);
        assert!(!per_ip.enter(ip));
        per_ip.leave(ip);
        assert!(per_ip.enter(ip));
    }
}
