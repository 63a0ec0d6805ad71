//! What a dialect asks of a connection, as a policy.

use alloc::format;
use alloc::string::ToString;
use core::time::Duration;

use super::check::check;
use super::rules::{Death, Initiator, Layer, Rules};
use super::{Dialect, Negotiated, Role};
use crate::policy::{
    self, Application, Ask, Evidence, Listen, ListenFor, Plan, Policy, PolicyConfig, PolicyError, STALL_AFTER_MAX, Transport, checked,
};
use crate::time::Span;

pub(super) fn plan(rules: &Rules, role: Role, config: &PolicyConfig, negotiated: Negotiated) -> Result<Plan, PolicyError> {
    let interval = negotiated.interval.or(config.interval).unwrap_or(rules.interval);
    let death = wished_death(rules, config, negotiated.timeout)?;
    // In a dialect in which both sides beat, one that the peer wants nothing of may still expect its heartbeats.
    let mute = interval.is_zero();
    if mute && !(rules.duplex && negotiated.timeout.is_some_and(|t| !t.is_zero())) {
        return Ok(Plan::default());
    }
    let period = checked("interval", if mute { rules.interval } else { interval })?;
    let max_lifetime = rules.max_lifetime.filter(|_| role == Role::Server);
    if rules.layer == Layer::Control && role == Role::Server {
        return Ok(Plan { application: None, transport: Some(transport(rules, period, death)), max_lifetime });
    }
    let mut application = application(rules, role, period, death);
    application.ask = application.ask.filter(|_| !mute);
    Ok(Plan { application: Some(application), transport: None, max_lifetime })
}

/// `policy` with what was negotiated in the place of the dialect's own interval and timeout.
pub(super) fn agreed(rules: &Rules, role: Role, policy: &Policy, negotiated: Negotiated) -> Result<Policy, PolicyError> {
    let Some(own) = policy.application else {
        return Ok(policy.clone());
    };
    let plan = plan(rules, role, &PolicyConfig::default(), negotiated)?;
    let ask = |new: Ask| match own.ask {
        Some(Ask { cadence, jitter_ppm, answers, .. }) => Ask { cadence, jitter_ppm, answers, ..new },
        None => new,
    };
    let application = plan.application.map(|new| Application {
        ask: new.ask.map(ask),
        feed_timeout: own.feed_timeout,
        close_code: own.close_code,
        ..new
    });
    Ok(Policy { application, ..policy.clone() })
}

/// The rule of the dialect, with what the user wished and the peer said.
fn wished_death(rules: &Rules, config: &PolicyConfig, timeout: Option<Duration>) -> Result<Death, PolicyError> {
    let after = matches!(rules.death, Death::Misses { after: true, .. });
    let death = match config.misses {
        Some(0) => return Err(PolicyError::new("misses", 0, "1 to 255")),
        Some(count) => Death::Misses { count, after },
        None => rules.death,
    };
    match (death, timeout) {
        (Death::Timeout(_) | Death::Idle(_), Some(Duration::ZERO)) => Ok(Death::Never),
        (Death::Timeout(_), Some(t)) => checked("timeout", t).map(Death::Timeout),
        (Death::Idle(_), Some(t)) => checked("timeout", t).map(Death::Idle),
        _ => Ok(death),
    }
}

/// Heartbeats that are control frames: the strict profile, and only its pongs are life.
fn transport(rules: &Rules, period: Span, death: Death) -> Transport {
    let timeout = match death {
        Death::Timeout(t) | Death::Idle(t) => t,
        Death::Misses { count, .. } => period.times(u64::from(count)),
        Death::Never => period,
    };
    Transport {
        interval: period,
        timeout,
        evidence: Evidence::PongOnly,
        answers: rules.answers,
        write_stall: timeout.times(2),
        stall_after: STALL_AFTER_MAX.min(period).min(timeout),
        close_code: rules.close.unwrap_or(Policy::SILENCE_CODE),
        ..Transport::strict()
    }
}

fn application(rules: &Rules, role: Role, period: Span, death: Death) -> Application {
    let asks = match (rules.initiator, role) {
        (Initiator::Server | Initiator::Both | Initiator::OneWay, Role::Server) | (Initiator::Client, Role::Client) => true,
        (Initiator::OneWay, Role::Client) => rules.duplex,
        (Initiator::Server | Initiator::Both, Role::Client) | (Initiator::Client, Role::Server) => false,
    };
    Application {
        ask: asks.then(|| ask(rules, role, period, death)),
        listen: listen(rules, asks, period, death),
        answers_peer: rules.pong.is_some() && rules.may_ask(role.other()),
        feed_timeout: None,
        close_code: rules.close,
    }
}

fn ask(rules: &Rules, role: Role, period: Span, death: Death) -> Ask {
    // Where any message is life, or no answer is wanted, it is the listening that judges.
    let judged = if rules.initiator == Initiator::OneWay || rules.any_is_life() {
        policy::Death::Never
    } else {
        match death {
            Death::Misses { count, after: false } => policy::Death::MissesBefore(count),
            Death::Misses { count, after: true } => policy::Death::MissesAfter(count),
            Death::Timeout(t) => policy::Death::Timeout(t),
            Death::Idle(_) | Death::Never => policy::Death::Never,
        }
    };
    let start = match (rules.start, role) {
        // Only a client waits: the server says by itself what the client waits for.
        (policy::Start::Ready, Role::Server) => policy::Start::Interval,
        (start, _) => start,
    };
    let every = Ask::every(period, judged);
    Ask {
        cadence: rules.cadence,
        start,
        timing: rules.timing,
        counts: rules.counts,
        matching: rules.matching,
        answers: rules.answers,
        unsolicited: rules.unsolicited,
        token: rules.token,
        stall_after: match judged {
            policy::Death::Timeout(t) => every.stall_after.min(t),
            _ => every.stall_after,
        },
        ..every
    }
}

fn listen(rules: &Rules, asks: bool, period: Span, death: Death) -> Option<Listen> {
    if rules.layer == Layer::Control {
        let limit = reach(period, death)?;
        return Some(Listen { limit, evidence: ListenFor::Pings });
    }
    let both_ways = rules.duplex || (rules.any_is_life() && rules.initiator != Initiator::OneWay);
    if asks && !both_ways {
        return None;
    }
    let limit = match death {
        // Who asks after idleness gives the peer its time from the asking.
        Death::Idle(idle) if asks && !rules.duplex => period.plus(idle),
        _ => reach(period, death)?,
    };
    Some(Listen { limit, evidence: rules.evidence })
}

/// How long a peer that lives may stay away.
fn reach(period: Span, death: Death) -> Option<Span> {
    match death {
        Death::Misses { count, .. } => Some(period.times(u64::from(count) + 1)),
        Death::Timeout(t) => Some(period.plus(t)),
        Death::Idle(t) => Some(t),
        Death::Never => None,
    }
}

/// The dialect with the wishes of `config` written into it.
pub(super) fn tuned(dialect: &Dialect, config: &PolicyConfig) -> Result<Dialect, PolicyError> {
    let mut wishes = dialect.wishes.clone();
    if let Some(interval) = config.interval.filter(|i| !i.is_zero()) {
        checked("interval", interval)?;
        wishes.interval = humantime::format_duration(interval).to_string();
    }
    match wished_death(&dialect.rules, config, None)? {
        Death::Misses { count, after } => {
            wishes.death = format!("misses({count}, {})", if after { "after" } else { "before" });
        }
        Death::Timeout(_) | Death::Idle(_) | Death::Never => {}
    }
    let rules = check(&wishes).map_err(|e| PolicyError::new("interval", e.value, e.limit))?;
    Ok(Dialect { wishes, rules })
}
