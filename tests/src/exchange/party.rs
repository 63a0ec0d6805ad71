//! One side of a connection that lives by its row: an exchange, or a client of one.

use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::log::{Log, Seen};
use super::row::{Drops, Heard, Part, Side, Wire};
use super::script::{Fault, Script};
use crate::lag::LagSampler;

/// How long the other side's close is waited for.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// What is far away.
const NEVER: Duration = Duration::from_secs(3600);
/// How late this machine is: nobody is dropped for that.
static LAG: LazyLock<LagSampler> = LazyLock::new(LagSampler::start);

type Stream = WebSocketStream<TcpStream>;

/// One side of a connection.
pub struct Party {
    stream: Stream,
    script: Script,
    side: Side,
    log: Log,
    /// When the next heartbeat is due; `None` before they begin.
    beat: Option<Instant>,
    beats: u64,
    /// The tokens that stand unanswered, and when they were sent.
    asked: Vec<(String, Instant)>,
    /// When the other side last asked, and last sent anything.
    heard_ask: Instant,
    heard: Instant,
    answers: u64,
    data: Option<Instant>,
    data_sent: u64,
    ends: Option<Instant>,
}

/// What comes next.
enum Next {
    Message(Message),
    End,
    Beat,
    Data,
    Drop,
    Lifetime,
}

impl Party {
    /// A side whose WebSocket is open.
    #[must_use]
    pub fn new(stream: Stream, script: Script, side: Side, log: Log) -> Self {
        let now = Instant::now();
        let waits = script.row.waits(side);
        let beat = (!waits && script.row.part(side) != Part::Listens).then(|| now + script.period);
        let (data, ends) = (script.data.map(|d| now + d), script.life.map(|life| now + life));
        let asked = vec![];
        let (beats, answers, data_sent) = (0, 0, 0);
        Party { stream, script, side, log, beat, beats, asked, heard_ask: now, heard: now, answers, data, data_sent, ends }
    }

    /// Lives until the connection ends.
    pub async fn live(mut self) {
        self.log.add(Seen::Open);
        let timeout = self.timeout_told();
        if let Some(opening) = self.script.row.opening(self.side, ms(self.script.period), ms(timeout)) {
            self.send(opening).await;
        }
        loop {
            if self.script.fault_at(self.beats.max(self.answers)) == Fault::Mute {
                self.log.add(Seen::Mute);
                // Neither reads nor sends; ends with the program or the test.
                return tokio::time::sleep(NEVER).await;
            }
            match self.next().await {
                Next::Message(message) => self.take(message).await,
                Next::End => return self.log.add(Seen::End),
                Next::Beat => {
                    if self.unanswered_too_often() {
                        return self.drop_peer().await;
                    }
                    self.beat().await;
                }
                Next::Data => self.send_data().await,
                // Unless the machine turned out to be later meanwhile.
                Next::Drop if self.drops_at().is_some_and(|due| due > Instant::now()) => {}
                Next::Drop => return self.drop_peer().await,
                Next::Lifetime => {
                    self.log.add(Seen::Lifetime);
                    return self.close(None).await;
                }
            }
        }
    }

    /// What an exchange tells in its welcome.
    fn timeout_told(&self) -> Duration {
        let told = if self.script.row.id == "kucoin" { 10_000 } else { 20_000 };
        self.script.scaled(told)
    }

    async fn next(&mut self) -> Next {
        let far = Instant::now() + NEVER;
        let at = |instant: Option<Instant>| sleep_until(instant.unwrap_or(far));
        let drops = self.drops_at();
        tokio::select! {
            biased;
            message = self.stream.next() => match message {
                Some(Ok(message)) => Next::Message(message),
                Some(Err(_)) | None => Next::End,
            },
            () = at(drops) => Next::Drop,
            () = at(self.ends) => Next::Lifetime,
            () = at(self.beat) => Next::Beat,
            () = at(self.data) => Next::Data,
        }
    }

    // When an exchange drops its client.

    fn drops_at(&self) -> Option<Instant> {
        if self.side == Side::Client {
            return None;
        }
        let (since, ms) = match self.script.row.drops {
            Drops::Unanswered(ms) => (self.asked.first()?.1, ms),
            Drops::Unasked(ms) => (self.heard_ask, ms),
            Drops::Idle(ms) => (self.heard, ms),
            Drops::Misses(_) | Drops::Never => return None,
        };
        Some(since + self.script.scaled(ms) + LAG.worst())
    }

    fn unanswered_too_often(&self) -> bool {
        matches!((self.side, self.script.row.drops), (Side::Server, Drops::Misses(count)) if self.asked.len() >= count)
    }

    async fn drop_peer(mut self) {
        self.log.add(Seen::Dropped);
        let closes = self.script.row.closes;
        self.close(closes).await;
    }

    async fn close(&mut self, with: Option<(u16, &'static str)>) {
        let frame = with.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
        let _ = self.stream.close(frame).await;
        let deadline = Instant::now() + CLOSE_WAIT;
        while let Ok(Some(Ok(_))) = timeout_at(deadline, self.stream.next()).await {}
    }

    // What it says.

    async fn beat(&mut self) {
        let now = Instant::now();
        let late = if self.script.fault_at(self.beats) == Fault::Late { self.script.late } else { Duration::ZERO };
        self.beat = Some(now + self.script.period);
        self.beats += 1;
        if self.script.fault_at(self.beats - 1) == Fault::Silent {
            return;
        }
        let (heartbeat, token) = self.script.row.ask(self.side, self.beats);
        tokio::time::sleep(late).await;
        self.say(heartbeat, self.beats - 1).await;
        self.log.add(Seen::Asked(token.clone()));
        // Who could not understand it owes no answer.
        let understood = self.script.fault_at(self.beats - 1) != Fault::Malformed;
        if understood && self.script.row.part(self.side) == Part::Asks {
            self.asked.push((token, Instant::now()));
        }
    }

    async fn send_data(&mut self) {
        self.data = self.script.data.map(|every| Instant::now() + every);
        self.data_sent += 1;
        let price = serde_json::json!({"ch": "market.btcusdt.trade", "tick": {"n": self.data_sent}});
        let text = price.to_string();
        let gzip = matches!(self.script.row.ask(Side::Server, 1).0, Wire::Gzip(_)) && self.side == Side::Server;
        self.send(if gzip { Wire::Gzip(text) } else { Wire::Text(text) }).await;
    }

    /// Says a heartbeat or an answer, with the fault that is in force.
    async fn say(&mut self, wire: Wire, n: u64) {
        match self.script.fault_at(n) {
            Fault::Duplicate => {
                self.send(wire.clone()).await;
                self.send(wire).await;
            }
            Fault::Malformed => self.send_message(cut(wire)).await,
            Fault::Silent => {}
            Fault::None | Fault::Mute | Fault::Late | Fault::Wrong => self.send(wire).await,
        }
    }

    async fn send(&mut self, wire: Wire) {
        self.send_message(message(wire)).await;
    }

    /// That a send fails shows as the end of the stream.
    async fn send_message(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    // What it hears.

    async fn take(&mut self, message: Message) {
        self.heard = Instant::now();
        match message {
            Message::Text(text) => self.hear(text.as_str()).await,
            Message::Binary(bytes) => {
                let text = inflate(&bytes).unwrap_or_default();
                self.hear(&text).await;
            }
            Message::Pong(payload) if self.script.row.by_ping_frames() => {
                self.answered(&String::from_utf8_lossy(&payload));
            }
            Message::Ping(_) => self.log.add(Seen::HeardPing),
            Message::Close(frame) => {
                let code = frame.as_ref().map_or(0, |f| f.code.into());
                self.log.add(Seen::Closed(code, frame.map(|f| f.reason.to_string()).unwrap_or_default()));
            }
            Message::Pong(_) | Message::Frame(_) => {}
        }
    }

    async fn hear(&mut self, text: &str) {
        match self.script.row.hear(self.side, text, ms(self.script.period)) {
            Heard::Ask(answer) => {
                self.heard_ask = self.heard;
                self.log.add(Seen::HeardAsk);
                self.answer(answer).await;
            }
            Heard::Beat => self.log.add(Seen::HeardAsk),
            Heard::Answer(token) => self.answered(&token),
            Heard::Request(reply) => {
                self.log.add(Seen::Requested);
                self.send(reply).await;
                self.begin();
            }
            Heard::Welcome => {
                self.log.add(Seen::Welcomed);
                self.begin();
            }
            Heard::Data => self.log.add(Seen::Data(text.to_owned())),
        }
    }

    /// The handshake on top of the WebSocket's is over: heartbeats begin.
    fn begin(&mut self) {
        if self.script.row.part(self.side) != Part::Listens {
            self.beat.get_or_insert(Instant::now() + self.script.period);
        }
    }

    async fn answer(&mut self, answer: Wire) {
        let n = self.answers;
        self.answers += 1;
        let answer = match self.script.fault_at(n) {
            Fault::Wrong => wrong(answer),
            Fault::Late => {
                tokio::time::sleep(self.script.late).await;
                answer
            }
            Fault::None | Fault::Mute | Fault::Silent | Fault::Duplicate | Fault::Malformed => answer,
        };
        self.say(answer, n).await;
    }

    fn answered(&mut self, token: &str) {
        let place = self.asked.iter().position(|(asked, _)| asked == token);
        let place = place.or_else(|| self.asked.len().checked_sub(1).filter(|_| self.script.row.any_answer()));
        match place {
            Some(place) => {
                self.asked.drain(..=place);
                self.log.add(Seen::Answered);
            }
            None => self.log.add(Seen::WrongAnswer(token.to_owned())),
        }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn message(wire: Wire) -> Message {
    match wire {
        Wire::Text(text) => Message::text(text),
        Wire::Gzip(text) => Message::binary(gzip(&text)),
        Wire::Ping(payload) => Message::Ping(payload.into()),
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// An exchange's message inflated, or as it is.
fn inflate(bytes: &[u8]) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    match flate2::read::GzDecoder::new(bytes).read_to_string(&mut text) {
        Ok(_) => Some(text),
        Err(_) => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// The message without its end.
fn cut(wire: Wire) -> Message {
    match wire {
        Wire::Text(text) => Message::text(&text[..text.len() / 2]),
        Wire::Gzip(text) => {
            let whole = gzip(&text);
            Message::binary(whole[..whole.len() - 4].to_vec())
        }
        Wire::Ping(payload) => Message::Ping(payload.into()),
    }
}

/// The answer with another token: every digit is a 7.
fn wrong(wire: Wire) -> Wire {
    let sevens = |text: String| text.chars().map(|c| if c.is_ascii_digit() { '7' } else { c }).collect();
    match wire {
        Wire::Text(text) => Wire::Text(sevens(text)),
        Wire::Gzip(text) => Wire::Gzip(sevens(text)),
        ping @ Wire::Ping(_) => ping,
    }
}
