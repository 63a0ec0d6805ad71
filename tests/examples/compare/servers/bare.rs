//! The bare loop: one thread, one poll, eight bytes a connection, a queue of one interval for all, frames made once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use tungstenite::handshake::derive_accept_key;

use super::{Job, gzip_heartbeat};
use crate::frames;

const LISTENER: Token = Token(usize::MAX);

struct Client {
    stream: TcpStream,
    open: bool,
    missed: u8,
}

struct Bare {
    job: Job,
    interval: Duration,
    poll: Poll,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    /// Frames of which not all has come: none, in this comparison.
    left: Vec<u8>,
    /// Who is due when, in order.
    due: VecDeque<(Instant, u32)>,
    ping: Vec<u8>,
    space: Vec<u8>,
}

/// Serves until it is killed.
pub(super) fn serve(job: Job, interval: Duration) -> io::Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    println!("listening on ws://{}", listener.local_addr()?);
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut bare = Bare {
        job,
        interval,
        poll,
        listener,
        clients: Vec::new(),
        left: Vec::new(),
        due: VecDeque::new(),
        ping: vec![0x89, 0],
        space: vec![0; 64 << 10],
    };
    let mut events = Events::with_capacity(1_024);
    loop {
        let wait = bare.beat();
        match bare.poll.poll(&mut events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER { bare.accept() } else { bare.read(event.token().0) }
        }
    }
}

impl Bare {
    /// Sends to who is due, and tells how long to wait.
    fn beat(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let mut heartbeat = None;
        while let Some((at, index)) = self.due.front().copied() {
            if at > now {
                return Some(at - now);
            }
            self.due.pop_front();
            let Some(client) = self.clients.get_mut(index as usize).and_then(Option::as_mut) else { continue };
            client.missed += 1;
            let frame = if self.job == Job::Gzip { heartbeat.get_or_insert_with(gzip_frame) } else { &self.ping };
            if client.missed > 2 || client.stream.write(frame).is_err() {
                self.clients[index as usize] = None;
            } else {
                self.due.push_back((at + self.interval, index));
            }
        }
        None
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let index = self.clients.len();
            let registered = self.poll.registry().register(&mut stream, Token(index), Interest::READABLE);
            if stream.set_nodelay(true).is_ok() && registered.is_ok() {
                self.clients.push(Some(Client { stream, open: false, missed: 0 }));
            }
        }
    }

    fn read(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else { return };
        let n = match client.stream.read(&mut self.space) {
            Ok(0) => return self.clients[index] = None,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => return self.clients[index] = None,
        };
        if !client.open {
            client.open = true;
            let answer = upgrade(&self.space[..n]);
            self.due.push_back((Instant::now() + self.interval, index as u32));
            if client.stream.write(answer.as_bytes()).is_err() {
                self.clients[index] = None;
            }
            return;
        }
        let (mut out, mut to_all) = (Vec::new(), false);
        let job = self.job;
        frames::each(&mut self.left, &mut self.space[..n], |first, payload| match first {
            0x8a => client.missed = 0,
            0x81 if payload.starts_with(b"{\"pong\"") => client.missed = 0,
            0x81 | 0x82 => {
                to_all = job == Job::Broadcast;
                frames::write(first, payload, false, &mut out);
            }
            _ => {}
        });
        if to_all {
            self.clients.iter_mut().flatten().for_each(|client| drop(client.stream.write(&out)));
        } else if !out.is_empty() && client.stream.write(&out).is_err() {
            self.clients[index] = None;
        }
    }
}

fn gzip_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frames::write(0x82, &gzip_heartbeat(), false, &mut frame);
    frame
}

fn upgrade(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let accept = derive_accept_key(key.trim().as_bytes());
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
}
