//! What each flood does to a bystander: `cargo run --release -p wsbeat-tests --example floods -- [SECONDS=3] [ATTACKERS=4]`.
//!
//! It starts `wsbeat serve` (of the same build, or what `WSBEAT_COMMAND` names) for each flood, lets the attackers loose, and
//! times the echoes of one peer beside them. The first row is without a flood; what a row has above it, the flood caused
//! (the attackers' own share of the machine included). Resident memory is the server's, before and the most during the flood.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wsbeat_tests::raw::{Raw, UPGRADE, masked};
use wsbeat_tests::stress::Server;

/// How much an attacker offers between two breaths.
const PORTION_BYTES: usize = 64 << 10;
/// How often the bystander asks.
const EVERY: Duration = Duration::from_millis(2);

/// What attackers do, again and again.
#[derive(Clone)]
enum Attack {
    Nothing,
    /// Upgrade, and send this over and over; `Reads` says whether what comes back is read.
    Frames {
        first: Vec<u8>,
        frame: Vec<u8>,
        reads: bool,
    },
    /// Connect and go.
    Connects,
    /// Half a request, many at once.
    HalfRequests,
}

fn attacks() -> Vec<(&'static str, Attack)> {
    let frames = |frame: Vec<u8>, reads| Attack::Frames { first: Vec::new(), frame, reads };
    vec![
        ("no flood", Attack::Nothing),
        ("pings", frames(masked(0x89, b"flood"), true)),
        ("pings, nothing read", frames(masked(0x89, &[7; 125]), false)),
        ("pongs that nobody asked for", frames(masked(0x8a, b"forged"), true)),
        ("tiny messages, echoed", frames(masked(0x82, b"x"), true)),
        ("tiny messages, no echo read", frames(masked(0x82, b"x"), false)),
        ("messages of 60 kB, no echo read", frames(masked(0x82, &[0; 60_000]), false)),
        ("messages of 1 MiB, echoed", frames(masked(0x82, &vec![0; 1 << 20]), true)),
        ("empty continuations", Attack::Frames { first: masked(0x01, b""), frame: masked(0x00, b""), reads: true }),
        ("frames that are none", frames(masked(0x83, b"x"), true)),
        ("connect and go", Attack::Connects),
        ("half requests", Attack::HalfRequests),
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let length = Duration::from_secs(args.next().map_or(Ok(3), |text| text.parse())?);
    let attackers: usize = args.next().map_or(Ok(4), |text| text.parse())?;
    if std::env::var_os("WSBEAT_COMMAND").is_none() {
        eprintln!("building wsbeat first (cargo build): minutes where nothing is built yet");
    }
    println!("| flood | echoes | median ms | p99 ms | most ms | resident KiB before, most |");
    println!("|---|---|---|---|---|---|");
    for (name, attack) in attacks() {
        println!("| {name} | {} |", row(&attack, length, attackers)?);
    }
    Ok(())
}

fn row(attack: &Attack, length: Duration, attackers: usize) -> Result<String, String> {
    let server = Server::start(2_000)?;
    let mut bystander = Raw::open(server.address);
    let before = server.weight()?.resident_kib;
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..attackers)
        .map(|_| {
            let (attack, stop, address) = (attack.clone(), Arc::clone(&stop), server.address);
            std::thread::spawn(move || while !stop.load(Ordering::Relaxed) && attack.once(address, &stop) {})
        })
        .collect();
    let (mut waits, mut most, began) = (Vec::new(), before, Instant::now());
    while began.elapsed() < length {
        let asked = Instant::now();
        bystander.text("x");
        // Heartbeats come between the echoes.
        while bystander.next_frame().ok_or("the bystander was closed")?.payload != b"x" {}
        waits.push(asked.elapsed());
        most = most.max(server.weight()?.resident_kib);
        std::thread::sleep(EVERY);
    }
    stop.store(true, Ordering::Relaxed);
    drop(server);
    threads.into_iter().for_each(|thread| drop(thread.join()));
    waits.sort_unstable();
    let ms = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    Ok(format!("{} | {:.2} | {:.2} | {:.2} | {before}, {most}", waits.len(), ms(0.5), ms(0.99), ms(1.0)))
}

impl Attack {
    /// Attacks until the server closes. False where there is nothing to do.
    fn once(&self, address: SocketAddr, stop: &AtomicBool) -> bool {
        match self {
            Attack::Nothing => return false,
            Attack::Frames { first, frame, reads } => send(address, stop, first, frame, *reads),
            Attack::Connects => drop(std::net::TcpStream::connect(address)),
            Attack::HalfRequests => {
                let half = |_| {
                    std::net::TcpStream::connect(address)
                        .ok()
                        .and_then(|mut tcp| tcp.write_all(&UPGRADE.as_bytes()[..40]).ok().map(|()| tcp))
                };
                let crowd: Vec<_> = (0..200).filter_map(half).collect();
                std::thread::sleep(Duration::from_millis(100));
                drop(crowd);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
        true
    }
}

fn send(address: SocketAddr, stop: &AtomicBool, first: &[u8], frame: &[u8], reads: bool) {
    let Ok(mut tcp) = std::net::TcpStream::connect(address) else { return };
    let _ = tcp.set_write_timeout(Some(Duration::from_millis(100)));
    let begun = tcp.write_all(UPGRADE.as_bytes()).and_then(|()| tcp.read(&mut [0; 1_024]));
    if begun.is_err() || tcp.write_all(first).is_err() {
        return;
    }
    if reads {
        if let Ok(mut reader) = tcp.try_clone() {
            std::thread::spawn(move || while reader.read(&mut [0; 64 << 10]).is_ok_and(|n| n > 0) {});
        }
    }
    let portion = frame.repeat((PORTION_BYTES / frame.len()).max(1));
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        match tcp.write(&portion[sent..]) {
            Ok(n) => sent = (sent + n) % portion.len(),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        std::thread::yield_now();
    }
    let _ = tcp.shutdown(std::net::Shutdown::Both);
}
