//! A row of the table becomes the policy of each side.

use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Negotiated, Role};
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Evidence, Listen, ListenFor, Matching, Plan, Policy, PolicyConfig, Start, Timing,
    TokenKind, Transport, Unsolicited,
};
use wsbeat_core::time::Span;

fn plan(id: &str, role: Role) -> Plan {
    Dialect::preset(id).unwrap().plan(role, &PolicyConfig::default()).unwrap()
}

fn application(id: &str, role: Role) -> Application {
    plan(id, role).application.unwrap()
}

fn transport(id: &str) -> Transport {
    plan(id, Role::Server).transport.unwrap()
}

const fn s(secs: u64) -> Span {
    Span::from_secs(secs)
}

fn listens(evidence: ListenFor, secs: u64) -> Option<Listen> {
    Some(Listen { limit: s(secs), evidence })
}

#[test]
fn the_blog_is_as_the_article_has_it() {
    let a = application("blog", Role::Server);
    let ask = a.ask.unwrap();
    assert_eq!((ask.period, ask.cadence, ask.death), (s(5), Cadence::Together, Death::MissesAfter(2)));
    assert_eq!((ask.counts, ask.matching, ask.token), (Counts::Queued, Matching::Newest, TokenKind::Timestamp));
    assert_eq!((a.close_code, a.listen), (None, None));
}

#[test]
fn htx_spot_is_the_documented_rule() {
    let a = application("htx-spot-v1", Role::Server);
    let ask = a.ask.unwrap();
    assert_eq!((ask.period, ask.cadence, ask.death), (s(5), Cadence::Spread, Death::MissesBefore(2)));
    assert_eq!((ask.counts, ask.matching, ask.answers), (Counts::Written, Matching::Window(2), Answers::Matching));
    assert_eq!((ask.write_stall, ask.stall_after, ask.start), (s(10), s(5), Start::Jitter));
    assert_eq!((a.close_code, a.listen, a.answers_peer), (Some(4408), None, true));
    let c = application("htx-spot-v1", Role::Client);
    assert_eq!((c.ask, c.listen, c.answers_peer), (None, listens(ListenFor::Heartbeats, 15), true));
}

#[test]
fn askers_ask_as_their_row_says() {
    use Role::{Client, Server};
    for (id, role, period, death, matching, start, timing) in [
        ("htx-spot-v2", Server, 20, Death::MissesBefore(2), Matching::Newest, Start::Jitter, Timing::Beat),
        ("htx-contract-market", Server, 5, Death::MissesBefore(5), Matching::Window(2), Start::Jitter, Timing::Beat),
        ("htx-contract-order", Server, 5, Death::MissesBefore(5), Matching::Window(2), Start::Jitter, Timing::Beat),
        ("okx", Client, 25, Death::Never, Matching::Any, Start::Jitter, Timing::AfterIdle),
        ("bybit-v5", Client, 20, Death::Timeout(s(600)), Matching::Any, Start::Jitter, Timing::Beat),
        ("kucoin", Client, 18, Death::Timeout(s(10)), Matching::Exact, Start::Ready, Timing::Beat),
        ("deribit", Server, 10, Death::MissesBefore(1), Matching::Any, Start::Jitter, Timing::Beat),
        ("kraken-v2", Server, 1, Death::Never, Matching::Any, Start::Jitter, Timing::AfterSilence),
        ("coinbase", Server, 1, Death::Never, Matching::Any, Start::Jitter, Timing::Beat),
        ("mexc-futures", Client, 15, Death::Timeout(s(60)), Matching::Any, Start::Jitter, Timing::Beat),
        ("cryptocom", Server, 30, Death::Timeout(s(5)), Matching::Exact, Start::Jitter, Timing::Beat),
        ("engineio-4", Server, 25, Death::Never, Matching::Any, Start::Interval, Timing::Beat),
        ("phoenix", Client, 30, Death::Timeout(s(30)), Matching::Exact, Start::Jitter, Timing::Beat),
        ("graphql-ws", Server, 12, Death::Timeout(s(12)), Matching::Any, Start::Interval, Timing::Beat),
        ("centrifugo", Server, 25, Death::Timeout(s(10)), Matching::Any, Start::Jitter, Timing::Beat),
        ("signalr", Server, 15, Death::Never, Matching::Any, Start::Interval, Timing::AfterSilence),
        ("signalr", Client, 15, Death::Never, Matching::Any, Start::Interval, Timing::AfterSilence),
        ("stomp-1.2", Client, 10, Death::Never, Matching::Any, Start::Interval, Timing::AfterSilence),
    ] {
        let ask = application(id, role).ask.unwrap();
        let got = (ask.period, ask.death, ask.matching, ask.start, ask.timing, ask.counts);
        assert_eq!(got, (s(period), death, matching, start, timing, Counts::Written), "{id} {role:?}");
    }
}

#[test]
fn listeners_listen_as_their_row_says() {
    use ListenFor::{Bytes, Heartbeats, Messages};
    use Role::{Client, Server};
    for (id, role, listen, asks, answers) in [
        ("blog", Client, listens(Heartbeats, 15), false, true),
        ("htx-spot-v2", Client, listens(Heartbeats, 60), false, true),
        ("htx-contract-market", Client, listens(Heartbeats, 30), false, true),
        ("htx-contract-order", Client, listens(Heartbeats, 30), false, true),
        ("okx", Server, listens(Messages, 30), false, true),
        ("okx", Client, listens(Messages, 55), true, false),
        ("bybit-v5", Server, listens(Heartbeats, 620), false, true),
        ("bybit-v5", Client, None, true, false),
        ("kucoin", Server, listens(Heartbeats, 28), false, true),
        ("deribit", Client, listens(Heartbeats, 20), false, true),
        ("kraken-v2", Server, None, true, false),
        ("kraken-v2", Client, listens(Messages, 10), false, false),
        ("coinbase", Client, listens(Messages, 10), false, false),
        ("mexc-futures", Server, listens(Heartbeats, 75), false, true),
        ("cryptocom", Client, listens(Heartbeats, 35), false, true),
        ("engineio-4", Server, listens(Messages, 45), true, false),
        ("engineio-4", Client, listens(Messages, 45), false, true),
        ("phoenix", Server, listens(Heartbeats, 60), false, true),
        ("graphql-ws", Client, listens(Heartbeats, 24), false, true),
        ("graphql-ws", Server, None, true, true),
        ("centrifugo", Client, listens(Heartbeats, 35), false, true),
        ("signalr", Server, listens(Messages, 30), true, false),
        ("signalr", Client, listens(Messages, 30), true, false),
        ("stomp-1.2", Server, listens(Bytes, 20), true, false),
        ("stomp-1.2", Client, listens(Bytes, 20), true, false),
        ("binance-spot", Client, listens(ListenFor::Pings, 80), false, false),
        ("binance-usdm", Client, listens(ListenFor::Pings, 780), false, false),
    ] {
        let a = application(id, role);
        assert_eq!((a.listen, a.ask.is_some(), a.answers_peer), (listen, asks, answers), "{id} {role:?}");
    }
}

#[test]
fn control_frames_are_the_strict_profile() {
    for (id, interval, timeout, answers) in [("binance-spot", 20, 60, Answers::Matching), ("binance-usdm", 180, 600, Answers::Any)] {
        let t = transport(id);
        assert_eq!((t.interval, t.timeout, t.answers), (s(interval), s(timeout), answers), "{id}");
        assert_eq!((t.evidence, t.write_stall, t.stall_after), (Evidence::PongOnly, s(2 * timeout), s(5)), "{id}");
        assert_eq!(plan(id, Role::Server).application, None);
        assert_eq!(plan(id, Role::Client).transport, None);
    }
    assert_eq!(plan("binance-spot", Role::Server).max_lifetime, Some(s(86_400)));
    assert_eq!(plan("binance-spot", Role::Client).max_lifetime, None);
    assert_eq!(plan("binance-usdm", Role::Server).max_lifetime, None);
}

#[test]
fn what_closes_and_what_counts_is_the_rows_own() {
    let code = |id| application(id, Role::Server).close_code;
    assert_eq!((code("centrifugo"), code("okx"), code("blog")), (Some(3012), Some(4408), None));
    let answers = |id| application(id, Role::Server).ask.unwrap().answers;
    assert_eq!(answers("graphql-ws"), Answers::Any);
    assert_eq!(answers("centrifugo"), Answers::Matching);
}

#[test]
fn interval_and_misses_replace_the_rows_and_what_follows_from_them() {
    let config = PolicyConfig { interval: Some(Duration::from_millis(200)), misses: Some(4), ..PolicyConfig::default() };
    for d in Dialect::presets() {
        let (server, client) = (d.plan(Role::Server, &config).unwrap(), d.plan(Role::Client, &config).unwrap());
        if let Some(t) = server.transport {
            assert_eq!((t.interval, t.timeout), (Span::from_millis(200), Span::from_millis(800)));
            continue;
        }
        for a in [server.application, client.application].into_iter().flatten() {
            if let Some(ask) = a.ask {
                assert_eq!((ask.period, ask.stall_after), (Span::from_millis(200), Span::from_millis(200)), "{}", d.id());
            }
            if let Some(listen) = a.listen {
                assert_eq!(listen.limit, Span::from_secs(1), "{}", d.id());
            }
        }
    }
    let ask = |id: &str| Dialect::preset(id).unwrap().plan(Role::Server, &config).unwrap().application.unwrap().ask.unwrap();
    assert_eq!((ask("blog").death, ask("blog").write_stall), (Death::MissesAfter(4), Span::from_millis(800)));
    assert_eq!(ask("htx-spot-v1").death, Death::MissesBefore(4));
    assert_eq!(ask("cryptocom").death, Death::MissesBefore(4));
}

#[test]
fn an_interval_of_zero_turns_the_plane_off() {
    let config = PolicyConfig { interval: Some(Duration::ZERO), ..PolicyConfig::default() };
    for d in Dialect::presets() {
        for role in [Role::Server, Role::Client] {
            assert_eq!(d.plan(role, &config).unwrap(), Plan::default(), "{}", d.id());
        }
    }
}

#[test]
fn what_cannot_be_is_an_error_that_names_it() {
    let d = Dialect::preset("htx-spot-v1").unwrap();
    let with = |interval, misses| PolicyConfig { interval, misses, ..PolicyConfig::default() };
    for (config, field) in [
        (with(Some(Duration::from_nanos(1)), None), "interval"),
        (with(Some(Duration::MAX), None), "interval"),
        (with(None, Some(0)), "misses"),
    ] {
        let e = d.plan(Role::Server, &config).unwrap_err();
        assert_eq!(e.field, field);
        assert!(!e.value.is_empty() && !e.limit.is_empty());
        assert!(d.tuned(&config).is_err());
    }
}

#[test]
fn what_the_peer_sets_is_obeyed() {
    let d = Dialect::preset("kucoin").unwrap();
    let set = |interval, timeout| Negotiated { interval: Some(Duration::from_secs(interval)), timeout: Some(Duration::from_secs(timeout)) };
    let plan = |role, n| d.renegotiate(role, &PolicyConfig::default(), n).unwrap().application.unwrap();
    let ask = plan(Role::Client, set(50, 7)).ask.unwrap();
    assert_eq!((ask.period, ask.death), (s(50), Death::Timeout(s(7))));
    assert_eq!(plan(Role::Server, set(50, 7)).listen, listens(ListenFor::Heartbeats, 57));
    assert_eq!(plan(Role::Client, set(50, 0)).ask.unwrap().death, Death::Never);
    let e = d.renegotiate(Role::Client, &PolicyConfig::default(), set(u64::MAX, 7)).unwrap_err();
    assert_eq!(e.field, "interval");
}

#[test]
fn what_the_peer_negotiates_leaves_what_the_user_wished() {
    let d = Dialect::preset("kucoin").unwrap();
    let said = |interval| Negotiated { interval: Some(Duration::from_secs(interval)), timeout: Some(Duration::from_secs(7)) };
    let own = d.plan(Role::Client, &PolicyConfig::default()).unwrap().application.unwrap();
    let wished = Application {
        ask: own.ask.map(|ask| Ask { cadence: Cadence::Together, jitter_ppm: 9, answers: Answers::Any, ..ask }),
        feed_timeout: Some(s(60)),
        close_code: Some(4001),
        ..own
    };
    let policy = Policy { application: Some(wished), ..Policy::off() };
    let agreed = d.agreed(Role::Client, &policy, said(50)).unwrap().application.unwrap();
    let ask = agreed.ask.unwrap();
    assert_eq!((ask.period, ask.death), (s(50), Death::Timeout(s(7))));
    assert_eq!((ask.cadence, ask.jitter_ppm, ask.answers), (Cadence::Together, 9, Answers::Any));
    assert_eq!((agreed.feed_timeout, agreed.close_code), (Some(s(60)), Some(4001)));
    assert_eq!(d.agreed(Role::Client, &Policy::off(), said(50)).unwrap(), Policy::off(), "what is off stays off");
}

#[test]
fn short_times_are_late_sooner_and_what_closes_control_frames_is_the_rows_own() {
    let toml = Dialect::preset("binance-spot").unwrap().to_toml();
    let own = |interval: &str, timeout: &str| {
        let lines = toml.lines().map(|line| match line.split(" = ").next() {
            Some("interval") => format!("interval = \"{interval}\""),
            Some("death") => format!("death = \"timeout({timeout})\"\nclose = 4001"),
            _ => line.to_string(),
        });
        let lines: Vec<String> = lines.filter(|line| !line.starts_with("close = \"")).collect();
        let own = Dialect::load(&lines.join("\n")).unwrap_or_else(|e| panic!("{e}")).remove(0);
        own.plan(Role::Server, &PolicyConfig::default()).unwrap().transport.unwrap()
    };
    assert_eq!((own("3s", "9s").stall_after, own("9s", "2s").stall_after, own("9s", "9s").stall_after), (s(3), s(2), s(5)));
    assert_eq!(own("3s", "9s").close_code, 4001);
    let ask = application("centrifugo", Role::Server).ask.unwrap();
    assert_eq!((ask.unsolicited, ask.stall_after), (Unsolicited::Refused, s(5)));
    assert_eq!(application("htx-spot-v1", Role::Server).ask.unwrap().unsolicited, Unsolicited::Ignored);
    assert_eq!(application("bybit-v5", Role::Client).ask.unwrap().token, TokenKind::Counter);
    assert_eq!(application("htx-spot-v1", Role::Server).ask.unwrap().token, TokenKind::Timestamp);
    let short = Dialect::preset("kucoin").unwrap();
    let said = Negotiated { interval: Some(Duration::from_secs(50)), timeout: Some(Duration::from_secs(2)) };
    let plan = short.renegotiate(Role::Client, &PolicyConfig::default(), said).unwrap();
    assert_eq!(plan.application.unwrap().ask.unwrap().stall_after, s(2), "the timeout, where it is shorter than five seconds");
}
