//! One connection that listens.

use std::io::ErrorKind;

use tungstenite::Error;
use tungstenite::Message as Frame;
use tungstenite::protocol::WebSocketContext;
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Role};
use wsbeat_core::event::{Action, Fault, Input, Payload};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};

use super::inbound::{self, View, Walk};
use super::lone::{self, Lone};
use super::{MESSAGE_BYTES_MAX, context, side};
use crate::counting::count;
use crate::fuzz::ends::Ends;

/// What came of a stream.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    frames: Vec<Frame>,
    fault: Option<Fault>,
}

pub(super) struct Listener<'d> {
    context: Box<WebSocketContext>,
    walk: Walk,
    /// The context has read nothing yet.
    is_fresh: bool,
    dialect: Option<&'d Dialect>,
    role: Role,
    policy: Policy,
    connection: Connection,
    decoder: Decoder,
    ends: Ends,
    now: Instant,
    deadline: Instant,
    /// The time that each piece takes.
    pace: Span,
    replies: Vec<u8>,
    frames: Vec<Frame>,
    fault: Option<Fault>,
    /// What the last step handed out.
    actions: Vec<Action>,
}

impl<'d> Listener<'d> {
    pub(super) fn new(dialect: Option<&'d Dialect>, role: Role, speed: u8) -> Self {
        let config = PolicyConfig::default();
        let plan = dialect.map_or(Plan::default(), |d| d.plan(role, &config).expect("a preset has a plan"));
        let policy = config.check(plan).expect("a plan is in its limits");
        let connection = Connection::accepted(&policy, Now::default(), Chance::new(1, 1));
        let mut listener = Listener {
            context: context(role),
            walk: Walk::default(),
            is_fresh: true,
            dialect,
            role,
            connection,
            policy,
            decoder: Decoder::default(),
            ends: Ends::default(),
            now: Instant::ZERO,
            deadline: Instant::NEVER,
            pace: Span::from_millis(20 * u64::from(speed)),
            replies: vec![],
            frames: vec![],
            fault: None,
            actions: vec![],
        };
        listener.step(Input::Opened);
        listener
    }

    fn step(&mut self, input: Input) {
        let now = Now::new(self.now, self.now.as_nanos() / 1_000_000);
        let (ends, actions) = (&mut self.ends, &mut self.actions);
        actions.clear();
        self.deadline = self.connection.step(&self.policy, now, input, &mut |action| {
            ends.see(&action);
            actions.push(action);
        });
        self.ends.after(self.connection.phase());
        assert!(self.actions.len() <= 4, "law 2: {input:?}");
    }

    /// Time passes to the arrival of a piece; what is due before it happens, and what is sent is written at once.
    fn pass(&mut self) {
        let arrives = self.now.after(self.pace);
        while self.deadline < arrives {
            self.now = self.now.max(self.deadline);
            self.step(Input::Tick);
            assert!(self.deadline > self.now, "law 3: {:?} at {:?}", self.deadline, self.now);
            for action in self.actions.clone() {
                match action {
                    Action::Ping(payload) => self.step(Input::PingFlushed(payload)),
                    Action::Heartbeat(token) => self.step(Input::HeartbeatFlushed(token)),
                    _ => {}
                }
            }
        }
        self.now = arrives;
    }

    /// A piece of the stream arrives.
    pub(super) fn receive(&mut self, piece: &[u8]) {
        self.pass();
        self.step(Input::Bytes(u32::try_from(piece.len()).unwrap_or(u32::MAX)));
        assert!(self.walk.follow(piece, u32::MAX), "more frames than bytes");
        let (lone, from) = (if self.is_fresh { self.lone(piece) } else { None }, self.frames.len());
        self.read(piece);
        if let Some(lone) = lone {
            assert_eq!((&self.frames[from..], self.fault), (&[lone][..], None), "a lone frame is not what the context makes of it");
        }
        self.is_fresh = self.is_reading() && self.walk.at_rest();
        // Between messages the server takes any context that has read nothing yet.
        if self.is_fresh {
            self.context = context(self.role);
        }
    }

    /// Nothing is read behind a fault or a close.
    fn is_reading(&self) -> bool {
        self.fault.is_none() && !matches!(self.frames.last(), Some(Frame::Close(_)))
    }

    /// What the server takes a piece for that needs no context.
    fn lone(&self, piece: &[u8]) -> Option<Frame> {
        let mut bytes = piece.to_vec();
        let lone = lone::lone(side(self.role), &mut bytes, MESSAGE_BYTES_MAX).map(|frame| match frame {
            Lone::Text(text) => Frame::text(text),
            Lone::Binary(payload) => Frame::binary(payload.to_vec()),
            Lone::Pong(payload) => Frame::Pong(payload.to_vec().into()),
        });
        assert!(lone.is_some() || bytes == piece, "what is left to the context was changed");
        lone
    }

    fn read(&mut self, piece: &[u8]) {
        let mut left = piece;
        while self.is_reading() {
            let mut view = View { received: left, replies: &mut self.replies };
            let (context, mut read) = (&mut self.context, None);
            let (_, peak) = count(|| read = Some(context.read(&mut view)));
            left = view.received;
            // A buffer for the frame, a message put together from frames, and its growth.
            assert!(peak <= 4 * MESSAGE_BYTES_MAX as usize + 4 * piece.len() + (64 << 10), "{peak} bytes");
            match read.expect("read") {
                Ok(frame) => self.frame(frame),
                Err(error) => {
                    let Some(fault) = fault(&error) else { return };
                    self.fault = Some(fault);
                    self.step(Input::Fault(fault));
                }
            }
        }
    }

    fn frame(&mut self, frame: Frame) {
        match &frame {
            Frame::Text(text) => self.message(Message::Text(text.as_str())),
            Frame::Binary(bytes) => self.message(Message::Binary(bytes)),
            Frame::Ping(_) => self.step(Input::Ping),
            Frame::Pong(payload) => self.step(Input::Pong(Payload::parse(payload))),
            Frame::Close(close) => {
                self.step(Input::PeerClose(close.as_ref().map_or(0, |c| c.code.into())));
                assert!(self.connection.phase() != Phase::Open, "open after the peer's close");
            }
            Frame::Frame(_) => panic!("a raw frame was read"),
        }
        self.frames.push(frame);
    }

    fn message(&mut self, message: Message<'_>) {
        assert!(message_bytes(message) <= MESSAGE_BYTES_MAX as usize);
        let mut decoder = std::mem::take(&mut self.decoder);
        let heard = self.dialect.map_or(Heard::Data(message), |d| d.decode(self.role, message, 0, &mut decoder));
        let input = match heard {
            Heard::Data(_) | Heard::Reply(_) | Heard::Agreed { .. } => Input::Data,
            Heard::Ready { .. } => Input::Ready,
            Heard::Answer(token) => Input::Answer(token),
            Heard::Heartbeat { token, .. } => Input::Heartbeat(token),
            Heard::Malformed => Input::Fault(Fault::Malformed),
            Heard::TooBig => Input::Fault(Fault::TooBig),
        };
        let was_open = self.connection.phase() == Phase::Open;
        self.step(input);
        let delivered = self.actions.iter().filter(|a| matches!(a, Action::Deliver)).count();
        let answered = self.actions.iter().filter(|a| matches!(a, Action::Answer(_))).count();
        match input {
            _ if !was_open => assert_eq!(delivered + answered, 0, "{input:?} after a close"),
            Input::Data | Input::Ready => assert_eq!((delivered, answered), (1, 0), "{input:?}"),
            Input::Heartbeat(_) => assert!(delivered + answered <= 1, "{input:?}"),
            _ => assert_eq!(answered, 0, "{input:?}"),
        }
        self.decoder = decoder;
    }

    /// The end of the stream.
    pub(super) fn finish(mut self) -> Outcome {
        self.step(Input::Lost);
        assert_eq!(self.connection.phase(), Phase::Ended);
        assert_eq!(self.deadline, Instant::NEVER, "law 6");
        self.check_replies();
        Outcome { frames: self.frames, fault: self.fault }
    }

    /// The library answers pings, the newest at least, and the close: nothing else.
    fn check_replies(&self) {
        let mut reader = context(self.role.other());
        let mut view = View { received: &self.replies, replies: &mut vec![] };
        let mut pings = self.frames.iter().filter_map(|f| if let Frame::Ping(p) = f { Some(p) } else { None });
        loop {
            match reader.read(&mut view) {
                Ok(Frame::Pong(payload)) => assert!(pings.any(|ping| *ping == payload), "a pong without a ping"),
                Ok(Frame::Close(_)) => return assert!(matches!(self.frames.last(), Some(Frame::Close(_))), "a close without a close"),
                Ok(other) => panic!("the library said {other:?}"),
                Err(error) => return assert_eq!(fault(&error), None, "{error:?}: our own frames are broken"),
            }
        }
    }
}

fn message_bytes(message: Message<'_>) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    }
}

/// As the server takes it; and only documented errors come.
fn fault(error: &Error) -> Option<Fault> {
    let is_documented = match error {
        Error::Io(e) => e.kind() == ErrorKind::WouldBlock,
        other => matches!(other, Error::Utf8(_) | Error::Capacity(_) | Error::Protocol(_)),
    };
    assert!(is_documented, "an error that is none of the documented ones: {error:?}");
    inbound::fault(error)
}
