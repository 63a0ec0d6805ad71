//! Writing a trace while it happens.

use alloc::string::String;
use core::fmt::Write as _;

use super::conn_of;
use super::done::{push_base64, push_number, push_text};
use super::header::{Header, push_dialect, push_setting};
use super::line::FAULTS;
use super::voice::Voice;
use super::wall::Wall;
use crate::dialect::Message;
use crate::event::{Action, ConnId, Fault, Input, Payload};
use crate::policy::PolicyConfig;
use crate::time::{Instant, Now, Span};

/// Writes a trace: every input and every action, a line each.
///
/// How to call it, in the order in which the core is called: [`start`](Recorder::start) gives the header;
/// [`accept`](Recorder::accept) with each connection; [`input`](Recorder::input) with every input before the core takes it;
/// [`tick`](Recorder::tick) before every [`Hub::advance`](crate::hub::Hub::advance), or [`idle`](Recorder::idle) where
/// [`Hub::is_due`](crate::hub::Hub::is_due) says that it does nothing; [`reconfigure`](Recorder::reconfigure) before the policy changes; and
/// [`action`](Recorder::action) with every action as the core gives it, before the next input. Give the `now` that the core
/// is given, and leave out what is about a connection that has ended. Lines are appended to `out`; who calls writes them
/// where they belong.
///
/// The words of messages, pings and closes are no inputs of the core: [`message`](Recorder::message) and
/// [`user_ping`](Recorder::user_ping), [`user_close`](Recorder::user_close) say them just before. Who leaves
/// [`message`](Recorder::message) out records what messages meant and not what they said; such a trace replays as well.
///
/// A recorded trace replays exactly where the hub has one policy and this recorder saw it from its beginning.
#[derive(Debug)]
pub struct Recorder {
    voice: Voice,
    config: PolicyConfig,
    at: Instant,
    wall: Wall,
    /// An `accept` that its `open` may follow at once.
    accepted: Option<(ConnId, Now)>,
    /// What the message means that was just written: the core is told so by inputs that are no lines of their own.
    meant: Option<(ConnId, Input)>,
}

impl Recorder {
    /// A recorder, and the header in `out`. The ticks are recorded, whatever `header` says.
    #[must_use]
    pub fn start(header: &Header, out: &mut String) -> Self {
        let header = Header { ticks: super::Ticks::Recorded, ..header.clone() };
        header.write(out);
        let tuned = header.dialect.as_ref().map(|dialect| dialect.tuned(&header.config).unwrap_or_else(|_| dialect.clone()));
        Recorder {
            voice: Voice::new(header.role, tuned),
            config: header.config,
            at: Instant::ZERO,
            wall: Wall::default(),
            accepted: None,
            meant: None,
        }
    }

    /// The hub accepted a connection.
    pub fn accept(&mut self, now: Now, id: ConnId, out: &mut String) {
        self.settle(out);
        self.accepted = Some((id, now));
    }

    /// A message arrived; the inputs that say what it means follow.
    pub fn message(&mut self, now: Now, id: ConnId, message: Message<'_>, out: &mut String) {
        match message {
            Message::Text(text) => {
                self.begin(now, id, "text", out);
                push_text("data", text, out);
            }
            Message::Binary(bytes) => {
                self.begin(now, id, "binary", out);
                push_base64(bytes, out);
            }
        }
        out.push_str("}\n");
        let (input, _) = self.voice.hear(message, now.wall_ms);
        self.meant = Some((id, input));
    }

    /// The payload of the ping of the user's that is asked for next.
    pub fn user_ping(&mut self, payload: &[u8]) {
        self.voice.user_ping.clear();
        self.voice.user_ping.extend_from_slice(payload);
    }

    /// The reason of the close that the user asks for next.
    pub fn user_close(&mut self, reason: &str) {
        self.voice.user_reason.clear();
        self.voice.user_reason.push_str(reason);
    }

    /// Something happened.
    pub fn input(&mut self, now: Now, id: ConnId, input: Input, out: &mut String) {
        if self.is_said(id, input) || matches!(input, Input::Tick | Input::Reconfigured) {
            return;
        }
        if input == Input::Opened && self.accepted.is_some_and(|(accepted, at)| (accepted, at.at) == (id, self.present(now).at)) {
            // Accepted and opened at once is one line.
            self.accepted = None;
        }
        self.begin(now, id, name(input), out);
        self.facts(input, out);
        out.push_str("}\n");
    }

    /// Whether a message said it already.
    fn is_said(&mut self, id: ConnId, input: Input) -> bool {
        let Some((of, meant)) = self.meant else {
            return false;
        };
        if of == id && input == meant {
            self.meant = None;
            return true;
        }
        // What a server negotiates changes the policy, or is malformed, before the message itself counts.
        of == id && meant == Input::Ready && matches!(input, Input::Reconfigured | Input::Fault(Fault::Malformed))
    }

    /// The hub is told that time comes to `now`, and nothing is due: that needs no line of its own.
    pub fn idle(&mut self, now: Now, out: &mut String) {
        self.settle(out);
        self.at = self.present(now).at;
    }

    /// Time comes to `now`: the hub visits at most `budget` connections.
    pub fn tick(&mut self, now: Now, budget: u32, out: &mut String) {
        self.settle(out);
        self.time(now, out);
        out.push_str(",\"in\":\"tick\"");
        if budget != u32::MAX {
            push_number("budget", budget.into(), out);
        }
        out.push_str("}\n");
    }

    /// The policy changes under all connections: the settings, and the dialect where it is another now.
    pub fn reconfigure(&mut self, now: Now, header: &Header, out: &mut String) {
        self.settle(out);
        self.time(now, out);
        out.push_str(",\"in\":\"reconfigure\"");
        match &header.dialect {
            Some(dialect) => push_dialect(Some(dialect), out),
            None => out.push_str(",\"dialect\":\"none\""),
        }
        let (old, new) = (self.config.settings(), header.config.settings());
        for (key, value) in new.iter().filter(|setting| !old.contains(setting)) {
            push_setting(key, Some(value), out);
        }
        for (key, _) in old.iter().filter(|(key, _)| !new.iter().any(|(stays, _)| stays == key)) {
            push_setting(key, None, out);
        }
        out.push_str("}\n");
        self.config.clone_from(&header.config);
        let tuned = header.dialect.as_ref().map(|dialect| dialect.tuned(&header.config).unwrap_or_else(|_| dialect.clone()));
        self.voice.speak(tuned);
    }

    /// The core asked for something.
    pub fn action(&mut self, now: Now, id: ConnId, action: Action, out: &mut String) {
        self.settle(out);
        let at = self.present(now).at;
        self.voice.done(at, conn_of(id), action).write_line(out);
    }

    // Lines.

    /// Begins a line about a connection.
    fn begin(&mut self, now: Now, id: ConnId, name: &str, out: &mut String) {
        self.settle(out);
        self.meant = None;
        self.voice.forget();
        self.time(now, out);
        let _ = write!(out, ",\"conn\":{},\"in\":\"{name}\"", conn_of(id));
    }

    /// Writes the `accept` line that no `open` made needless.
    fn settle(&mut self, out: &mut String) {
        if let Some((id, now)) = self.accepted.take() {
            self.begin(now, id, "accept", out);
            out.push_str("}\n");
        }
    }

    /// Begins a line: its time, and the wall clock where it is not what passed since.
    fn time(&mut self, now: Now, out: &mut String) {
        let now = self.present(now);
        self.at = now.at;
        let _ = write!(out, "{{\"t\":{}", now.at.as_nanos());
        self.wall.line(now.at, None);
        if self.wall.now(now.at).wall_ms != now.wall_ms {
            push_number("wall", now.wall_ms, out);
            self.wall.line(now.at, Some(now.wall_ms));
        }
    }

    /// The present as the hub takes it: never lower than before, and never the end of time.
    fn present(&self, now: Now) -> Now {
        let end = Instant::NEVER.before(Span::from_nanos(1));
        Now { at: now.at.max(self.at).min(end), ..now }
    }

    fn facts(&self, input: Input, out: &mut String) {
        match input {
            Input::Bytes(n) | Input::Wrote(n) => push_number("n", n.into(), out),
            Input::Heartbeat(token) | Input::Answer(token) | Input::HeartbeatFlushed(token) => push_number("token", token.0, out),
            Input::Pong(payload) => push_payload(payload, out),
            Input::PingFlushed(payload) => {
                push_number("token", payload.token().0, out);
                push_payload(payload, out);
            }
            Input::PeerClose(code) if code != 0 => push_number("code", code.into(), out),
            Input::UserPing => push_base64(&self.voice.user_ping, out),
            Input::UserClose(code) => {
                if code != 0 {
                    push_number("code", code.into(), out);
                }
                push_text("reason", &self.voice.user_reason, out);
            }
            Input::Fault(fault) => {
                let name = FAULTS.iter().find(|(f, _)| *f == fault).map_or("", |(_, name)| name);
                push_text("fault", name, out);
            }
            _ => {}
        }
    }
}

/// A payload; one that is none of ours stands for all of them.
fn push_payload(payload: Payload, out: &mut String) {
    match payload {
        Payload::Other => push_base64(&[0], out),
        _ => push_base64(payload.bytes(&mut [0; 8]), out),
    }
}

const fn name(input: Input) -> &'static str {
    match input {
        Input::Opened => "open",
        Input::Tick | Input::Reconfigured => "",
        Input::Bytes(_) => "bytes",
        Input::Ping => "ping",
        Input::Pong(_) => "pong",
        Input::Heartbeat(_) => "heartbeat",
        Input::Answer(_) => "answer",
        Input::Data => "data",
        Input::Ready => "ready",
        Input::Fault(_) => "fault",
        Input::Wrote(_) => "wrote",
        Input::PingFlushed(_) | Input::HeartbeatFlushed(_) => "flushed",
        Input::Sent => "sent",
        Input::PeerClose(_) => "close",
        Input::Unread => "unread",
        Input::Lost => "lost",
        Input::UserPing => "user-ping",
        Input::UserClose(_) => "user-close",
        Input::Drain => "drain",
    }
}
