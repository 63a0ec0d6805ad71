//! A wish that cannot be is refused by its name, its value and its limit; one that can be is what runs.

use std::time::Duration;

use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Death, Evidence, Plan, Policy, PolicyConfig, PolicyError, Profile, Transport,
};
use wsbeat_core::time::Span;

const SECOND: Duration = Duration::from_secs(1);
/// More than the hundred years that a duration may have.
const TOO_LONG: Duration = Duration::from_secs(36_501 * 86_400);

fn set(key: &str, value: &str) -> Result<PolicyConfig, PolicyError> {
    let mut config = PolicyConfig::default();
    config.set(key, value).map(|known| assert!(known, "{key}"))?;
    Ok(config)
}

fn strict() -> PolicyConfig {
    PolicyConfig { profile: Some(Profile::Strict), ..PolicyConfig::default() }
}

/// Heartbeats every 5 s, closed with 4408.
fn heartbeats() -> Plan {
    let ask = Ask::every(Span::from_secs(5), Death::MissesBefore(2));
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Plan { application: Some(application), ..Plan::default() }
}

fn transport(config: &PolicyConfig) -> Transport {
    config.check(Plan::default()).unwrap().transport.unwrap()
}

fn application(config: &PolicyConfig) -> Application {
    config.check(heartbeats()).unwrap().application.unwrap()
}

#[test]
fn a_value_that_is_not_of_its_form_is_told_by_its_key() {
    for key in PolicyConfig::KEYS {
        let told = set(key, "wrong").expect_err(key).to_string();
        assert!(told.starts_with(&format!("{key} = wrong: ")), "{told}");
    }
    for (key, value, limit) in [
        ("ping_interval", "0", "a duration needs a unit: 0s"),
        ("evidence", "bits", "one of pong, frame, bytes"),
        ("answers", "none", "one of matching, any"),
        ("adaptive", "yes", "one of true, false"),
        ("cadence", "alone", "one of together, spread"),
        ("misses", "256", "1 to 255"),
        ("jitter", "-1%", "a share such as 5% or 0.05"),
        ("jitter", "101%", "a share such as 5% or 0.05"),
        ("jitter", "1.01", "a share such as 5% or 0.05"),
        ("jitter", "NaN", "a share such as 5% or 0.05"),
        ("close_code", "1005", "a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999"),
        ("close_code", "70000", "a number from 1000 to 4999"),
    ] {
        assert_eq!(set(key, value).expect_err(value).to_string(), format!("{key} = {value}: {limit}"));
    }
    assert_eq!(PolicyConfig::default().set("ping", "5s"), Ok(false), "no setting has this name");
}

#[test]
fn a_share_is_read_as_per_cent_and_as_a_part_of_one() {
    for (text, ppm) in [("5%", 50_000), ("0.05", 50_000), ("0", 0), ("12.3457%", 123_457), ("100%", 1_000_000), ("1", 1_000_000)] {
        assert_eq!(set("jitter", text).unwrap().jitter_ppm, Some(ppm), "{text}");
    }
}

#[test]
fn each_setting_is_written_as_it_is_read() {
    for (key, value) in [
        ("evidence", "pong"),
        ("evidence", "frame"),
        ("evidence", "bytes"),
        ("answers", "matching"),
        ("answers", "any"),
        ("cadence", "together"),
        ("cadence", "spread"),
        ("tolerate_empty", "false"),
        ("jitter", "0.0001%"),
        ("ping_interval", "1m30s"),
    ] {
        assert_eq!(set(key, value).unwrap().settings(), [(key, value.to_string())]);
    }
    for profile in Profile::ALL {
        assert_eq!(Profile::by_name(profile.name()), Some(profile));
        assert_eq!(set("profile", profile.name()).unwrap().profile, Some(profile));
    }
    assert_eq!(Profile::by_name("Strict"), None);
}

#[test]
fn what_is_wished_is_what_runs() {
    let wishes = PolicyConfig {
        ping_interval: Some(SECOND * 9),
        ping_timeout: Some(SECOND * 8),
        evidence: Some(Evidence::PongOnly),
        answers: Some(Answers::Any),
        jitter_ppm: Some(499_999),
        first_ping: Some(SECOND * 7),
        write_stall: Some(SECOND * 6),
        only_when_idle: Some(true),
        adaptive: Some(true),
        tolerate_empty: Some(true),
        cadence: Some(Cadence::Spread),
        heartbeat_write_stall: Some(SECOND * 5),
        feed_timeout: Some(SECOND * 4),
        close_code: Some(4001),
        close_timeout: Some(SECOND * 3),
        handshake_timeout: Some(SECOND * 2),
        max_lifetime: Some(SECOND),
        ..PolicyConfig::default()
    };
    let policy = wishes.check(heartbeats()).unwrap();
    let t = policy.transport.unwrap();
    assert_eq!((t.interval, t.timeout, t.write_stall, t.first), (9, 8, 6, Some(7)).map_spans());
    assert_eq!((t.evidence, t.answers, t.jitter_ppm, t.close_code), (Evidence::PongOnly, Answers::Any, 499_999, 4001));
    assert!(t.only_when_idle && t.adaptive && t.tolerate_empty);
    let a = policy.application.unwrap();
    assert_eq!((a.feed_timeout, a.close_code), (Some(Span::from_secs(4)), Some(4001)));
    let ask = a.ask.unwrap();
    assert_eq!((ask.cadence, ask.answers, ask.jitter_ppm), (Cadence::Spread, Answers::Any, 499_999));
    assert_eq!(ask.write_stall, Span::from_secs(5));
    let l = policy.limits;
    assert_eq!((l.close_timeout, l.handshake_timeout), (Span::from_secs(3), Span::from_secs(2)));
    assert_eq!(l.max_lifetime, Some(Span::from_secs(1)));
}

trait MapSpans {
    fn map_spans(self) -> (Span, Span, Span, Option<Span>);
}

impl MapSpans for (u64, u64, u64, Option<u64>) {
    fn map_spans(self) -> (Span, Span, Span, Option<Span>) {
        (Span::from_secs(self.0), Span::from_secs(self.1), Span::from_secs(self.2), self.3.map(Span::from_secs))
    }
}

#[test]
fn a_limit_holds_for_every_duration() {
    let strict = strict();
    let wishes: [(&str, PolicyConfig); 9] = [
        ("ping_interval", PolicyConfig { ping_interval: Some(TOO_LONG), ..strict.clone() }),
        ("ping_timeout", PolicyConfig { ping_timeout: Some(TOO_LONG), ..strict.clone() }),
        ("first_ping", PolicyConfig { first_ping: Some(TOO_LONG), ..strict.clone() }),
        ("write_stall", PolicyConfig { write_stall: Some(TOO_LONG), ..strict.clone() }),
        ("heartbeat_write_stall", PolicyConfig { heartbeat_write_stall: Some(TOO_LONG), ..strict.clone() }),
        ("feed_timeout", PolicyConfig { feed_timeout: Some(TOO_LONG), ..strict.clone() }),
        ("close_timeout", PolicyConfig { close_timeout: Some(TOO_LONG), ..strict.clone() }),
        ("handshake_timeout", PolicyConfig { handshake_timeout: Some(TOO_LONG), ..strict.clone() }),
        ("max_lifetime", PolicyConfig { max_lifetime: Some(TOO_LONG), ..strict }),
    ];
    for (field, wishes) in wishes {
        let told = wishes.check(heartbeats()).expect_err(field).to_string();
        assert!(told.starts_with(&format!("{field} = ")) && told.ends_with("at most 36500 days"), "{told}");
    }
}

#[test]
fn jitter_and_close_codes_have_their_limits_on_both_planes() {
    let half = |base: PolicyConfig| PolicyConfig { jitter_ppm: Some(500_000), ..base };
    let reserved = |base: PolicyConfig| PolicyConfig { close_code: Some(1006), ..base };
    for wishes in [half(strict()), half(PolicyConfig::default())] {
        assert_eq!(wishes.check(heartbeats()).unwrap_err().to_string(), "jitter = 50%: below 50%");
    }
    for wishes in [reserved(strict()), reserved(PolicyConfig::default())] {
        assert!(wishes.check(heartbeats()).unwrap_err().to_string().starts_with("close_code = 1006: a code that may be sent"));
    }
}

#[test]
fn zero_turns_off_what_may_be_off() {
    let off = PolicyConfig { ping_interval: Some(Duration::ZERO), feed_timeout: Some(Duration::ZERO), ..PolicyConfig::default() };
    let policy = off.check(heartbeats()).unwrap();
    assert_eq!((policy.transport, policy.application.unwrap().feed_timeout), (None, None));
    let aged = Plan { max_lifetime: Some(Span::from_secs(60)), ..Plan::default() };
    let lifetime = |wish| PolicyConfig { max_lifetime: wish, ..PolicyConfig::default() }.check(aged.clone()).unwrap().limits.max_lifetime;
    assert_eq!(lifetime(None), Some(Span::from_secs(60)), "the dialect's");
    assert_eq!(lifetime(Some(Duration::ZERO)), None);
    assert_eq!(lifetime(Some(SECOND)), Some(Span::from_secs(1)));
}

#[test]
fn without_wishes_the_plan_runs_as_it_is() {
    let wishes = PolicyConfig::default();
    assert_eq!(wishes.check(Plan::default()), Ok(Policy::off()));
    assert_eq!(Some(application(&wishes)), heartbeats().application);
    let planned = Plan { transport: Some(Transport::strict()), ..Plan::default() };
    assert_eq!(wishes.check(planned).unwrap(), Policy::strict());
    // A dialect that closes without a code keeps doing so.
    let mut without_code = heartbeats();
    without_code.application.as_mut().unwrap().close_code = None;
    let wishes = PolicyConfig { close_code: Some(4001), ..PolicyConfig::default() };
    assert_eq!(wishes.check(without_code).unwrap().application.unwrap().close_code, None);
}

#[test]
fn the_grid_of_all_connections_has_no_jitter() {
    let wishes = PolicyConfig { jitter_ppm: Some(50_000), cadence: Some(Cadence::Together), ..PolicyConfig::default() };
    assert_eq!(application(&wishes).ask.unwrap().jitter_ppm, 0);
}

#[test]
fn what_does_not_go_together_is_told() {
    let told = |wishes: PolicyConfig, plan: Plan| wishes.check(plan).unwrap_err().to_string();
    let lonely = PolicyConfig { ping_timeout: Some(SECOND), ..PolicyConfig::default() };
    assert_eq!(told(lonely, Plan::default()), "ping_timeout = 1s: goes with ping_interval or profile");
    let planned = Plan { transport: Some(Transport::strict()), ..Plan::default() };
    let twice = [strict(), PolicyConfig { ping_interval: Some(SECOND), ..PolicyConfig::default() }];
    for (twice, told_of) in twice.into_iter().zip(["profile = strict", "ping_interval = 1s"]) {
        let limit = ": the dialect's heartbeats are pings already: set interval instead, or dialect = none";
        assert_eq!(told(twice, planned.clone()), format!("{told_of}{limit}"));
    }
    let recipe = PolicyConfig { profile: Some(Profile::WsRecipe), ping_timeout: Some(SECOND), ..PolicyConfig::default() };
    let limit = "ping_timeout = 1s: ws-recipe judges at its next ping: leave it out, or set it equal to ping_interval";
    assert_eq!(told(recipe, Plan::default()), limit);
}

#[test]
fn another_systems_profile_has_no_settings_of_stricts() {
    let websockets = PolicyConfig { profile: Some(Profile::Websockets), ..PolicyConfig::default() };
    let wishes: [(&str, PolicyConfig); 5] = [
        ("evidence = bytes", PolicyConfig { evidence: Some(Evidence::AnyBytes), ..websockets.clone() }),
        ("only_when_idle = false", PolicyConfig { only_when_idle: Some(false), ..websockets.clone() }),
        ("adaptive = false", PolicyConfig { adaptive: Some(false), ..websockets.clone() }),
        ("tolerate_empty = false", PolicyConfig { tolerate_empty: Some(false), ..websockets.clone() }),
        ("write_stall = 1s", PolicyConfig { write_stall: Some(SECOND), ..websockets.clone() }),
    ];
    for (set, wishes) in wishes {
        let told = wishes.check(Plan::default()).unwrap_err().to_string();
        assert_eq!(told, format!("{set}: profile strict only: the other profiles do as their originals"));
    }
    assert_eq!(transport(&websockets).profile, Profile::Websockets);
}

#[test]
fn each_profile_has_the_times_of_its_original() {
    let times = |profile, interval: Option<u64>, timeout: Option<u64>| {
        let secs = |n: Option<u64>| n.map(Duration::from_secs);
        let wishes =
            PolicyConfig { profile: Some(profile), ping_interval: secs(interval), ping_timeout: secs(timeout), ..PolicyConfig::default() };
        let t = transport(&wishes);
        let in_secs = |span: Span| span.as_nanos() / 1_000_000_000;
        (in_secs(t.interval), in_secs(t.timeout), in_secs(t.write_stall), t.clamped_from.map(in_secs))
    };
    assert_eq!(times(Profile::Strict, None, None), (20, 20, 40, None));
    assert_eq!(times(Profile::Websockets, None, None), (20, 20, 40, None));
    assert_eq!(times(Profile::WsRecipe, None, None), (30, 30, 60, None));
    assert_eq!(times(Profile::WsRecipe, Some(5), Some(5)), (5, 5, 10, None));
    assert_eq!(times(Profile::UWebSockets, None, None), (112, 8, 16, None));
    assert_eq!(times(Profile::GorillaChat, None, None), (54, 60, 120, None));
    assert_eq!(times(Profile::Tornado64, Some(9), None), (9, 30, 60, None));
    assert_eq!(times(Profile::Tornado64, Some(11), None), (11, 33, 66, None));
    assert_eq!(times(Profile::Tornado64, Some(11), Some(0)), (11, 0, 0, None));
    assert_eq!(times(Profile::Tornado65, Some(9), None), (9, 9, 18, None));
    assert_eq!(times(Profile::Tornado65, Some(9), Some(9)), (9, 9, 18, None));
    assert_eq!(times(Profile::Tornado65, Some(9), Some(10)), (9, 9, 18, Some(10)));
    assert_eq!(times(Profile::Tornado65, Some(9), Some(0)), (9, 0, 0, None));
    let zero = PolicyConfig { ping_timeout: Some(Duration::ZERO), ..strict() };
    assert!(zero.check(Plan::default()).unwrap_err().to_string().starts_with("ping_timeout = 0"));
    let stall_after = |secs| transport(&PolicyConfig { ping_interval: Some(SECOND * secs), ..strict() }).stall_after;
    assert_eq!((stall_after(3), stall_after(60)), (Span::from_secs(3), Span::from_secs(5)));
}

#[test]
fn settings_that_are_no_map_are_refused() {
    let told = serde_json::from_str::<PolicyConfig>("[]").unwrap_err().to_string();
    assert!(told.contains("a map of policy settings"), "{told}");
}

#[test]
fn the_shortest_and_the_longest_duration_can_be_wished() {
    for (wish, span) in [(Duration::from_millis(1), Span::from_millis(1)), (TOO_LONG - 86_400 * SECOND, Span::from_secs(36_500 * 86_400))] {
        assert_eq!(transport(&PolicyConfig { ping_interval: Some(wish), ..strict() }).interval, span);
        for off in [wish - Duration::from_nanos(1), wish + Duration::from_nanos(1)] {
            let kept = PolicyConfig { ping_interval: Some(off), ..strict() }.check(Plan::default()).is_ok();
            assert_eq!(kept, (Duration::from_millis(1)..=TOO_LONG - 86_400 * SECOND).contains(&off), "{off:?}");
        }
    }
}

#[test]
fn how_many_pings_a_peer_may_send_is_one_at_least_and_what_was_wished() {
    let limits = |config: PolicyConfig| config.check(Plan::default()).map(|policy| policy.limits);
    let wished = limits(PolicyConfig { pings_per_s: Some(3), pings_burst: Some(7), ..strict() }).unwrap();
    assert_eq!((wished.pings_per_s, wished.pings_burst), (3, 7));
    let one = limits(PolicyConfig { pings_per_s: Some(1), pings_burst: Some(1), ..strict() }).unwrap();
    assert_eq!((one.pings_per_s, one.pings_burst), (1, 1));
    for (config, told) in [
        (PolicyConfig { pings_per_s: Some(0), ..strict() }, "pings_per_s = 0: 1 to 4294967295"),
        (PolicyConfig { pings_burst: Some(0), ..strict() }, "pings_burst = 0: 1 to 4294967295"),
    ] {
        assert_eq!(limits(config).unwrap_err().to_string(), told);
    }
}
