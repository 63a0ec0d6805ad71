//! The judge can accuse: what each law forbids, done before its eyes.

mod duties;

use super::*;
use crate::event::{Fault, Payload, Plane, Token, Verdict};
use crate::policy::{Application, Ask, Death, Policy};

const ONE: ConnId = ConnId { index: 0, generation: 0 };
const TWO: ConnId = ConnId { index: 1, generation: 1 };

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// Heartbeats every 5 s, two may stay unanswered.
fn asking() -> Policy {
    let ask = Some(Ask::every(Span::from_secs(5), Death::MissesBefore(2)));
    let application = Application { ask, listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

fn verdict(kind: VerdictKind, code: Option<u16>) -> Verdict {
    Verdict::plain(kind, code, "", at(0), at(0))
}

fn silent(plane: Plane, unanswered: u32) -> Action {
    let verdict = Verdict { reason: "heartbeat timeout", plane, unanswered, ..verdict(VerdictKind::PeerSilent, Some(4408)) };
    Action::Close(verdict)
}

/// The verdict of a peer that did not answer ping 1, which was written then.
fn mute(written: u64) -> Verdict {
    let (token, written) = (Some(Payload::Eight(1).token()), Some(at(written)));
    let verdict = verdict(VerdictKind::PeerSilent, Some(4408));
    Verdict { reason: "heartbeat timeout", unanswered: 1, token, written, ..verdict }
}

fn handshake_over() -> Action {
    Action::Abort(verdict(VerdictKind::Handshake, None))
}

fn ping(n: u64) -> Action {
    Action::Ping(Payload::Eight(n))
}

/// A judge with a calm that never comes, and what it is shown.
struct Court(Judge);

impl Court {
    /// One connection, open since 0.
    fn of(policy: Policy) -> Self {
        let mut court = Court(Judge::new(policy, Instant::NEVER));
        court.opens(ONE);
        court
    }

    fn opens(&mut self, id: ConnId) {
        self.0.accepted(id, at(0));
        self.input(0, id, Input::Opened);
    }

    fn input(&mut self, secs: u64, id: ConnId, input: Input) -> &mut Self {
        self.0.input(id, at(secs), input);
        self
    }

    fn hears(&mut self, secs: u64, input: Input) -> &mut Self {
        self.input(secs, ONE, input)
    }

    /// What it does; a verdict is of now, and tells the last byte.
    fn does(&mut self, id: ConnId, action: Action) -> &mut Self {
        let last_byte = self.0.live(id).map_or(at(0), |watched| watched.last_byte);
        let told = |verdict| Verdict { now: self.0.now, deadline: self.0.now, last_byte, ..verdict };
        let action = match action {
            Action::Close(verdict) => Action::Close(told(verdict)),
            Action::Abort(verdict) => Action::Abort(told(verdict)),
            other => other,
        };
        self.0.action(id, &action);
        self
    }

    /// An input, what was done then, and the end of the step.
    fn settles(&mut self, secs: u64, input: Input, actions: &[Action]) -> &mut Self {
        self.hears(secs, input);
        for action in actions {
            self.does(ONE, *action);
        }
        let phase = self.0.live(ONE).map_or(Phase::Ended, |watched| watched.phase);
        self.0.settled(ONE, phase);
        self
    }

    /// The judge looks at all connections.
    fn sweeps(&mut self) -> &mut Self {
        self.0.sweep();
        self
    }

    /// A tick that comes at the deadline, in which the first connection does this.
    fn tick(&mut self, secs: u64, actions: &[Action]) -> &mut Self {
        self.0.asked(at(secs));
        self.late_tick(secs, actions)
    }

    fn late_tick(&mut self, secs: u64, actions: &[Action]) -> &mut Self {
        self.0.tick_begins(at(secs));
        for action in actions {
            self.does(ONE, *action);
        }
        self.0.tick_ends(Next::At(at(secs + 1)));
        self
    }

    /// A ping at 15 s, written at once.
    fn pinged(&mut self) -> &mut Self {
        self.tick(15, &[ping(1)]).hears(15, Input::PingFlushed(Payload::Eight(1)))
    }

    /// A heartbeat, written at once.
    fn beats(&mut self, secs: u64, token: u64) -> &mut Self {
        self.tick(secs, &[Action::Heartbeat(Token(token))]).hears(secs, Input::HeartbeatFlushed(Token(token)))
    }

    #[track_caller]
    fn finds(&self, expected: &[&str]) {
        let found: Vec<&str> = self.0.breaches.iter().map(|breach| breach.what).collect();
        assert_eq!(found, expected);
    }
}

// The hub.

#[test]
fn a_slot_goes_to_one_connection_at_a_time_and_to_the_next_in_order() {
    let mut court = Court::of(Policy::strict());
    court.0.accepted(ConnId { index: 0, generation: 1 }, at(1));
    court.0.accepted(ConnId { index: 5, generation: 2 }, at(1));
    court.finds(&["a slot was given away that was not free"; 2]);
    court.hears(2, Input::Lost);
    court.0.accepted(ConnId { index: 0, generation: 3 }, at(2));
    assert_eq!(court.0.breaches_count, 2);
    court.input(2, ConnId { index: 0, generation: 3 }, Input::Lost);
    court.0.accepted(ConnId { index: 0, generation: 3 }, at(2));
    assert_eq!(court.0.breaches.last().map(|breach| breach.what), Some("R2: an id is used again"));
}

#[test]
fn the_phase_is_what_inputs_and_actions_make_it() {
    let mut court = Court::of(Policy::strict());
    court.0.settled(ONE, Phase::Open);
    court.finds(&[]);
    court.0.settled(ONE, Phase::Closing);
    court.0.settled(TWO, Phase::Open);
    court.finds(&["the phase is not what inputs and actions make it"; 2]);
}

#[test]
fn law_2_a_step_has_at_most_four_actions() {
    let mut court = Court::of(Policy::strict());
    court.hears(1, Input::Data);
    for _ in 0..4 {
        court.does(ONE, Action::Deliver);
    }
    court.finds(&[]);
    court.does(ONE, Action::Deliver).does(ONE, Action::Deliver);
    court.finds(&["law 2: more actions in one step than any rule allows"]);
}

#[test]
fn law_3_a_tick_leaves_nothing_due() {
    let mut court = Court::of(Policy::strict());
    court.0.tick_begins(at(5));
    court.0.tick_ends(Next::Again);
    court.finds(&[]);
    court.0.tick_ends(Next::At(at(5)));
    court.finds(&["law 3: the deadline that a tick returned is not later than now"]);
}

#[test]
fn law_4_a_tick_before_the_deadline_does_nothing() {
    let mut court = Court::of(Policy::strict());
    court.0.asked(at(15));
    court.late_tick(14, &[ping(1)]);
    court.finds(&["law 4: a tick before the deadline did something"]);
}

#[test]
fn law_6_who_has_ended_does_nothing() {
    let mut court = Court::of(Policy::strict());
    court.hears(1, Input::Lost).tick(15, &[ping(1)]);
    court.finds(&["law 6: an action of a connection that had ended"]);
}

#[test]
fn law_8_an_input_moves_its_own_connection_alone() {
    let mut court = Court::of(Policy::strict());
    court.opens(TWO);
    court.hears(1, Input::Data).does(ONE, Action::Deliver).does(TWO, Action::Deliver);
    court.finds(&["law 8: another connection than the one of the input acts"]);
}

#[test]
fn r2_connections_are_visited_in_ascending_order() {
    let mut court = Court::of(Policy::strict());
    court.opens(TWO);
    court.0.asked(at(15));
    court.0.tick_begins(at(15));
    court.does(ONE, ping(1)).does(TWO, ping(2));
    court.finds(&[]);
    court.does(ONE, Action::Deliver);
    court.finds(&["R2: connections are not visited in ascending id"]);
}

#[test]
fn r3_nothing_is_sent_behind_a_close() {
    let mut court = Court::of(Policy::strict());
    court.hears(1, Input::UserClose(1000)).does(ONE, Action::Close(verdict(VerdictKind::User, Some(1000))));
    court.does(ONE, ping(1));
    court.finds(&["R3: something is sent on a connection that is not open"]);
}

#[test]
fn breaches_are_all_counted_and_the_first_told() {
    let mut court = Court::of(Policy::strict());
    (0..20).for_each(|_| court.0.found(ONE, "something"));
    assert_eq!((court.0.breaches.len(), court.0.breaches_count), (BREACHES_MAX, 20));
    assert_eq!(court.0.breaches[0], Breach { at: at(0), conn: 1, what: "something" });
}

// Answers to the peer.

#[test]
fn a_heartbeat_of_the_peers_is_answered_in_its_step_and_nothing_else_is() {
    let mut court = Court::of(asking());
    court.hears(1, Input::Heartbeat(Token(7))).does(ONE, Action::Answer(Token(7)));
    court.0.settled(ONE, Phase::Open);
    court.finds(&[]);
    court.hears(2, Input::Heartbeat(Token(8))).0.settled(ONE, Phase::Open);
    court.hears(3, Input::Data).does(ONE, Action::Answer(Token(9)));
    court.finds(&["a heartbeat of the peer's was not answered in its step", "an answer to what was not asked"]);
    let answer = Action::Answer(Token(7));
    Court::of(asking()).settles(1, Input::Heartbeat(Token(7)), &[answer, answer]).finds(&["an answer to what was not asked"]);
    // Who does not answer heartbeats is not asked for an answer.
    let mut court = Court::of(Policy::strict());
    court.settles(1, Input::Heartbeat(Token(7)), &[Action::Deliver]).finds(&[]);
}

// Giving up.

#[test]
fn r5_a_stall_is_noted_of_no_tick_that_came_in_time() {
    for (late, noted, is_wrong) in [(10, 10, false), (10, 6, false), (10, 11, true), (3, 3, true)] {
        let mut court = Court::of(Policy::strict());
        court.0.asked(at(10));
        court.late_tick(10 + late, &[Action::Note(Note::Stalled { lateness: Span::from_secs(noted) }), ping(1)]);
        court.finds(if is_wrong { &["R5: a stall is noted, and the tick came in time"] } else { &[] });
    }
}

#[test]
fn r5_nobody_is_given_up_by_a_host_that_slept() {
    let slept = Action::Note(Note::Stalled { lateness: Span::from_secs(10) });
    let what = "R5: a peer is given up although the host had slept";
    let mut court = Court::of(Policy::strict());
    court.pinged().0.asked(at(35));
    court.late_tick(45, &[slept, silent(Plane::Transport, 1)]);
    court.finds(&[what]);
    let mut court = Court::of(asking());
    court.beats(5, 1).beats(10, 2).0.asked(at(15));
    court.late_tick(25, &[slept, silent(Plane::Application, 2)]);
    court.finds(&[what]);
    // Without a note: its deadline passed so long ago that this tick may judge nobody.
    let mut court = Court::of(Policy::strict());
    court.pinged().0.asked(at(35));
    court.late_tick(41, &[silent(Plane::Transport, 1)]);
    court.finds(&[what]);
}

#[test]
fn r5_what_is_unanswered_starts_anew_when_the_host_slept() {
    let slept = Action::Note(Note::Stalled { lateness: Span::from_secs(10) });
    let mut court = Court::of(Policy::strict());
    court.pinged().0.asked(at(35));
    court.late_tick(45, &[slept, ping(2)]).tick(64, &[Action::Close(mute(45))]);
    court.finds(&["law 12: a peer is given up although no ping stands unanswered for the timeout"]);
    let mut court = Court::of(Policy::strict());
    court.pinged().0.asked(at(35));
    court.late_tick(45, &[slept, ping(2)]).tick(65, &[Action::Close(mute(45))]);
    court.finds(&[]);
}

#[test]
fn r5_a_ping_goes_out_when_the_host_slept_unless_one_is_unwritten() {
    let slept = Action::Note(Note::Stalled { lateness: Span::from_secs(10) });
    let mut court = Court::of(Policy::strict());
    court.pinged().0.asked(at(35));
    court.late_tick(45, &[slept]);
    court.finds(&["R5: the host had slept, and no ping went out"]);
    let mut court = Court::of(Policy::strict());
    court.tick(15, &[ping(1)]).0.asked(at(35));
    court.late_tick(45, &[slept]);
    court.finds(&[]);
}

#[test]
fn r5_a_handshake_whose_time_passed_in_the_sleep_of_the_host_has_it_anew() {
    let mut court = Court(Judge::new(Policy::off(), Instant::NEVER));
    court.0.accepted(ONE, at(0));
    court.0.asked(at(5));
    court.late_tick(20, &[]);
    court.0.sweep();
    court.finds(&[]);
    court.tick(25, &[handshake_over()]);
    court.finds(&[]);
}

#[test]
fn r11_nobody_is_given_up_while_input_lies_unread() {
    let mut court = Court::of(Policy::strict());
    court.pinged().hears(34, Input::Unread).tick(35, &[silent(Plane::Transport, 1)]);
    court.finds(&["R11: a peer is given up while its input is unread"]);
}

#[test]
fn r11_no_handshake_is_given_up_while_its_request_lies_unread_nor_for_the_time_that_it_did() {
    let given_up = |read: Option<u64>, secs| {
        let mut court = Court(Judge::new(Policy::off(), Instant::NEVER));
        court.0.accepted(ONE, at(0));
        court.hears(1, Input::Unread).hears(2, Input::Unread);
        if let Some(read) = read {
            court.hears(read, Input::Bytes(1)).hears(read, Input::Bytes(1));
        }
        court.tick(secs, &[handshake_over()]);
        court
    };
    given_up(None, 6).finds(&["R11: a peer is given up while its input is unread"]);
    given_up(Some(3), 6).finds(&["an abort without its cause"]);
    given_up(Some(3), 7).finds(&[]);
    let mut mute = Court(Judge::new(Policy::off(), Instant::NEVER));
    mute.0.accepted(ONE, at(0));
    mute.hears(1, Input::Unread).hears(3, Input::Bytes(0)).tick(99, &[]).0.sweep();
    mute.finds(&[]);
    mute.hears(100, Input::Bytes(1)).tick(105, &[]).0.sweep();
    mute.finds(&[LATE]);
}

#[test]
fn in_the_calm_nobody_is_given_up() {
    let mut court = Court::of(Policy::strict());
    court.0.calm_from = at(35);
    court.pinged().tick(35, &[Action::Close(mute(15))]);
    court.finds(&["calm: someone is given up although the storm is over and everyone answers"]);
}

#[test]
fn a_plane_that_is_off_judges_nobody() {
    let mut court = Court::of(Policy::off());
    court.tick(35, &[silent(Plane::Application, 1)]);
    court.finds(&["a verdict of a plane that is off"]);
}

#[test]
fn r8_a_verdict_tells_how_many_heartbeats_stood_unanswered() {
    let mut court = Court::of(asking());
    court.beats(5, 1).beats(10, 2).tick(15, &[silent(Plane::Application, 1)]);
    court.finds(&["R8: a verdict tells another number of unanswered heartbeats"]);
}

#[test]
fn malformed_heartbeats_close_when_more_came_in_a_row_than_may() {
    let closes = |between: Input| {
        let mut court = Court::of(Policy::off());
        for _ in 0..3 {
            court.hears(1, Input::Fault(Fault::Malformed));
        }
        court.hears(1, between).hears(1, Input::Fault(Fault::Malformed));
        court.does(ONE, Action::Close(verdict(VerdictKind::Malformed, Some(1007))));
        court.0.breaches_count == 0
    };
    assert!(closes(Input::Bytes(1)));
    for good in [Input::Data, Input::Answer(Token(1)), Input::Heartbeat(Token(1))] {
        assert!(!closes(good), "{good:?}");
    }
}
