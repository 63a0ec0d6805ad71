//! The article's way on our server: a handler that answers an empty pong with a ping of its own, a 13-byte timestamp.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wsbeat_core::policy::{PolicyConfig, Profile};
use wsbeat_tests::peers::{Generation, Log, Peer, Program, Stage, at_once};
use wsbeat_tokio::server::{Context, Handle, Handler, PingPayload, Server, ServerConfig};

const PERIOD: Duration = Duration::from_millis(400);
const CLIENTS: [Program; 4] =
    [Program::ArticleClient(Generation::First), Program::ArticleClient(Generation::Second), Program::WebsocketsClient, Program::WsClient];

/// The article's `on_pong`.
struct TimestampPings;

impl Handler for TimestampPings {
    fn pong(&mut self, ctx: &mut Context<'_>, payload: &[u8]) {
        if !payload.is_empty() {
            return;
        }
        let mut timestamp = [0; 13];
        timestamp[5..].copy_from_slice(&wall_ms().to_be_bytes());
        ctx.ping(&PingPayload::new(&timestamp).expect("thirteen bytes")).expect("an open connection");
    }
}

#[test]
fn an_empty_pong_is_answered_with_a_timestamp_ping_and_nobody_is_dropped() {
    at_once([(Profile::Tornado64, 2 * PERIOD), (Profile::Tornado65, PERIOD)], |(profile, timeout)| {
        let Some(stage) = Stage::open("timestamp pings", &CLIENTS) else { return };
        let began_ms = wall_ms();
        let policy =
            PolicyConfig { profile: Some(profile), ping_interval: Some(PERIOD), ping_timeout: Some(timeout), ..PolicyConfig::default() };
        let serving = Serving::start(policy);
        let clients: Vec<_> = CLIENTS.iter().map(|client| stage.client(*client, &serving.url, &[])).collect();
        clients.iter().for_each(|client| client.wait_for("answer", 8));
        let logs: Vec<_> = clients.into_iter().map(Peer::stop).collect();
        let ended_ms = wall_ms();

        let tolerance = stage.tolerance(&logs.iter().collect::<Vec<_>>());
        for log in &logs {
            log.assert_alive();
            let log = log.until("answer", 8);
            log.assert_order(&["open"].into_iter().chain(["ping", "answer"].into_iter().cycle().take(16)).collect::<Vec<_>>());
            let empty: Vec<_> = log.all("ping").into_iter().step_by(2).collect();
            assert!(empty.iter().all(|ping| ping.text("data").is_empty()), "every other ping is ours and empty\n{log}");
            tolerance.assert_chained(&empty, log.opening(), PERIOD.as_secs_f64());
            for timestamp_ms in timestamps(&log) {
                assert!((began_ms..=ended_ms).contains(&timestamp_ms), "a time of this run, not {timestamp_ms}, in\n{log}");
            }
        }
    });
}

/// The times in the payloads of every other ping, which are thirteen bytes long.
fn timestamps(log: &Log) -> Vec<u64> {
    let payloads = log.all("ping").into_iter().skip(1).step_by(2).map(|ping| ping.text("data"));
    payloads
        .inspect(|hex| assert_eq!(hex.len(), 2 * 13, "in\n{log}"))
        .map(|hex| u64::from_str_radix(hex, 16).expect("a time in hex"))
        .collect()
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_millis()).expect("milliseconds in 64 bits")
}

/// The server in a thread of its own; ended with the test.
struct Serving {
    url: String,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    fn start(policy: PolicyConfig) -> Self {
        let config = ServerConfig { listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], policy, ..ServerConfig::default() };
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let server = Server::bind(config, TimestampPings).await.expect("binds");
                ready.send((server.local_addrs()[0], server.handle())).expect("the test waits");
                server.run().await;
            });
        });
        let (address, handle) = is_ready.recv().expect("the server starts");
        Self { url: format!("ws://{address}/"), handle, thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            // What a panicked server leaves undone, the clients have shown already.
            let _ = thread.join();
        }
    }
}
