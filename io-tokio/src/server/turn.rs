//! One turn of the driver: accept, drain what has arrived, advance time, and say when to come again.

use std::io;
use std::time::Duration;

use mio::Events;
use mio::event::Event;
use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::hub::Next;
use wsbeat_core::time::{Instant, Span};

use super::accept::Accepted;
use super::driver::Driver;
use super::handler::Handler;
use super::shared::Command;
use super::slot::Stage;
use super::stats::Refusal;
use super::waking::{LINGER_TOKENS, LISTENER_TOKENS, WAKE_TOKEN, Wait};
use super::world::World;

/// How many connections are accepted before the others have their turn.
const ACCEPTS_PER_TURN: usize = 128;
/// How many due connections the hub visits before the sockets are looked at again.
const ADVANCE_BUDGET: u32 = 256;
/// How often that is done in one turn.
const ADVANCES_PER_TURN: usize = 16;
/// How long a turn does what handles asked for.
const COMMANDS_MAX: Span = Span::from_millis(5);
/// How long a turn reads. Who is left over is read in the next one, first, and not judged before.
const READING_MAX: Span = Span::from_millis(5);
/// How much is read, in bytes, before the clock is looked at again.
const READ_PER_LOOK: usize = 4 << 10;
/// As how many bytes a read counts besides those that it gave.
pub(super) const READ_COST: usize = 256;
/// So few are read at once where sockets are only looked at: to mark them costs as much.
const READ_AT_A_GLANCE: usize = 64;
/// How old the look at the sockets may be when time advances; older, and they are looked at again without being read.
const LOOK_AGE_MAX: Span = Span::from_millis(1);

/// What is done with a connection that has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    /// They are read.
    Read,
    /// They are left for the next turn, and it is not judged before.
    Mark,
}

/// What is known of what a connection would read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// There are bytes.
    Bytes,
    /// There may be bytes, the end of the stream, or nothing.
    Unknown,
}

impl Arrived {
    /// The kernel looks when it tells: who can be read and is at no end has bytes.
    fn of(event: &Event) -> Self {
        let may_have_ended = event.is_read_closed() || event.is_error();
        if event.is_readable() && !may_have_ended { Arrived::Bytes } else { Arrived::Unknown }
    }
}

impl<H: Handler> Driver<H> {
    pub(super) fn turn(&mut self) -> io::Result<Wait> {
        self.world.shared.looks();
        self.world.tick_clock();
        self.world.presence.awake(self.world.now.at, self.world.look_each());
        self.world.pending.wants_rtt = self.handler.wants().rtt;
        let mut again = self.commands() | self.look_on();
        self.inbound()?;
        again |= self.accept();
        let due = self.expire();
        if let Some(ending) = self.drain_on() {
            return Ok(Wait::Ended(ending));
        }
        let next = self.advance()?;
        if self.world.hub.is_empty() {
            self.world.release();
        }
        let is_drained = self.drain.is_some() && self.world.hub.is_empty();
        again |= next == Next::Again || !self.world.unread.is_empty() || is_drained || self.world.shared.is_woken();
        if again {
            return Ok(Wait::Again);
        }
        self.world.trim();
        let next = match next {
            Next::At(at) => at,
            Next::Again | Next::Idle => Instant::NEVER,
        };
        self.world.counted.timer_lag.promise(next);
        let until = next.min(due).min(self.drain_due()).min(self.accept_due());
        self.world.presence.rests_until(until);
        Ok(Wait::Until(until))
    }

    // What has arrived.

    /// Reads what was left last time, then everything that the kernel says is readable.
    fn inbound(&mut self) -> io::Result<()> {
        self.reads_until = self.world.clock.monotonic().after(READING_MAX);
        (self.read_since_look, self.is_late) = (0, false);
        for _ in 0..self.world.unread.len() {
            if self.is_late() {
                break;
            }
            let Some(id) = self.world.unread.pop_front() else { break };
            let Some(slot) = self.world.slot(id) else { continue };
            slot.unread = false;
            self.events_are_fresh = false;
            self.read(id);
        }
        // Each round reports a socket once; a socket comes again in the same turn only while its peer keeps sending.
        // The first round was asked for when the driver rested.
        let rounds_max = 1 + self.world.slots.len() / 512;
        for _ in 0..=rounds_max {
            if !self.work_off(Self::event) {
                return Ok(());
            }
            self.poll_events(Some(Duration::ZERO))?;
        }
        self.work_off(Self::mark);
        self.glance()
    }

    /// This turn has read for long enough. The clock is looked at for every few kilobytes or sockets only.
    pub(super) fn is_late(&mut self) -> bool {
        if self.read_since_look >= READ_PER_LOOK {
            self.read_since_look = 0;
            self.is_late = self.world.clock.monotonic() > self.reads_until;
        }
        self.is_late
    }

    /// Sees to it that the clock is looked at before more is read.
    pub(super) fn look_at_clock(&mut self) {
        self.read_since_look = READ_PER_LOOK;
    }

    /// Works off the events that were polled. Returns whether there may be more than fitted.
    fn work_off(&mut self, mut each: impl FnMut(&mut Self, &Event)) -> bool {
        let Some(mut events) = self.events.take() else { return false };
        let is_full = is_full(&events);
        for event in &events {
            each(self, event);
        }
        events.clear();
        self.events = Some(events);
        is_full
    }

    fn event(&mut self, event: &Event) {
        let token = event.token().0;
        if token == WAKE_TOKEN {
            return;
        }
        if token >= LINGER_TOKENS {
            let mut space = std::mem::take(&mut self.space);
            self.linger.ready(token, &mut space);
            self.space = space;
            return;
        }
        if token >= LISTENER_TOKENS {
            return self.acceptor.readable(token - LISTENER_TOKENS);
        }
        let take = if self.is_late() { Take::Mark } else { Take::Read };
        self.ready(event, take);
    }

    /// A connection can be read or written.
    fn ready(&mut self, event: &Event, take: Take) {
        let Some(id) = self.world.id_at(event.token().0) else { return };
        let Some(slot) = self.world.slot(id) else { return };
        slot.read_closed |= event.is_read_closed();
        let waits = slot.queued_bytes() > 0;
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match take {
                Take::Read => self.read(id),
                Take::Mark if self.events_are_fresh => self.world.leave_unread(id, Arrived::of(event)),
                Take::Mark => self.world.leave_unread(id, Arrived::Unknown),
            }
        }
        if waits && event.is_writable() {
            self.world.flush(id);
            self.settle(None);
        }
    }

    /// Looks without reading, but for a few: who has something is marked, and not judged before it was read (R11).
    fn glance(&mut self) -> io::Result<()> {
        let rounds_max = 2 + self.world.slots.len() / 512;
        for _ in 0..rounds_max {
            self.poll_events(Some(Duration::ZERO))?;
            let are_few = self.events.as_ref().is_some_and(|events| events.iter().nth(READ_AT_A_GLANCE).is_none());
            let is_full = if are_few { self.work_off(Self::event) } else { self.work_off(Self::mark) };
            if !is_full {
                break;
            }
        }
        Ok(())
    }

    fn mark(&mut self, event: &Event) {
        if event.token().0 >= LISTENER_TOKENS {
            self.event(event);
        } else {
            self.ready(event, Take::Mark);
        }
    }

    // Time.

    /// Advances time, with a look at the sockets between the portions.
    fn advance(&mut self) -> io::Result<Next> {
        for portion in 0..ADVANCES_PER_TURN {
            let now = self.world.clock.monotonic();
            if portion > 0 || now.since(self.world.now.at) > LOOK_AGE_MAX {
                self.world.tick_clock();
                self.glance()?;
            }
            let next = self.world.advance(ADVANCE_BUDGET);
            self.settle(None);
            if next != Next::Again {
                // What was written since has a deadline of its own, which may be the earliest.
                return Ok(self.world.hub.next_due());
            }
        }
        Ok(Next::Again)
    }

    fn expire(&mut self) -> Instant {
        let assembly = self.world.expire_assembly();
        self.settle(None);
        assembly.min(self.linger.expire(self.world.now.at))
    }

    // New connections.

    /// Accepts some. Returns whether there may be more.
    fn accept(&mut self) -> bool {
        let now = self.world.now.at;
        if !self.acceptor.is_ready(now) {
            return false;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match self.acceptor.accept(now) {
                Accepted::Connection(stream, peer) => self.accepted(stream, peer),
                Accepted::Nothing => {}
                Accepted::Drained => return false,
                Accepted::Exhausted => {
                    let stats = &self.world.shared.stats;
                    stats.accept_errors.add(1);
                    stats.refuse(Refusal::Descriptors);
                    tracing::warn!(target: "wsbeat", "no descriptor left for another connection: waiting");
                    return false;
                }
            }
        }
        true
    }

    fn accept_due(&self) -> Instant {
        if self.acceptor.is_ready(Instant::NEVER) { self.acceptor.resume_at } else { Instant::NEVER }
    }

    // Commands.

    /// Does what handles asked for, for a bounded time. Returns whether there is more.
    fn commands(&mut self) -> bool {
        let until = self.world.now.at.after(COMMANDS_MAX);
        loop {
            if self.commands.is_empty() {
                self.world.shared.take_commands(&mut self.commands);
            }
            let Some(command) = self.commands.pop_front() else { return false };
            self.command(command);
            self.settle(None);
            if self.world.clock.monotonic() > until {
                // What is not taken yet woke us before: nobody wakes us for it again.
                return true;
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            // What is refused for want of room is counted where it is refused.
            Command::Send(id, frame) if self.knows(id) => drop(self.world.send_frame(id, &frame)),
            Command::Ping(id, payload) if self.knows(id) => drop(self.world.ping(id, &payload)),
            Command::Close(id, reason) if self.knows(id) => self.world.close(id, &reason),
            Command::Send(..) | Command::Ping(..) | Command::Close(..) => {}
            Command::Broadcast(frame) => {
                self.world.broadcast_frame(&frame);
            }
            Command::Relay(frame) => {
                self.world.broadcast_frame(&frame);
                self.world.shared.relayed(&frame);
            }
            Command::Policy(policy) => self.world.set_policy(*policy),
            Command::Tls(tls) => self.tls = Some(tls),
            Command::Settings(settings) => self.reconfigure(*settings),
            // Whoever asked may have gone.
            Command::Figures(asker) => drop(asker.send(Box::new(self.world.counted.figures(self.world.hub.stats())))),
            Command::Look(look) => self.look(look),
        }
    }

    /// Whether a command's connection is open still; counts where not.
    fn knows(&mut self, id: ConnId) -> bool {
        let is_open = self.world.stage(id) == Some(Stage::Open);
        if !is_open {
            self.world.shared.stats.commands_unknown.add(1);
        }
        is_open
    }
}

impl World {
    /// Sees to it that a connection is read again, where something is there to be read; it is not judged before.
    pub(super) fn leave_unread(&mut self, id: ConnId, arrived: Arrived) {
        let Some(slot) = self.slot(id).filter(|slot| !slot.unread && !slot.broken) else { return };
        // Whoever is marked must have bytes: only bytes lift the mark.
        let has_bytes = match arrived {
            Arrived::Bytes => true,
            Arrived::Unknown => {
                let Some(has_bytes) = slot.socket().has_bytes() else { return };
                has_bytes
            }
        };
        slot.unread = true;
        self.unread.push_back(id);
        if has_bytes {
            self.input(id, Input::Unread);
        }
    }
}

/// Whether the kernel had as many events as fit.
fn is_full(events: &Events) -> bool {
    events.iter().count() >= events.capacity()
}
