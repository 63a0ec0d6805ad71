//! How our client takes a fast feed: gzip'd messages at a fixed rate, heartbeats between them, over a real socket.
//!
//! ```console
//! $ cargo run --release -p wsbeat-tests --example feed -- --rate 100000 --secs 10
//! ```
//!
//! The feed is a thread of its own that writes frames made beforehand, so that what is measured is the client: how many
//! messages it delivered inflated, and how long each heartbeat waited for its answer, counted from the moment its frame
//! was to be written (a feed that the client holds up does not hide the delay).

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use wsbeat_core::dialect::Dialect;
use wsbeat_core::event::VerdictKind;
use wsbeat_tokio::client::Client;
use wsbeat_tokio::heartbeat::{DialectChoice, Event};

/// How often the feed writes.
const TICK: Duration = Duration::from_millis(1);

#[derive(Clone, Copy)]
struct Plan {
    rate: u64,
    secs: u64,
    heartbeat: Duration,
}

fn plan() -> Result<Plan, String> {
    let mut plan = Plan { rate: 100_000, secs: 10, heartbeat: Duration::from_millis(50) };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().and_then(|v| v.parse::<u64>().ok()).filter(|v| *v > 0);
        match (word.as_str(), value) {
            ("--rate", Some(n)) => plan.rate = n,
            ("--secs", Some(n)) => plan.secs = n,
            ("--heartbeat-ms", Some(n)) => plan.heartbeat = Duration::from_millis(n),
            _ => return Err(format!("{word}: --rate MESSAGES_PER_SECOND, --secs N, --heartbeat-ms N")),
        }
    }
    Ok(plan)
}

fn frame(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(text.as_bytes()).expect("a vector takes all");
    let packed = gzip.finish().expect("a vector takes all");
    let mut frame = vec![0x82];
    match packed.len() {
        n @ 0..126 => frame.push(n as u8),
        n => {
            frame.push(126);
            frame.extend((n as u16).to_be_bytes());
        }
    }
    frame.extend(packed);
    frame
}

/// A trade as HTX sends it.
fn trade(n: u64) -> String {
    let (id, ts) = (150_000_000_000_u64 + n * 7, 1_489_474_082_831 + n);
    format!(
        r#"{{"ch":"market.btcusdt.trade.detail","ts":{ts},"tick":{{"id":{id},"ts":{ts},"data":[{{"amount":0.00{n:04},"ts":{ts},"id":{id}1,"tradeId":10{n},"price":6{n:04}.75,"direction":"buy"}}]}}}}"#
    )
}

/// What the feed saw.
struct Served {
    sent: u64,
    behind: Duration,
    delays: Vec<Duration>,
    unanswered: usize,
}

/// Writes the feed, and takes the answers on a second thread.
fn serve(listener: &TcpListener, plan: Plan, over: Arc<AtomicBool>) -> Served {
    let (tcp, _) = listener.accept().expect("the client connects");
    tcp.set_nodelay(true).expect("nodelay");
    let socket = tungstenite::accept(tcp.try_clone().expect("a clone")).expect("an upgrade");
    drop(socket);
    let begun = Instant::now();
    let answers = {
        let tcp = tcp.try_clone().expect("a clone");
        thread::spawn(move || answers(tcp, begun))
    };
    let trades: Vec<Vec<u8>> = (0..512).map(|n| frame(&trade(n))).collect();
    let (mut sent, mut heartbeats, mut behind) = (0_u64, 0_u32, Duration::ZERO);
    let mut out = Vec::new();
    let mut writer = &tcp;
    loop {
        let now = begun.elapsed();
        if now >= Duration::from_secs(plan.secs) {
            break;
        }
        out.clear();
        while plan.heartbeat * heartbeats <= now {
            // The token is when it was due, in µs.
            let due_us = (plan.heartbeat * heartbeats).as_micros() + 1;
            out.extend(frame(&format!(r#"{{"ping":{due_us}}}"#)));
            heartbeats += 1;
        }
        let due = (now.as_secs_f64() * plan.rate as f64) as u64;
        for n in sent..due {
            out.extend(&trades[n as usize % trades.len()]);
        }
        sent = sent.max(due);
        if writer.write_all(&out).is_err() {
            break;
        }
        behind = behind.max(begun.elapsed().saturating_sub(now));
        thread::sleep(TICK);
    }
    // What is on its way is answered.
    thread::sleep(Duration::from_millis(500));
    over.store(true, Ordering::Relaxed);
    let _ = tcp.shutdown(std::net::Shutdown::Both);
    let delays = answers.join().unwrap_or_default();
    Served { sent, behind, unanswered: (heartbeats as usize).saturating_sub(delays.len()), delays }
}

/// How late each answer came after its heartbeat was due.
fn answers(mut tcp: TcpStream, begun: Instant) -> Vec<Duration> {
    let mut delays = vec![];
    let mut head = [0; 6];
    while tcp.read_exact(&mut head).is_ok() {
        let mut payload = vec![0; usize::from(head[1] & 0x7F)];
        if tcp.read_exact(&mut payload).is_err() {
            break;
        }
        let now = begun.elapsed();
        for (byte, mask) in payload.iter_mut().zip(head[2..].iter().cycle()) {
            *byte ^= mask;
        }
        let digits: String = String::from_utf8_lossy(&payload).chars().filter(char::is_ascii_digit).collect();
        if let Ok(due_us) = digits.parse::<u64>() {
            delays.push(now.saturating_sub(Duration::from_micros(due_us)));
        }
    }
    delays
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = plan()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}", listener.local_addr()?);
    let over = Arc::new(AtomicBool::new(false));
    let serving = {
        let over = over.clone();
        thread::spawn(move || serve(&listener, plan, over))
    };
    let delivered = AtomicU64::new(0);
    let bytes = AtomicU64::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu = runtime.block_on(async {
        let dialect = Dialect::preset("htx-spot-v1").ok_or("no preset")?.clone();
        let mut connection = Client::new(url).dialect(DialectChoice::Named(dialect)).connect().await?;
        let before = cpu_seconds();
        while let Some(event) = connection.next_event().await {
            match event {
                Event::Message(message) => {
                    delivered.fetch_add(1, Ordering::Relaxed);
                    bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
                }
                Event::Verdict(verdict) if verdict.kind != VerdictKind::PeerClosed && !over.load(Ordering::Relaxed) => {
                    println!("verdict: {verdict}");
                }
                _ => {}
            }
        }
        Ok::<_, Box<dyn std::error::Error>>(cpu_seconds() - before)
    })?;
    let Served { sent, behind, mut delays, unanswered } = serving.join().map_err(|_| "the feed failed")?;
    delays.sort_unstable();
    let (n, bytes) = (delivered.into_inner(), bytes.into_inner());
    let at =
        |share: f64| delays.get(((delays.len() as f64 * share) as usize).min(delays.len().saturating_sub(1))).copied().unwrap_or_default();
    println!(
        "messages sent {sent}, delivered {n}, {:.0} a second, {:.1} MB/s inflated",
        n as f64 / plan.secs as f64,
        bytes as f64 / 1e6 / plan.secs as f64
    );
    println!("client CPU {:.2} µs a message, {:.0} % of a core", cpu / n.max(1) as f64 * 1e6, cpu / plan.secs as f64 * 100.0);
    println!("heartbeats answered {}, unanswered {unanswered}, feed behind by at most {:.1} ms", delays.len(), behind.as_secs_f64() * 1e3);
    println!("answer delay p50 {:?}, p99 {:?}, max {:?}", at(0.5), at(0.99), delays.last().copied().unwrap_or_default());
    if n != sent || unanswered > 0 {
        return Err("something was lost".into());
    }
    Ok(())
}
