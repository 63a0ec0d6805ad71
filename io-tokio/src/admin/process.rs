//! What the system says of this process.

/// The process, as of now; the names are those of the Prometheus client libraries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) cpu_seconds: f64,
    pub(super) open_fds: u64,
    /// `None`: no limit.
    pub(super) max_fds: Option<u64>,
    pub(super) threads: u64,
    pub(super) start_time_seconds: f64,
}

/// Reads it; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn read() -> Option<Reading> {
    use procfs::process::{LimitValue, Process};
    use std::sync::OnceLock;

    /// Constant, and dear to read where there are many cores.
    static BOOTED: OnceLock<Option<u64>> = OnceLock::new();

    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    let booted = (*BOOTED.get_or_init(|| procfs::boot_time_secs().ok()))?;
    let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(most) => Some(most),
        LimitValue::Unlimited => None,
    };
    Some(Reading {
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        open_fds: process.fd_count().ok()? as u64,
        max_fds,
        threads: u64::try_from(stat.num_threads).unwrap_or(0),
        start_time_seconds: booted as f64 + stat.starttime as f64 / ticks,
    })
}

/// Reads it; `None` where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn read() -> Option<Reading> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_has_descriptors() {
        let before = read().unwrap();
        let files: Vec<_> = (0..10).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let after = read().unwrap();
        assert!(after.open_fds >= before.open_fds + 5, "{before:?} {after:?}");
        assert!(after.resident_bytes > 100_000 && after.threads > 0 && after.start_time_seconds > 1e9, "{after:?}");
        drop(files);
    }
}
