//! What looking costs: the CPU time of a scrape and of a page of the API, and how long the driver is held up.
//!
//! ```text
//! cargo run --release -p wsbeat-tests --example admin_cost -- 18000
//! ```
//! Opens that many connections (from a process of its own, with heartbeats and pings on) and prints a table. CPU time is that
//! of the thread as the scheduler counted it (`/proc/self/task/*/schedstat`, so Linux only), with the cost of serving the
//! connections themselves subtracted, which is measured first. Each process needs that many descriptors.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::http::{Administered, get};
use wsbeat_tests::raw::UPGRADE;
use wsbeat_tests::serving::{Serving, config_in};
use wsbeat_tokio::server::{Looks, ServerConfig, ServerLimits};

/// How often each request is made.
const TIMES: u32 = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--hold", address, count] => hold(address.parse().expect("an address"), count.parse().expect("a number")),
        [] => measure(18_000),
        [count] => measure(count.parse().expect("how many connections")),
        _ => panic!("admin_cost [CONNECTIONS]"),
    }
}

/// Opens connections and holds them, saying nothing.
fn hold(address: SocketAddr, count: usize) {
    let held: Vec<TcpStream> = (0..count).map(|_| open(address)).collect();
    println!("open");
    std::io::stdin().lines().for_each(drop);
    drop(held);
}

/// An upgraded connection, from an address of loopback whose ports nobody else uses.
fn open(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 9, 1], 0)).into()).expect("binds");
    socket.connect(&address.into()).expect("connects");
    let mut stream = TcpStream::from(socket);
    stream.write_all(UPGRADE.as_bytes()).expect("asks");
    let mut head = [0; 512];
    assert!(stream.read(&mut head).expect("an answer") > 0 && head.starts_with(b"HTTP/1.1 101 "));
    stream
}

struct Holder(Child);

impl Holder {
    fn start(address: SocketAddr, count: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args(["--hold", &address.to_string(), &count.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        assert_eq!(line, "open\n");
        Holder(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The CPU time of the threads of this name.
fn cpu(name: &str) -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux").flatten().map(|entry| entry.path());
    let ours = threads.filter(|path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim().starts_with(name)));
    let nanos = ours.filter_map(|path| fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok());
    Duration::from_nanos(nanos.sum())
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

fn measure(count: usize) {
    let (seconds, long) = (Duration::from_secs, Some(Duration::from_secs(3_600)));
    let policy = PolicyConfig {
        interval: Some(seconds(20)),
        misses: Some(255),
        ping_interval: Some(seconds(20)),
        ping_timeout: long,
        ..PolicyConfig::default()
    };
    let limits = ServerLimits { connections_max: count as u32 + 10, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { policy, limits, ..config_in("htx-spot-v1") });
    let admin = Administered::start(|config| config, &[("main", serving.handle.clone())]);
    let _holder = Holder::start(serving.address, count);
    assert_eq!(serving.handle.count(), count);
    // Until every plane has asked once.
    std::thread::sleep(seconds(21));

    let (driver_began, began) = (cpu("wsbeat"), Instant::now());
    std::thread::sleep(seconds(5));
    let idle = (cpu("wsbeat") - driver_began).as_secs_f64() / began.elapsed().as_secs_f64();
    println!("{count} connections; the driver alone takes {:.2} % of a core", idle * 100.0);
    println!("\n{:52} {:>12} {:>12} {:>12}", "request", "admin µs", "driver µs", "bytes");
    let fresh = Duration::from_millis(1_010);
    for (what, target, pause) in [
        ("a scrape", "/metrics", Duration::ZERO),
        ("a summary", "/api/summary", Duration::ZERO),
        ("a page", "/api/connections", Duration::ZERO),
        ("a page by rtt", "/api/connections?sort=rtt&order=desc", Duration::ZERO),
        ("a page by peer", "/api/connections?sort=peer", Duration::ZERO),
        ("a page of a search", "/api/connections?q=127.0.0.1:40", Duration::ZERO),
        ("a page of 1,000", "/api/connections?limit=1000", Duration::ZERO),
        ("one connection", "/api/connections/17", Duration::ZERO),
        ("a page that looks at the driver", "/api/connections", fresh),
    ] {
        let times = if pause.is_zero() { TIMES } else { TIMES / 4 };
        let (mut bytes, mut admin_cpu, mut driver_cpu) = (0, Duration::ZERO, 0.0);
        for _ in 0..times {
            std::thread::sleep(pause);
            let (before, began) = ((cpu("admin"), cpu("wsbeat")), Instant::now());
            let answer = get(admin.address, target);
            assert_eq!(answer.status, 200, "{answer:?}");
            bytes = answer.body.len();
            admin_cpu += cpu("admin") - before.0;
            driver_cpu += (cpu("wsbeat") - before.1).as_secs_f64() - idle * began.elapsed().as_secs_f64();
        }
        let each = f64::from(times);
        println!(
            "{:52} {:>12.0} {:>12.0} {bytes:>12}",
            format!("{what}: {target}"),
            admin_cpu.as_secs_f64() * 1e6 / each,
            driver_cpu.max(0.0) * 1e6 / each
        );
    }
    look(&serving, count);
}

/// The list itself: how long each slice holds the driver up.
fn look(serving: &Serving, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let before_kib = resident_kib();
    let (mut slices_us, mut wall): (Vec<u64>, Vec<Duration>) = (Vec::new(), Vec::new());
    let mut kept: Option<Looks> = None;
    for _ in 0..TIMES {
        drop(kept.take());
        let began = Instant::now();
        let looks = runtime.block_on(serving.handle.connections()).expect("serves");
        wall.push(began.elapsed());
        assert_eq!(looks.connections.len(), count);
        slices_us.push(looks.slice_max.as_nanos() / 1_000);
        kept = Some(looks);
    }
    let bytes = resident_kib().saturating_sub(before_kib) * 1_024 / count as u64;
    slices_us.sort_unstable();
    wall.sort_unstable();
    let middle = slices_us.len() / 2;
    println!("\nlooking at all connections, {TIMES} times; the longest slice of each time held the driver up for");
    let [least, median, most] = [slices_us[0], slices_us[middle], slices_us[slices_us.len() - 1]];
    println!("{least} µs (least disturbed time), {median} µs (median), {most} µs (most): by the clock, so other work counts in;");
    println!("complete after {:.1} ms (median), {bytes} bytes a connection while the list is kept", wall[middle].as_secs_f64() * 1e3);
    drop(kept);
}
