//! Looking at all connections without holding anybody up: the driver fills a list a slice a turn.

use tokio::sync::oneshot;
use wsbeat_core::connection::View;
use wsbeat_core::event::ConnId;
use wsbeat_core::time::Now;

use super::driver::Driver;
use super::error::HandleError;
use super::handle::Handle;
use super::handler::Handler;
use super::looks::{CloserLook, ConnectionLook, List, Look, Looks, PlaneLook};
use super::shared::Command;
use super::world::World;

/// How many connections one turn of the driver looks at.
const SLICE: usize = 512;
/// Room for connections that open while the list is filled, so that the driver does not allocate.
const SPARE: usize = 256;

impl Handle {
    /// Looks at all connections: the driver fills the list a few hundred a turn, between which it serves them as ever.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub async fn connections(&self) -> Result<Looks, HandleError> {
        let mut asked = Vec::new();
        for shared in self.workers.each() {
            let (asker, answer) = oneshot::channel();
            let open = usize::try_from(shared.stats.open.get()).unwrap_or_default();
            let looks = Looks { connections: Vec::with_capacity(open + SPARE), ..Looks::default() };
            match self.workers.push(shared, Command::Look(Look::All(Box::new(List { looks, next: 0, asker })))) {
                Ok(()) => asked.push(answer),
                // It has no connections any more.
                Err(HandleError::Stopped) => {}
                Err(error) => return Err(error),
            }
        }
        let mut all: Option<Looks> = None;
        for answer in asked {
            let Ok(looks) = answer.await else { continue };
            match &mut all {
                None => all = Some(looks),
                Some(all) => all.add(looks),
            }
        }
        all.ok_or(HandleError::Stopped)
    }

    /// Looks at one connection; `None` where it has ended.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub async fn connection(&self, id: ConnId) -> Result<Option<Box<CloserLook>>, HandleError> {
        if self.workers.of(id).is_none() {
            return Ok(None);
        }
        let (asker, answer) = oneshot::channel();
        self.workers.ask(id, Command::Look(Look::One(id, asker)))?;
        answer.await.map_err(|_| HandleError::Stopped)
    }

    /// The open connection of this [number](ConnId::number), if there is one. Takes a look at every slot.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<ConnId> {
        let generation = u32::try_from(number.checked_sub(1)?).ok()?;
        self.workers.of_generation(generation)?.find(generation)
    }
}

impl<H: Handler> Driver<H> {
    pub(super) fn look(&mut self, look: Look) {
        match look {
            Look::All(list) => self.lists.push_back(list),
            // Whoever asked may have gone.
            Look::One(id, asker) => drop(asker.send(self.world.look_closer(id).map(Box::new))),
        }
    }

    /// Looks at some more connections for the first who asked for all. Returns whether there is more to look at.
    pub(super) fn look_on(&mut self) -> bool {
        let Some(mut list) = self.lists.pop_front() else { return false };
        if list.asker.is_closed() {
            return !self.lists.is_empty();
        }
        let began = self.world.clock.monotonic();
        let end = (list.next + SLICE).min(self.world.slots.len());
        let now = self.world.now;
        list.looks.connections.extend((list.next..end).filter_map(|index| self.world.glance(index, now)));
        list.next = end;
        list.looks.slice_max = list.looks.slice_max.max(self.world.clock.monotonic().since(began));
        if end < self.world.slots.len() {
            self.lists.push_front(list);
            return true;
        }
        list.looks.taken_ms = now.wall_ms;
        // Whoever asked may have gone.
        let _ = list.asker.send(list.looks);
        !self.lists.is_empty()
    }
}

impl World {
    fn glance(&self, index: usize, now: Now) -> Option<ConnectionLook> {
        self.look_at(self.id_at(index)?, now).map(|(glance, _)| glance)
    }

    fn look_closer(&self, id: ConnId) -> Option<CloserLook> {
        let now = self.now;
        self.look_at(id, now).map(|(glance, view)| CloserLook { glance, view, now })
    }

    fn look_at(&self, id: ConnId, now: Now) -> Option<(ConnectionLook, View)> {
        let slot = self.slots.get(id.index as usize)?.as_ref().filter(|slot| slot.opened)?;
        let view = self.hub.view(id)?;
        let glance = ConnectionLook {
            id,
            peer: slot.peer(&self.addresses),
            phase: view.phase,
            age: now.at.since(view.opened),
            last_byte: now.at.since(view.last_byte),
            queued_bytes: slot.queued_bytes(),
            transport: view.transport.map(|plane| PlaneLook::of(&plane, now.at)),
            application: view.application.map(|plane| PlaneLook::of(&plane, now.at)),
        };
        Some((glance, view))
    }
}
