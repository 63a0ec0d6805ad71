//! Server-sent events: a summary each second, and each verdict once, with the line that explains it.

use std::time::{Duration, Instant};

use wsbeat_core::event::{ConnId, VerdictKind};
use wsbeat_tests::http::{Administered, Events, get, status};
use wsbeat_tests::raw::{PATIENCE, Raw};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::admin::{AdminConfig, AdminLimits};

fn scene() -> (Serving, Administered) {
    let serving = Serving::start(config());
    let admin = Administered::start(|config| config, &[("main", serving.handle.clone())]);
    (serving, admin)
}

fn tell(admin: &Administered, number: u32) {
    let id = ConnId { index: 0, generation: number - 1 };
    let peer = ([127, 0, 0, 1], 50_000).into();
    admin.verdicts.push("main", id, peer, VerdictKind::PeerSilent, Some(4408), || format!("conn={number} close 4408 peer-silent"));
}

#[test]
fn a_summary_comes_at_once_and_then_each_second() {
    let (serving, admin) = scene();
    let mut events = Events::open(admin.address);
    assert_eq!(events.until("summary")["connections"], 0);
    let _raw = Raw::open(serving.address);
    let began = Instant::now();
    while events.until("summary")["connections"] != 1 {
        assert!(began.elapsed() < PATIENCE, "never shown");
    }
    let one = events.until("summary")["now_ms"].as_u64().unwrap();
    let two = events.until("summary")["now_ms"].as_u64().unwrap();
    assert!((500..5_000).contains(&(two - one)), "{} ms", two - one);
    let direct = get(admin.address, "/api/summary").json();
    let streamed = events.until("summary");
    assert_eq!((&direct["opened"], &direct["version"]), (&streamed["opened"], &streamed["version"]));
}

#[test]
fn verdicts_come_as_they_happen_and_the_last_hundred_to_who_comes_later() {
    let (_serving, admin) = scene();
    let mut first = Events::open(admin.address);
    let _ = first.until("summary");
    for number in 1..=130 {
        tell(&admin, number);
    }
    for number in 1..=130 {
        let verdict = first.until("verdict");
        assert_eq!(verdict["id"], number);
        assert_eq!(verdict["text"], format!("conn={number} close 4408 peer-silent"));
    }
    let mut second = Events::open(admin.address);
    for number in 31..=130 {
        assert_eq!(second.until("verdict")["id"], number);
    }
    let (name, summary) = second.next_event().expect("goes on");
    assert_eq!((name.as_str(), &summary["v"]), ("summary", &1.into()));
    tell(&admin, 131);
    for events in [&mut first, &mut second] {
        let verdict = events.until("verdict");
        assert_eq!((&verdict["id"], &verdict["code"], &verdict["verdict"]), (&131.into(), &4408.into(), &"peer-silent".into()));
        assert_eq!((&verdict["listener"], &verdict["peer"]), (&"main".into(), &"127.0.0.1:50000".into()));
    }
}

#[test]
fn streams_are_limited_and_one_that_ends_makes_room() {
    let (serving, _) = scene();
    let limits = AdminLimits { streams_max: 2, ..AdminLimits::default() };
    let admin = Administered::start(|config| AdminConfig { limits, ..config }, &[("main", serving.handle.clone())]);
    let mut open = vec![Events::open(admin.address), Events::open(admin.address)];
    assert_eq!(status(admin.address, "/api/events"), 503);
    let refused = get(admin.address, "/api/events");
    assert_eq!((refused.status, refused.error().as_str()), (503, "2 event streams already: no more at once"));
    assert_eq!(get(admin.address, "/api/summary").status, 200, "everything else goes on");
    drop(open.pop());
    let end = Instant::now() + PATIENCE;
    while status(admin.address, "/api/events") != 200 {
        assert!(Instant::now() < end, "a stream that has gone keeps its place");
        std::thread::sleep(Duration::from_millis(50));
    }
}
