//! Without descriptors the server waits, does not spin, and goes on when there are some. Alone in its file: the limit is the process's.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::Duration;

use wsbeat_tests::raw::Raw;
use wsbeat_tests::serving::{Serving, config};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

fn limit_descriptors(most: usize) {
    let pid = std::process::id().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={most}:")]).status();
    assert!(status.expect("prlimit is there").success());
}

#[test]
fn threat_15_descriptors_run_out_and_come_back() {
    let serving = Serving::start(config());
    let mut first = Raw::open(serving.address);
    let limit = open_descriptors() + 20;
    limit_descriptors(limit);
    // Client and server share the limit: each connection takes two, and the last clients are left to wait.
    let mut clients = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect(serving.address) {
        clients.push(stream);
    }
    serving.until("accepting fails", |h| h.stats().accept_errors.get() > 0);
    std::thread::sleep(Duration::from_millis(300));
    let errors = serving.handle.stats().accept_errors.get();
    assert!(errors < 20, "{errors} errors in 300 ms: it spins");
    first.text("alive");
    assert_eq!(first.next_text(), "alive");
    limit_descriptors(1_000);
    drop(clients);
    let mut again = Raw::open(serving.address);
    again.text("back");
    assert_eq!(again.next_text(), "back");
}
