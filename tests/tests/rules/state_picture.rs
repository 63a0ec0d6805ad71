//! The picture of the states in docs/states.svg is what the machine does. `WSBEAT_BLESS=1` draws it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, Input};
use wsbeat_core::policy::Policy;
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now};
use wsbeat_tests::machine::{INPUTS, name};

/// How often an input is put in before it counts as one that moves nothing: a flood of pings is more than fifty.
const REPEATED: u32 = 200;

/// A connection on its way, and the time it has.
#[derive(Clone)]
struct Driven {
    connection: Connection,
    policy: Policy,
    now: Now,
    deadline: Instant,
}

impl Driven {
    fn accepted() -> Self {
        let (policy, now) = (Policy::strict(), Now::new(Instant::ZERO, 0));
        let connection = Connection::accepted(&policy, now, Chance::new(7, 1));
        let deadline = connection.deadline(&policy);
        Driven { connection, policy, now, deadline }
    }

    /// Puts an input in; pings leave at once where `writes`.
    fn put(&mut self, input: Input, writes: bool) {
        if input == Input::Tick && self.deadline != Instant::NEVER {
            self.now.at = self.deadline;
        }
        let mut pings = Vec::new();
        let mut sink = |action: Action| {
            if let Action::Ping(payload) = action {
                pings.push(payload);
            }
        };
        self.deadline = self.connection.step(&self.policy, self.now, input, &mut sink);
        for payload in pings.into_iter().filter(|_| writes) {
            self.deadline = self.connection.step(&self.policy, self.now, Input::PingFlushed(payload), &mut |_| {});
        }
    }

    fn at(phase: Phase) -> Self {
        let mut driven = Driven::accepted();
        let way: &[Input] = match phase {
            Phase::Handshake => &[],
            Phase::Open => &[Input::Opened],
            Phase::Closing => &[Input::Opened, Input::UserClose(1000)],
            Phase::Echoed => &[Input::Opened, Input::PeerClose(1000)],
            Phase::Ended => &[Input::Lost],
        };
        way.iter().for_each(|input| driven.put(*input, true));
        assert_eq!(driven.connection.phase(), phase);
        driven
    }
}

/// Which inputs lead from where to where, found by driving the machine.
fn moves() -> BTreeMap<(usize, usize), Vec<String>> {
    let place = |phase: Phase| Phase::ALL.iter().position(|other| *other == phase).unwrap();
    let mut found: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for from in Phase::ALL {
        for (input, writes) in INPUTS.iter().flat_map(|input| [(input, true), (input, false)]) {
            let mut driven = Driven::at(from);
            for _ in 0..REPEATED {
                driven.put(*input, writes);
                let to = driven.connection.phase();
                if to != from {
                    let names = found.entry((place(from), place(to))).or_default();
                    if !names.contains(&name(input)) {
                        names.push(name(input));
                    }
                    break;
                }
            }
        }
    }
    found
}

/// The middle of each phase's box: x, y.
const PLACES: [(i32, i32); 5] = [(110, 170), (360, 170), (640, 80), (640, 260), (900, 170)];
const BOX: (i32, i32) = (130, 46);
const LINE: i32 = 15;

/// How an arrow runs: its path, and where its inputs are written.
fn arrow(from: usize, to: usize) -> (String, (i32, i32)) {
    let ((x1, y1), (x2, y2)) = (PLACES[from], PLACES[to]);
    let (half_w, half_h) = (BOX.0 / 2, BOX.1 / 2);
    match (from, to) {
        // Over and under the others: from the first to the last.
        (0, 4) => (format!("M{x1} {} C{x1} 400 {x2} 400 {x2} {}", y1 + half_h, y2 + half_h), ((x1 + x2) / 2, 356)),
        (1, 4) => (format!("M{} {y1} L{} {y2}", x1 + half_w, x2 - half_w), (640, y1 - 22)),
        _ => {
            let (dx, dy) = (x2 - x1, y2 - y1);
            let start = (x1 + half_w, y1 + dy.signum() * half_h / 2);
            let end = (x2 - half_w, y2 - dy.signum() * half_h / 2);
            let lift = if dy == 0 { -10 } else { 0 };
            (format!("M{} {} L{} {}", start.0, start.1, end.0, end.1), ((x1 + dx / 2), (y1 + dy / 2) + lift))
        }
    }
}

fn picture() -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1000 400\" role=\"img\" aria-label=\"The states of a connection and what leads from one to the other\">\n\
         <!-- printed by tests/tests/rules/state_picture.rs from the machine itself -->\n\
         <style>\n\
         text { font: 12px ui-monospace, monospace; fill: #222; text-anchor: middle }\n\
         .name { font-size: 15px; font-weight: 600 }\n\
         rect { fill: #eef3fb; stroke: #4a6fa5; stroke-width: 1.5 }\n\
         path { fill: none; stroke: #666; stroke-width: 1.3; marker-end: url(#tip) }\n\
         marker path { fill: #666; stroke: none; marker-end: none }\n\
         .back { fill: #fff; stroke: none; opacity: .9 }\n\
         svg { background: #fff }\n\
         @media (prefers-color-scheme: dark) { svg { background: #16181d } text { fill: #ddd } rect { fill: #24324a; stroke: #7fa3d8 } .back { fill: #16181d } path { stroke: #999 } marker path { fill: #999 } }\n\
         </style>\n\
         <defs><marker id=\"tip\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\"><path d=\"M0 0 L9 4 L0 8 z\"/></marker></defs>\n",
    );
    let moves = moves();
    let arrows = moves.iter().map(|((from, to), names)| (arrow(*from, *to), names)).collect::<Vec<_>>();
    for ((path, _), _) in &arrows {
        writeln!(svg, "<path d=\"{path}\"/>").unwrap();
    }
    for ((_, (x, y)), names) in &arrows {
        // Three to a line at most, written upwards from where the arrow runs.
        let lines: Vec<String> = names.chunks(2).map(|chunk| chunk.join(", ")).collect();
        let width = lines.iter().map(|line| line.len() as i32 * 7 + 10).max().unwrap_or(0);
        let height = lines.len() as i32 * LINE;
        let top = y - height / 2;
        writeln!(svg, "<rect class=\"back\" x=\"{}\" y=\"{top}\" width=\"{width}\" height=\"{}\"/>", x - width / 2, height + 2).unwrap();
        for (number, line) in lines.iter().enumerate() {
            writeln!(svg, "<text x=\"{x}\" y=\"{}\">{line}</text>", top + LINE * (number as i32 + 1) - 3).unwrap();
        }
    }
    for (phase, (x, y)) in Phase::ALL.iter().zip(PLACES) {
        let (left, top) = (x - BOX.0 / 2, y - BOX.1 / 2);
        writeln!(svg, "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"9\"/>", BOX.0, BOX.1).unwrap();
        writeln!(svg, "<text class=\"name\" x=\"{x}\" y=\"{}\">{phase:?}</text>", y + 5).unwrap();
    }
    svg.push_str("</svg>\n");
    svg
}

#[test]
fn the_picture_of_the_states_is_the_machine() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/states.svg");
    if std::env::var_os("WSBEAT_BLESS").is_some() {
        std::fs::write(&path, picture()).unwrap();
        return;
    }
    let drawn = std::fs::read_to_string(&path).unwrap();
    assert_eq!(drawn, picture(), "run WSBEAT_BLESS=1 cargo test -p wsbeat-tests --test rules state_picture");
}

#[test]
fn every_state_but_the_first_is_reached_and_every_one_but_the_last_is_left() {
    let moves = moves();
    for (place, phase) in Phase::ALL.iter().enumerate() {
        assert_eq!(moves.keys().any(|(_, to)| *to == place), *phase != Phase::Handshake, "{phase:?}");
        assert_eq!(moves.keys().any(|(from, _)| *from == place), *phase != Phase::Ended, "{phase:?}");
    }
    let given_up = &moves[&(1, 2)];
    assert!(["Tick", "Ping", "Fault"].iter().all(|input| given_up.iter().any(|name| name == input)), "{given_up:?}");
    assert!(moves[&(1, 4)].contains(&"Tick".to_owned()), "a write that stalls aborts");
}
