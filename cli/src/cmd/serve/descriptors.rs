//! The descriptors of the process: as many as the connections that are promised need.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::ServeConfig;
use crate::json::Object;
use crate::logging::{Level, Logger};

/// What each worker needs besides its listening sockets: up to 256 peers that read why they were refused, and what it watches with.
const OF_WORKER: u64 = 264;
/// What the process needs besides: standard streams, signals, recordings, the supervisor.
const OF_PROCESS: u64 = 64;

/// Raises the soft limit, towards the hard one, to what `config` needs, and warns where the hard one is below.
pub(super) fn make_room(config: &ServeConfig, log: &Logger) {
    let needed = needed(config);
    let limit = getrlimit(Resource::Nofile);
    let Some(wanted) = raised(&limit, needed) else { return };
    let got = if limit.current == Some(wanted) { Ok(()) } else { set(wanted, limit.maximum) };
    let allowed = match got {
        Ok(()) if wanted >= needed => return,
        Ok(()) => wanted,
        Err(_) => limit.current.unwrap_or(wanted),
    };
    let message = format!(
        "max_connections needs {needed} descriptors, with what else is open, and this process may have {allowed}: raise the hard limit \
         (ulimit -Hn, LimitNOFILE) or lower max_connections"
    );
    log.log(Level::Warn, &message, || Object::default().with("event", "descriptors").with("needed", needed).with("allowed", allowed));
}

/// The soft limit that `needed` descriptors want, as far as the hard one allows; `None` where there are enough.
fn raised(limit: &Rlimit, needed: u64) -> Option<u64> {
    let current = limit.current.filter(|current| *current < needed)?;
    Some(limit.maximum.map_or(needed, |most| most.min(needed)).max(current))
}

fn set(current: u64, maximum: Option<u64>) -> Result<(), Errno> {
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum })
}

fn needed(config: &ServeConfig) -> u64 {
    let listeners = config.listeners.iter().map(|listener| {
        let (server, addresses) = (&listener.server, listener.server.listen.len() as u64);
        u64::from(server.limits.connections_max) + u64::from(server.workers) * (OF_WORKER + addresses)
    });
    let admin = config.admin.as_ref().map_or(0, |admin| u64::from(admin.limits.connections_max));
    listeners.sum::<u64>() + admin + OF_PROCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_goes_as_far_as_is_needed_and_allowed() {
        let raised = |current, maximum| raised(&Rlimit { current, maximum }, 10_000);
        assert_eq!(raised(Some(1_024), Some(1 << 20)), Some(10_000));
        assert_eq!(raised(Some(1_024), None), Some(10_000));
        assert_eq!(raised(Some(1_024), Some(4_096)), Some(4_096));
        assert_eq!(raised(Some(1_024), Some(1_024)), Some(1_024));
        assert_eq!(raised(Some(20_000), Some(20_000)), None);
        assert_eq!(raised(None, None), None);
    }
}
