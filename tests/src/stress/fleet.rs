//! All peers, in one event loop.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::peer::{Flood, Heard, Peer, Role};
use super::process::{Server, Weight};
use super::{LATE, MUTE_MAX, MUTE_MIN, PERIOD, Report, Stress};

/// How many handshakes are under way at once while the fleet gathers: as fast as both sides can, and no faster.
const RAMP_AT_ONCE: usize = 256;
/// How much of what is due is done before the sockets are looked at again: a fleet that is late still answers in time.
const DUE_PER_TURN: usize = 1_024;
/// How many closes that should not have been are told one by one.
const TOLD_MAX: u64 = 20;
const TURN: Duration = Duration::from_millis(10);
/// Leaving and joining comes in waves.
const CHURN_EVERY: Duration = Duration::from_secs(10);
/// How many addresses of loopback they come from: one has 28,000 ports, and ports rest for a minute.
const SOURCES: u64 = 8;
/// How long may pass until the fleet has gathered, and until all have left.
const PATIENCE: Duration = Duration::from_secs(120);

/// What happens at its time.
enum Due {
    Connect(Role),
    /// A late answer.
    Say(usize, u64, Vec<u8>),
    Churn,
    Floods,
    Weigh,
    Stop,
    Continue,
}

struct Fleet<'a> {
    stress: &'a Stress,
    server: Server,
    poll: Poll,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    serial: u64,
    due: BTreeMap<(Instant, u64), Due>,
    orders: u64,
    open: usize,
    /// When the measured time began.
    begun: Option<Instant>,
    /// When the server was stopped, and when it went on.
    stopped: Option<(Instant, Instant)>,
    report: Report,
    space: Vec<u8>,
}

pub(super) fn run(stress: &Stress) -> Result<Report, String> {
    let server = Server::start(stress.connections + stress.floods)?;
    std::thread::sleep(Duration::from_millis(500));
    let report = Report { empty: server.weight()?, ..Report::default() };
    let mut fleet = Fleet {
        stress,
        server,
        poll: Poll::new().map_err(|e| e.to_string())?,
        peers: Vec::new(),
        free: Vec::new(),
        serial: 0,
        due: BTreeMap::new(),
        orders: 0,
        open: 0,
        begun: None,
        stopped: None,
        report,
        space: vec![0; 64 << 10],
    };
    fleet.gather()?;
    fleet.endure()?;
    fleet.leave()
}

impl Fleet<'_> {
    /// Everybody comes.
    fn gather(&mut self) -> Result<(), String> {
        let (mute, late) = (self.stress.mute_percent, self.stress.mute_percent + self.stress.late_percent);
        let (began, mut begun) = (Instant::now(), 0);
        // Those that are mute come and go meanwhile: nearly all is all.
        let most = self.stress.connections - self.stress.connections / 50;
        while begun < self.stress.connections || self.open < most {
            if began.elapsed() > PATIENCE {
                return Err(format!("{} of {} connections in {PATIENCE:?}", self.open, self.stress.connections));
            }
            while begun < self.stress.connections && self.peers.len() - self.free.len() < self.open + RAMP_AT_ONCE {
                // Spread over the fleet, so that each kind comes evenly.
                let role = match begun * 37 % 100 {
                    percent if percent < mute => Role::Mute,
                    percent if percent < late => Role::Late,
                    _ => Role::Honest,
                };
                self.connect(role).map_err(|e| format!("cannot connect: {e}"))?;
                begun += 1;
            }
            self.turn()?;
        }
        Ok(())
    }

    /// The measured time.
    fn endure(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        self.begun = Some(begun);
        self.report.full = self.server.weight()?;
        for n in 0..self.stress.floods {
            self.at(begun, Due::Connect(Role::Flood(Flood::ALL[n % Flood::ALL.len()])));
        }
        for (after, due) in [(CHURN_EVERY, Due::Churn), (Duration::ZERO, Due::Floods), (Duration::ZERO, Due::Weigh)] {
            self.at(begun + after, due);
        }
        if !self.stress.stop.is_zero() {
            self.at(begun + (self.stress.length.saturating_sub(self.stress.stop)) / 2, Due::Stop);
        }
        while begun.elapsed() < self.stress.length {
            self.turn()?;
        }
        Ok(())
    }

    /// Everybody goes, and the server ends.
    fn leave(mut self) -> Result<Report, String> {
        self.report.last = self.server.weight()?;
        self.peers.clear();
        let end = Instant::now() + PATIENCE;
        loop {
            self.report.left = self.server.weight()?;
            if self.report.left.descriptors <= self.report.empty.descriptors || Instant::now() > end {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.report.status = self.server.end()?;
        Ok(self.report)
    }

    fn at(&mut self, at: Instant, due: Due) {
        self.orders += 1;
        self.due.insert((at, self.orders), due);
    }

    fn turn(&mut self) -> Result<(), String> {
        let mut events = Events::with_capacity(4_096);
        let now = Instant::now();
        let next = self.due.keys().next().map_or(TURN, |(at, _)| at.saturating_duration_since(now));
        match self.poll.poll(&mut events, Some(next.min(TURN))) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e.to_string()),
            _ => {}
        }
        for event in &events {
            let index = event.token().0;
            if event.is_writable() {
                if let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) {
                    peer.flush();
                }
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.read(index);
            }
        }
        for _ in 0..DUE_PER_TURN {
            let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= Instant::now()) else { break };
            let (at, due) = (entry.key().0, entry.remove());
            self.report.fleet_late_max = self.report.fleet_late_max.max(at.elapsed());
            self.happen(due)?;
        }
        Ok(())
    }

    fn happen(&mut self, due: Due) -> Result<(), String> {
        let now = Instant::now();
        match due {
            Due::Connect(role) => self.connect(role).map_err(|e| format!("cannot connect: {e}"))?,
            Due::Say(index, serial, answer) => {
                if let Some(peer) = self.peers[index].as_mut().filter(|peer| peer.serial == serial) {
                    peer.say(&answer);
                }
            }
            Due::Churn => {
                self.churn();
                self.at(now + CHURN_EVERY, Due::Churn);
            }
            Due::Floods => {
                self.flood();
                self.at(now + TURN, Due::Floods);
            }
            Due::Weigh => {
                self.weigh()?;
                self.at(now + Duration::from_secs(1), Due::Weigh);
            }
            Due::Stop => {
                self.server.signal("STOP")?;
                self.stopped = Some((now, now + self.stress.stop));
                self.at(now + self.stress.stop, Due::Continue);
            }
            Due::Continue => {
                self.stopped = self.stopped.map(|(from, _)| (from, now));
                self.server.signal("CONT")?;
            }
        }
        Ok(())
    }

    fn connect(&mut self, role: Role) -> io::Result<()> {
        self.serial += 1;
        let source = Ipv4Addr::new(127, 0, 0, 1 + (self.serial % SOURCES) as u8);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        // It is under way: the poll tells how it went.
        let _ = socket.connect(&self.server.address.into());
        let mut stream = TcpStream::from_std(socket.into());
        let index = self.free.pop().unwrap_or(self.peers.len());
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        let mut peer = Peer::new(stream, role, self.serial);
        peer.begin();
        if index == self.peers.len() {
            self.peers.push(None);
        }
        self.peers[index] = Some(peer);
        Ok(())
    }

    fn read(&mut self, index: usize) {
        let mut heard = Vec::new();
        let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) else { return };
        peer.read(&mut self.space, &mut heard);
        for one in heard {
            self.hear(index, one);
        }
    }

    fn hear(&mut self, index: usize, heard: Heard) {
        let now = Instant::now();
        let Some(peer) = self.peers[index].as_mut() else { return };
        let (role, serial) = (peer.role, peer.serial);
        match heard {
            Heard::Opened => {
                peer.opened = Some(now);
                self.open += 1;
                self.report.opened += 1;
            }
            Heard::Ping(answer) => self.answer(index, serial, role, answer),
            Heard::Heartbeat(answer) => {
                let before = peer.beat.replace(now);
                self.answer(index, serial, role, answer);
                self.spaced(before, now);
            }
            Heard::Closed(code) => self.over(index, Some(code), now),
            Heard::Over => self.over(index, None, now),
        }
    }

    fn answer(&mut self, index: usize, serial: u64, role: Role, answer: Vec<u8>) {
        match (role, self.peers[index].as_mut()) {
            (Role::Late, _) => self.at(Instant::now() + LATE, Due::Say(index, serial, answer)),
            (_, Some(peer)) => drop(peer.say(&answer)),
            _ => {}
        }
    }

    /// A heartbeat came a period after the one before, or so much later.
    fn spaced(&mut self, before: Option<Instant>, now: Instant) {
        let Some(before) = before.filter(|_| self.begun.is_some()) else { return };
        let is_stopped = self.stopped.is_some_and(|(from, to)| before < to + PERIOD && now > from);
        if !is_stopped {
            let late = now.duration_since(before).saturating_sub(PERIOD);
            self.report.delay(late.as_millis() as u64);
        }
    }

    /// The server has closed a connection, or it is gone.
    fn over(&mut self, index: usize, code: Option<u16>, now: Instant) {
        let Some(peer) = self.peers[index].take() else { return };
        self.free.push(index);
        self.open -= usize::from(peer.opened.is_some());
        let pause = if peer.role.is_flood() { Duration::from_secs(1) } else { Duration::ZERO };
        self.at(now + pause, Due::Connect(peer.role));
        match (peer.role, peer.opened) {
            _ if peer.leaves => {}
            (role, _) if role.is_flood() && !role.is_healthy() => self.report.flood_close(code.unwrap_or(0)),
            (_, None) => self.report.refused += 1,
            (Role::Mute, Some(opened)) => {
                self.report.mute_closed += 1;
                self.report.mute_miscoded += u64::from(code != Some(4408));
                self.report.mute_early += u64::from(now - opened < MUTE_MIN);
                let late = now.saturating_duration_since(self.mute_deadline(opened));
                self.report.mute_late_max = self.report.mute_late_max.max(late);
            }
            (role, Some(opened)) => {
                self.report.healthy_closed += 1;
                if self.report.healthy_closed <= TOLD_MAX {
                    eprintln!("{role:?} closed with {code:?} after {:?}", now - opened);
                }
            }
        }
    }

    /// The stop gives everybody who was there the time anew (SPEC R5).
    fn mute_deadline(&self, opened: Instant) -> Instant {
        let deadline = opened + MUTE_MAX;
        match self.stopped {
            Some((from, to)) if opened < to && deadline > from => to + MUTE_MAX,
            _ => deadline,
        }
    }

    fn churn(&mut self) {
        let many = self.stress.connections * self.stress.churn_percent / 100;
        let honest = |peer: &&mut Peer| peer.role == Role::Honest && peer.opened.is_some() && !peer.leaves;
        // A wave passes over the fleet, so that the oldest go first.
        let mut chosen: Vec<&mut Peer> = self.peers.iter_mut().flatten().filter(honest).collect();
        chosen.sort_unstable_by_key(|peer| peer.serial);
        chosen.into_iter().take(many).for_each(Peer::leave);
    }

    fn flood(&mut self) {
        let bytes = self.stress.flood_bytes_per_s / 100;
        for index in 0..self.peers.len() {
            let Some(peer) = self.peers[index].as_mut().filter(|peer| peer.role.is_flood()) else { continue };
            if !peer.flood(bytes) {
                self.over(index, None, Instant::now());
            }
        }
    }

    fn weigh(&mut self) -> Result<(), String> {
        let weight: Weight = self.server.weight()?;
        if let Some(begun) = self.begun {
            let part = begun.elapsed().as_secs_f64() / self.stress.length.as_secs_f64();
            self.report.weigh(part, weight);
            if begun.elapsed().as_secs() % 30 == 0 {
                eprintln!("{:>4} s: {} open, {} KiB", begun.elapsed().as_secs(), self.open, weight.resident_kib);
            }
        }
        Ok(())
    }
}
