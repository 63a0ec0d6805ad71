//! Several workers are one server: every connection is served, what goes to all goes to all, and limits hold for them together.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, Counter};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::raw::{Raw, UPGRADE};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tests::trace::differences;
use wsbeat_tokio::server::{BindError, Context, Ending, Handler, Numbering, Refusal, Request, Server, ServerConfig, ServerLimits};

fn of_workers(workers: u32) -> ServerConfig {
    ServerConfig { workers, ..config() }
}

/// Remembers who opened where, and passes words on.
struct Switchboard {
    place: u32,
    opened: Arc<Mutex<Vec<(u32, ConnId)>>>,
}

impl Handler for Switchboard {
    fn open(&mut self, ctx: &mut Context<'_>, _: &Request<'_>) {
        self.opened.lock().unwrap().push((self.place, ctx.id()));
    }

    fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
        let opened = self.opened.lock().unwrap().clone();
        match message {
            Message::Text("to each!") => {
                for (_, id) in opened {
                    ctx.send_to(id, Message::Text("for you")).unwrap();
                }
            }
            Message::Text(text) if text.starts_with("all ") => drop(ctx.broadcast(message)),
            _ => drop(ctx.send(message)),
        }
    }
}

type Opened = Arc<Mutex<Vec<(u32, ConnId)>>>;

/// Runs a server of switchboards beside `test`.
fn with_switchboard(config: ServerConfig, test: impl FnOnce(SocketAddr, &Opened)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened = Opened::default();
    let make = |place| Switchboard { place, opened: Arc::clone(&opened) };
    let server = runtime.block_on(Server::bind_each(config, make)).unwrap();
    let (address, handle) = (server.local_addrs()[0], server.handle());
    let running = std::thread::spawn(move || runtime.block_on(server.run()));
    test(address, &opened);
    handle.shutdown();
    assert_eq!(running.join().unwrap().ending, Ending::Shutdown);
}

#[test]
fn every_connection_is_served_and_its_number_names_its_worker() {
    for workers in [2, 3] {
        let numbering = Numbering { first: 4, step: 4 + workers };
        let config = ServerConfig { numbering: Some(numbering), ..of_workers(workers) };
        with_switchboard(config, |address, opened| {
            let mut all: Vec<Raw> = (0..90).map(|_| Raw::open(address)).collect();
            for (n, raw) in all.iter_mut().enumerate() {
                raw.text(&n.to_string());
                assert_eq!(raw.next_text(), n.to_string());
            }
            let opened = opened.lock().unwrap().clone();
            assert_eq!(opened.len(), 90);
            let places: BTreeSet<u32> = opened.iter().map(|(place, _)| *place).collect();
            assert_eq!(places.len(), workers as usize, "the kernel deals connections out to all");
            let numbers: BTreeSet<u64> = opened.iter().map(|(_, id)| id.number()).collect();
            assert_eq!(numbers.len(), 90, "no number comes twice");
            for (place, id) in opened {
                assert_eq!(id.generation % numbering.step, numbering.first + place);
            }
            all[0].text("to each!");
            for raw in &mut all {
                assert_eq!(raw.next_text(), "for you");
            }
        });
    }
}

#[test]
fn a_broadcast_reaches_all_exactly_once_and_in_the_order_of_its_sender() {
    const SENDERS: usize = 4;
    const EACH: usize = 200;
    for workers in [2, 3] {
        let config = ServerConfig { limits: ServerLimits { write_bytes_max: 4 << 20, ..ServerLimits::default() }, ..of_workers(workers) };
        with_switchboard(config, |address, opened| {
            let mut all: Vec<Raw> = (0..30).map(|_| Raw::open(address)).collect();
            for raw in &mut all {
                raw.text("in");
                assert_eq!(raw.next_text(), "in");
            }
            let places: BTreeSet<u32> = opened.lock().unwrap().iter().map(|(place, _)| *place).collect();
            assert_eq!(places.len(), workers as usize);
            for n in 0..EACH {
                for (sender, raw) in all.iter_mut().enumerate().take(SENDERS) {
                    raw.text(&format!("all {sender} {n}"));
                }
            }
            for raw in &mut all {
                let mut next = [0; SENDERS];
                for _ in 0..SENDERS * EACH {
                    let text = raw.next_text();
                    let numbers: Vec<usize> = text.split(' ').skip(1).map(|n| n.parse().unwrap()).collect();
                    assert_eq!(next[numbers[0]], numbers[1], "{text}");
                    next[numbers[0]] += 1;
                }
                raw.text("and nothing more");
                assert_eq!(raw.next_text(), "and nothing more");
            }
        });
    }
}

#[test]
fn what_a_handle_sends_reaches_the_one_or_all() {
    let serving = Serving::start(of_workers(3));
    let mut all: Vec<Raw> = (0..30).map(|_| Raw::open(serving.address)).collect();
    serving.until("all are open", |h| h.count() == 30);
    for n in 0..50 {
        serving.handle.broadcast(Message::Text(&format!("news {n}"))).unwrap();
    }
    // Numbers are 0 to 29 only where every worker has as many: those who are not there are told of.
    let sent = (0..90).filter(|n| {
        let ids = (0..30).map(|index| ConnId { index, generation: *n });
        ids.filter(|id| serving.handle.send(*id, Message::Text("yours")).is_ok()).count() > 0
    });
    assert_eq!(sent.count(), 30);
    for raw in &mut all {
        for n in 0..50 {
            assert_eq!(raw.next_text(), format!("news {n}"));
        }
        assert_eq!(raw.next_text(), "yours");
    }
}

#[test]
fn a_policy_reaches_the_connections_of_all_and_their_counts_are_added() {
    let serving = Serving::start(of_workers(3));
    let mut all: Vec<Raw> = (0..30).map(|_| Raw::open(serving.address)).collect();
    serving.until("all are open", |h| h.count() == 30);
    let interval = Some(Duration::from_millis(200));
    let policy = PolicyConfig { ping_interval: interval, ping_timeout: Some(Duration::from_secs(20)), ..PolicyConfig::default() };
    serving.handle.set_policy(ServerConfig { policy, ..config() }.check().unwrap()).unwrap();
    for raw in &mut all {
        let ping = raw.next_frame().unwrap();
        assert_eq!(ping.first, 0x89);
        raw.frame(0x8a, &ping.payload);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    serving.until("all pongs are counted", |handle| {
        let stats = runtime.block_on(handle.heartbeat_stats()).unwrap();
        stats.get(Counter::PongsMatched) >= 30
    });
    assert_eq!((serving.handle.stats().opened.get(), serving.handle.stats().accepted.get()), (30, 30));
}

#[test]
fn a_drain_ends_all_and_a_second_one_ends_them_now() {
    for (time, ending) in [(Duration::from_secs(1), Ending::Drained), (Duration::from_secs(600), Ending::Shutdown)] {
        let serving = Serving::start(ServerConfig { drain: time, ..of_workers(3) });
        let all: Vec<Raw> = (0..30).map(|_| Raw::open(serving.address)).collect();
        serving.until("all are open", |h| h.count() == 30);
        let handle = serving.handle.clone();
        handle.drain();
        assert!(handle.is_draining());
        if ending == Ending::Shutdown {
            handle.drain();
        }
        let clients: Vec<_> = all
            .into_iter()
            .map(|mut raw| {
                std::thread::spawn(move || {
                    let code = raw.close_code();
                    raw.close(1001);
                    code
                })
            })
            .collect();
        let codes: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        let summary = serving.wait();
        assert_eq!((summary.ending, summary.opened), (ending, 30));
        if ending == Ending::Drained {
            assert!(codes.iter().all(|code| *code == Some(1001)), "{codes:?}");
        }
        assert!(handle.broadcast(Message::Text("late")).is_err());
    }
}

/// As many as may are let in, whoever of the workers gets them.
fn let_in(address: SocketAddr, wanted: usize) -> (Vec<Raw>, usize) {
    let clients: Vec<_> = (0..wanted)
        .map(|_| {
            std::thread::spawn(move || {
                let mut raw = Raw::connect(address);
                raw.write(UPGRADE.as_bytes());
                let head = raw.head();
                assert!(head.starts_with("HTTP/1.1 101 ") || head.starts_with("HTTP/1.1 503 "), "{head}");
                head.starts_with("HTTP/1.1 101 ").then_some(raw)
            })
        })
        .collect();
    let live: Vec<Raw> = clients.into_iter().filter_map(|client| client.join().unwrap()).collect();
    let refused = wanted - live.len();
    (live, refused)
}

#[test]
fn the_limit_of_connections_is_the_servers_and_exact() {
    let limits = ServerLimits { connections_max: 20, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { limits, ..of_workers(3) });
    let (live, refused) = let_in(serving.address, 60);
    assert_eq!((live.len(), refused, serving.handle.count()), (20, 40, 20));
    assert_eq!(serving.handle.stats().refused(Refusal::Connections), 40);
    drop(live);
    serving.until("all have gone", |h| h.count() == 0);
    assert_eq!(let_in(serving.address, 30).0.len(), 20);
}

/// An address of this machine's that is not loopback, where it has one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: the system only looks up the way.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn threat_14_the_limit_of_an_address_is_the_servers_and_exact() {
    let Some(ip) = own_address() else {
        return eprintln!("no address but loopback, which has no limit: left out");
    };
    let limits = ServerLimits { per_ip_max: 8, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { listen: vec![SocketAddr::new(ip, 0)], limits, ..of_workers(3) });
    let (live, refused) = let_in(serving.address, 40);
    assert_eq!((live.len(), refused), (8, 32));
    assert_eq!(serving.handle.stats().refused(Refusal::PerIp), 32);
    drop(live);
    serving.until("all have gone", |h| h.count() == 0);
    assert_eq!(let_in(serving.address, 20).0.len(), 8);
}

#[test]
fn an_address_that_another_server_of_several_workers_has_is_taken() {
    let serving = Serving::start(of_workers(2));
    for workers in [1, 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = ServerConfig { listen: vec![serving.address], ..of_workers(workers) };
        let error = runtime.block_on(Server::bind_each(config, |place| Switchboard { place, opened: Opened::default() })).err();
        assert!(matches!(error, Some(BindError::Listen { address, .. }) if address == serving.address), "{error:?}");
    }
}

#[test]
fn workers_that_cannot_be_are_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handler = || Switchboard { place: 0, opened: Opened::default() };
    let bound = |config: ServerConfig| runtime.block_on(Server::bind_each(config, |_| handler())).err().map(|e| e.to_string());
    assert_eq!(bound(of_workers(0)).as_deref(), Some("workers = 0: 1 to 256"));
    assert_eq!(bound(of_workers(257)).as_deref(), Some("workers = 257: 1 to 256"));
    let numbering = Some(Numbering { first: 2, step: 3 });
    let error = bound(ServerConfig { numbering, ..of_workers(2) }).unwrap();
    assert!(error.starts_with("numbering.step = 3: "), "{error}");
    let error = runtime.block_on(Server::bind(of_workers(2), handler())).err().unwrap().to_string();
    assert!(error.starts_with("workers = 2: ") && error.contains("bind_each"), "{error}");
}

#[test]
fn each_worker_records_a_trace_that_replays_alone() {
    let traces: Vec<Arc<Mutex<String>>> = (0..2).map(|_| Arc::default()).collect();
    let taps: Vec<_> = traces.iter().map(Arc::clone).collect();
    let policy = PolicyConfig { ping_interval: Some(Duration::from_millis(50)), ..PolicyConfig::default() };
    let serving = Serving::start_as(ServerConfig { policy, ..of_workers(2) }, move |server| {
        server.record_each(taps.into_iter().map(|trace| {
            move |lines: &str| {
                trace.lock().unwrap().push_str(lines);
                ControlFlow::Continue(())
            }
        }))
    });
    let mut all: Vec<Raw> = (0..20).map(|_| Raw::open(serving.address)).collect();
    for raw in &mut all {
        let ping = raw.next_frame().unwrap();
        raw.frame(0x8a, &ping.payload);
        raw.close(1000);
        assert_eq!(raw.close_code(), Some(1000));
    }
    drop(serving);
    let mut opened = 0;
    for trace in traces {
        let trace = trace.lock().unwrap();
        opened += trace.matches("\"in\":\"open\"").count();
        assert!(trace.contains("\"out\":\"ping\""), "{trace}");
        assert_eq!(differences(&trace).unwrap(), "");
    }
    assert_eq!(opened, 20);
}
