//! From a dialect as it was written to one that can run: every field against its limit.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt::Display;
use core::time::Duration;

use super::Role;
use super::decode::CAPTURES_MAX;
use super::error::DialectError;
use super::packing::{Codec, Prepared};
use super::recognise::{Form, Pointer, pointer};
use super::rules::{Death, Initiator, Layer, Negotiation, Reply, Rules, Values};
use super::template::{Constants, Template};
use super::wishes::{self, Close, First, Wishes};
use crate::codec::gzip::INFLATED_BYTES_MAX;
use crate::policy::{self, Answers, Cadence, Counts, ListenFor, Matching, PolicyError, Start, Timing, TokenKind, Unsolicited};
use crate::time::Span;

type Checked<T> = Result<T, DialectError>;

const HEARTBEAT_BYTES: i64 = 512;
const HEARTBEAT_BYTES_MAX: i64 = 64 << 10;
const INFLATED_BYTES_LIMIT: i64 = 64 << 20;
const REPLIES_MAX: usize = 32;

pub(super) fn check(w: &Wishes) -> Checked<Rules> {
    identity(w)?;
    let initiator = choice("initiator", &w.initiator, &INITIATORS)?;
    let layer = choice("layer", &w.layer, &LAYERS)?;
    let codec = choice_or("codec", w.codec.as_deref(), &CODECS, Codec::Identity)?;
    let interval = Duration::from(span("interval", &w.interval)?);
    let death = death(&w.death)?;
    let constants = Constants { interval, timeout: timeout(death, interval) };
    wire(w, initiator, layer, codec)?;
    let (token, integers_only) = token(w)?;
    let ping = template("ping", w.ping.as_deref(), &[], constants)?;
    let pong = template("pong", w.pong.as_deref(), &[], constants)?;
    let pings = forms("ping", ping.as_ref(), w.recognise.as_ref().map(|r| &r.ping))?;
    let pongs = forms("pong", pong.as_ref(), w.recognise.as_ref().map(|r| &r.pong))?;
    tokens_fit(w, ping.as_ref(), &pings, &pongs)?;
    let (start, after) = first(w)?;
    let (answers, unsolicited) =
        choice_or("unsolicited", w.unsolicited.as_deref(), &UNSOLICITED, (Answers::Matching, Unsolicited::Ignored))?;
    Ok(Rules {
        initiator,
        duplex: w.duplex.unwrap_or(false),
        layer,
        codec,
        plain_binary: w.plain_binary.unwrap_or(true),
        ping,
        pong,
        invalid: template("invalid", w.invalid.as_deref(), &[], constants)?,
        pings,
        pongs,
        integers_only,
        client_asks: w.client_asks.unwrap_or(false),
        negotiation: negotiation(w, after.as_ref())?,
        after,
        replies: replies(w, constants)?,
        hello_server: hello(w, Role::Server, codec, constants)?,
        hello_client: hello(w, Role::Client, codec, constants)?,
        heartbeat_bytes_max: size("heartbeat_bytes_max", w.heartbeat_bytes_max, HEARTBEAT_BYTES, 1, HEARTBEAT_BYTES_MAX)?,
        inflated_bytes_max: size(
            "inflated_bytes_max",
            w.inflated_bytes_max,
            i64::try_from(INFLATED_BYTES_MAX).unwrap_or(i64::MAX),
            1 << 10,
            INFLATED_BYTES_LIMIT,
        )?,
        interval,
        death,
        token,
        matching: matching(w)?,
        timing: choice_or("timing", w.timing.as_deref(), &TIMINGS, Timing::Beat)?,
        start,
        cadence: choice_or("cadence", w.cadence.as_deref(), &CADENCES, Cadence::Spread)?,
        counts: choice_or("counts", w.counts.as_deref(), &COUNTS, Counts::Written)?,
        evidence: choice_or("evidence", w.evidence.as_deref(), &EVIDENCE, ListenFor::Heartbeats)?,
        answers,
        unsolicited,
        max_lifetime: w.max_lifetime.as_deref().map(|d| span("max_lifetime", d)).transpose()?,
        close: close(w)?,
    })
}

const INITIATORS: [(&str, Initiator); 4] =
    [("server", Initiator::Server), ("client", Initiator::Client), ("both", Initiator::Both), ("one-way", Initiator::OneWay)];
const LAYERS: [(&str, Layer); 3] = [("control", Layer::Control), ("text", Layer::Text), ("binary", Layer::Binary)];
const CODECS: [(&str, Codec); 3] = [("identity", Codec::Identity), ("gzip", Codec::Gzip), ("deflate", Codec::Deflate)];
const TIMINGS: [(&str, Timing); 3] = [("beat", Timing::Beat), ("after-idle", Timing::AfterIdle), ("after-silence", Timing::AfterSilence)];
const CADENCES: [(&str, Cadence); 2] = [("spread", Cadence::Spread), ("together", Cadence::Together)];
const COUNTS: [(&str, Counts); 2] = [("written", Counts::Written), ("queued", Counts::Queued)];
const EVIDENCE: [(&str, ListenFor); 3] =
    [("heartbeats", ListenFor::Heartbeats), ("messages", ListenFor::Messages), ("bytes", ListenFor::Bytes)];
/// Which answers count, and what becomes of those that nobody asked for.
const UNSOLICITED: [(&str, (Answers, Unsolicited)); 3] = [
    ("ignore", (Answers::Matching, Unsolicited::Ignored)),
    ("counts", (Answers::Any, Unsolicited::Ignored)),
    ("error", (Answers::Matching, Unsolicited::Refused)),
];
/// What a token is, how ours are made, and whether a client's have to be JSON integers.
const TOKENS: [(&str, (TokenKind, bool)); 5] = [
    ("none", (TokenKind::Counter, false)),
    ("ms-int", (TokenKind::Timestamp, true)),
    ("ms-string", (TokenKind::Timestamp, false)),
    ("counter-id", (TokenKind::Counter, false)),
    ("opaque", (TokenKind::Counter, false)),
];

fn identity(w: &Wishes) -> Checked<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if w.id.is_empty() || w.id.len() > 64 || !w.id.chars().all(plain) {
        return Err(wrong("id", &w.id, "1 to 64 of a-z, 0-9, - and ."));
    }
    if w.id == "none" || w.id == "auto" {
        return Err(wrong("id", &w.id, "none and auto have a meaning of their own"));
    }
    if w.source.trim().is_empty() || w.source.len() > 512 {
        return Err(wrong("source", &w.source, "the document it was taken from, 1 to 512 bytes"));
    }
    let verified = choice("status", &w.status, &[("verified", true), ("unverified", false)])?;
    if let (true, Some(why)) = (verified, &w.unverified) {
        return Err(wrong("unverified", why.join(", "), "goes with status = \"unverified\""));
    }
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    match &w.subprotocol {
        Some(p) if p.is_empty() || p.len() > 64 || !p.chars().all(token) => {
            Err(wrong("subprotocol", p, "1 to 64 characters of an HTTP token (RFC 9110 §5.6.2)"))
        }
        _ => Ok(()),
    }
}

/// Fields that go together.
fn wire(w: &Wishes, initiator: Initiator, layer: Layer, codec: Codec) -> Checked<()> {
    let control = layer == Layer::Control;
    if control && initiator != Initiator::Server {
        return Err(wrong("initiator", &w.initiator, "layer = \"control\" goes with initiator = \"server\""));
    }
    for (field, given) in [("ping", &w.ping), ("pong", &w.pong)] {
        let wanted = !control && (field == "ping" || initiator != Initiator::OneWay);
        match (given, wanted) {
            (None, true) => return Err(wrong(field, "absent", "the dialect's heartbeats are messages: give their template")),
            (Some(given), false) => return Err(wrong(field, given, "not with layer = \"control\", no pong with initiator = \"one-way\"")),
            _ => {}
        }
    }
    if codec != Codec::Identity && layer != Layer::Binary {
        return Err(wrong("codec", codec.name(), "compressed messages are binary: layer = \"binary\""));
    }
    if w.duplex == Some(true) && initiator != Initiator::OneWay {
        return Err(wrong("duplex", "true", "goes with initiator = \"one-way\""));
    }
    if control && w.unsolicited.as_deref() == Some("error") {
        return Err(wrong("unsolicited", "error", "ignore or counts with layer = \"control\": any pong is a pong (RFC 6455 §5.5.3)"));
    }
    if w.client_asks == Some(true) && (control || initiator != Initiator::Server) {
        return Err(wrong("client_asks", "true", "goes with initiator = \"server\" and messages"));
    }
    Ok(())
}

fn token(w: &Wishes) -> Checked<(TokenKind, bool)> {
    choice_or("token", w.token.as_deref(), &TOKENS, (TokenKind::Counter, false))
}

/// A token needs its place, and a place its token.
fn tokens_fit(w: &Wishes, ping: Option<&Template>, pings: &[Form], pongs: &[Form]) -> Checked<()> {
    let named = w.token.as_deref().unwrap_or("none");
    let has_token = named != "none";
    if let Some(ping) = ping {
        if ping.has_token() != has_token {
            return Err(wrong("token", named, "a token other than none where ping has $t, and only there"));
        }
    }
    let placed = pings.iter().any(Form::has_token) && (pongs.is_empty() || pongs.iter().any(Form::has_token));
    let by_value = !matches!(w.matching.as_deref(), None | Some("any"));
    if has_token && by_value && ping.is_some() && !placed {
        return Err(wrong("match", w.matching.as_deref().unwrap_or_default(), "any, or $t in ping and pong"));
    }
    if by_value && !has_token {
        return Err(wrong("match", w.matching.as_deref().unwrap_or_default(), "any where token = \"none\""));
    }
    Ok(())
}

fn template(field: &str, source: Option<&str>, captures: &[&str], constants: Constants) -> Checked<Option<Template>> {
    source.map(|s| Template::parse(s, captures, constants).map_err(|limit| wrong(field, s, limit))).transpose()
}

/// The forms that were given, or else the one of the template.
fn forms(field: &str, template: Option<&Template>, given: Option<&Vec<wishes::Form>>) -> Checked<Vec<Form>> {
    let Some(template) = template else {
        return Ok(Vec::new());
    };
    if let Some(given) = given.filter(|g| !g.is_empty()) {
        let name = format!("recognise.{field}");
        return given.iter().map(|f| form(&name, f)).collect();
    }
    let derived = Form::of(template);
    if template.has_others() || template.repeats_token() || derived.has_token() != template.has_token() {
        let limit = "a JSON object with $t in one place, or recognise for it";
        return Err(wrong(field, template.source(), limit));
    }
    Ok(vec![derived])
}

fn form(field: &str, given: &wishes::Form) -> Checked<Form> {
    Form::check(given).map_err(|(value, limit)| wrong(field, value, limit))
}

fn place(field: &str, text: &str) -> Checked<Pointer> {
    pointer(text).map_err(|limit| wrong(field, text, limit))
}

fn matching(w: &Wishes) -> Checked<Matching> {
    let text = w.matching.as_deref().unwrap_or("any");
    if let Some(n) = text.strip_prefix("window(").and_then(|t| t.strip_suffix(')')) {
        let n = n.parse().ok().filter(|n| (1..=Matching::WINDOW_MAX).contains(n));
        return n.map(Matching::Window).ok_or_else(|| wrong("match", text, "window(1) to window(4)"));
    }
    let all = [("any", Matching::Any), ("newest", Matching::Newest), ("exact", Matching::Exact)];
    choice("match", text, &all).map_err(|e| DialectError { limit: e.limit + ", window(N)", ..e })
}

fn death(text: &str) -> Checked<Death> {
    let limit = "misses(1 to 255, before), misses(1 to 255, after), timeout(20s), idle(30s) or none";
    let unclear = || wrong("death", text, limit);
    if text == "none" {
        return Ok(Death::Never);
    }
    let (name, inner) = text.strip_suffix(')').and_then(|t| t.split_once('(')).ok_or_else(unclear)?;
    match name {
        "timeout" => span("death", inner).map(Death::Timeout),
        "idle" => span("death", inner).map(Death::Idle),
        "misses" => {
            let (count, order) = inner.split_once(',').ok_or_else(unclear)?;
            let count = count.trim().parse().ok().filter(|n| *n > 0).ok_or_else(unclear)?;
            match order.trim() {
                "before" => Ok(Death::Misses { count, after: false }),
                "after" => Ok(Death::Misses { count, after: true }),
                _ => Err(unclear()),
            }
        }
        _ => Err(unclear()),
    }
}

/// What the dialect says of itself as its timeout.
fn timeout(death: Death, interval: Duration) -> Duration {
    match death {
        Death::Timeout(t) | Death::Idle(t) => t.into(),
        Death::Misses { count, .. } => interval.saturating_mul(u32::from(count)),
        Death::Never => interval,
    }
}

fn first(w: &Wishes) -> Checked<(Start, Option<Form>)> {
    match &w.first {
        None => Ok((Start::Jitter, None)),
        Some(First::Word(word)) => choice("first", word, &[("jitter", Start::Jitter), ("interval", Start::Interval)])
            .map(|start| (start, None))
            .map_err(|e| DialectError { limit: e.limit + ", { after = message }", ..e }),
        Some(First::After(after)) => Ok((Start::Ready, Some(form("first.after", &after.after)?))),
    }
}

fn close(w: &Wishes) -> Checked<Option<u16>> {
    match &w.close {
        None => Ok(Some(policy::Policy::SILENCE_CODE)),
        Some(Close::Word(word)) if word == "none" => Ok(None),
        Some(Close::Word(word)) => Err(wrong("close", word, "a close code or none")),
        Some(Close::Code(n)) => {
            let code = u16::try_from(*n).map_err(|_| wrong("close", n, "1000 to 4999"))?;
            policy::checked_code(code).map(Some).map_err(|e| named("close", e))
        }
    }
}

fn negotiation(w: &Wishes, after: Option<&Form>) -> Checked<Option<Negotiation>> {
    let Some(n) = &w.negotiated else {
        return Ok(None);
    };
    let message = match &n.message {
        Some(given) => form("negotiated.message", given)?,
        None => after.cloned().ok_or_else(|| wrong("negotiated.message", "absent", "the message, unless first.after names it"))?,
    };
    let at = |field: &str, text: &Option<String>| text.as_deref().map(|t| place(field, t)).transpose();
    let values = match &n.header {
        Some(name) if n.interval.is_none() && n.timeout.is_none() && !name.is_empty() => Values::Header(name.clone()),
        Some(name) => return Err(wrong("negotiated.header", name, "the name of a header, instead of interval and timeout")),
        None => Values::Fields { interval: at("negotiated.interval", &n.interval)?, timeout: at("negotiated.timeout", &n.timeout)? },
    };
    if n.header.is_none() && !n.request.is_empty() {
        return Err(wrong("negotiated.request", "given", "goes with negotiated.header: both sides say what they can"));
    }
    let requests = n.request.iter().map(|f| form("negotiated.request", f)).collect::<Checked<_>>()?;
    let units = [("ms", Duration::from_millis(1)), ("s", Duration::from_secs(1))];
    Ok(Some(Negotiation {
        message,
        requests,
        values,
        unit: choice_or("negotiated.unit", n.unit.as_deref(), &units, Duration::from_millis(1))?,
        margin: u32::try_from(size("negotiated.margin", n.margin, 1, 1, 10)?).unwrap_or(1),
    }))
}

fn replies(w: &Wishes, constants: Constants) -> Checked<Vec<Reply>> {
    let given = w.replies.as_deref().unwrap_or_default();
    if given.len() > REPLIES_MAX {
        return Err(wrong("replies", given.len(), format!("at most {REPLIES_MAX}")));
    }
    given.iter().map(|r| reply(r, constants)).collect()
}

fn reply(r: &wishes::Reply, constants: Constants) -> Checked<Reply> {
    if r.capture.len() > CAPTURES_MAX {
        return Err(wrong("replies.capture", r.capture.len(), format!("at most {CAPTURES_MAX}")));
    }
    let names: Vec<&str> = r.capture.keys().map(String::as_str).collect();
    let send = template("replies.send", Some(&r.send), &names, constants)?.filter(|t| !t.has_token());
    Ok(Reply {
        when: form("replies.when", &r.when)?,
        captures: r.capture.values().map(|p| place("replies.capture", p)).collect::<Checked<_>>()?,
        send: send.ok_or_else(|| wrong("replies.send", &r.send, "a reply has no $t: capture the value by a name"))?,
    })
}

fn hello(w: &Wishes, role: Role, codec: Codec, constants: Constants) -> Checked<Option<Prepared>> {
    let given = w.hello.as_ref().and_then(|h| match role {
        Role::Server => h.server.as_deref(),
        Role::Client => h.client.as_deref(),
    });
    let Some(template) = template("hello", given, &[], constants)? else {
        return Ok(None);
    };
    if template.has_token() || template.has_others() {
        return Err(wrong("hello", template.source(), "no $t and no $now: it is always the same"));
    }
    let mut text = Vec::new();
    template.render(super::template::TokenText::Absent, 0, &[], &mut text);
    Ok(Some(Prepared::new(role, codec, String::from_utf8_lossy(&text).into_owned())))
}

fn span(field: &'static str, text: &str) -> Checked<Span> {
    let duration =
        humantime::parse_duration(text.trim()).map_err(|_| wrong(field, text, "a duration with its unit, such as 5s or 250ms"))?;
    policy::checked(field, duration).map_err(|e| DialectError { value: text.to_string(), ..named(field, e) })
}

fn size(field: &'static str, given: Option<i64>, default: i64, min: i64, max: i64) -> Checked<usize> {
    let n = given.unwrap_or(default);
    match usize::try_from(n) {
        Ok(size) if (min..=max).contains(&n) => Ok(size),
        _ => Err(wrong(field, n, format!("{min} to {max}"))),
    }
}

fn choice<T: Copy>(field: &str, text: &str, all: &[(&str, T)]) -> Checked<T> {
    all.iter().find(|(name, _)| *name == text).map(|(_, v)| *v).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        wrong(field, text, format!("one of {}", names.join(", ")))
    })
}

fn choice_or<T: Copy>(field: &str, text: Option<&str>, all: &[(&str, T)], default: T) -> Checked<T> {
    text.map_or(Ok(default), |t| choice(field, t, all))
}

fn wrong(field: impl Display, value: impl Display, limit: impl Display) -> DialectError {
    let mut error = DialectError::new(field, value, limit);
    if error.value.trim().is_empty() {
        error.value = format!("{:?}", error.value);
    }
    error
}

fn named(field: &str, e: PolicyError) -> DialectError {
    DialectError::new(field, e.value, e.limit)
}
