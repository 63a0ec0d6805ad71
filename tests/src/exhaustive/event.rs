//! What may happen, and what may be broken.

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// None: the code as it is.
    None,
    /// The shell reports as written what it only queued (R6).
    FlushedWhenQueued,
    /// The shell forgets to report what was written (R6).
    FlushForgotten,
    /// Ticks go before what arrived by then (R1).
    TicksFirst,
    /// The timeout is half of what was promised.
    TimeoutHalved,
    /// The timeout is twice what was promised.
    TimeoutDoubled,
    /// Bytes of one connection count for the other too (R2).
    Crosstalk,
    /// Each connection has a grid of its own, where all were to beat together.
    BeatsApart,
    /// The hub is not told of another policy (R9).
    ChangeForgotten,
    /// A connection is put under another policy, and the other one with it (R9).
    ChangeForBoth,
}

/// Something that happens; connections are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An answer arrives: the one at this place among those on their way.
    Arrives(u8, u8),
    /// The same, and it will arrive once more.
    Repeats(u8, u8),
    /// It never will.
    IsLost(u8, u8),
    /// It may take as long as it likes.
    IsHeld(u8, u8),
    /// The transport takes nothing from now on.
    Blocks(u8),
    /// The transport takes again, and all that waited is written.
    Unblocks(u8),
    /// The transport takes a byte, and no more.
    Drips(u8),
    /// The peer answers our close.
    PeerCloses(u8),
    /// The stream ends.
    Reset(u8),
    /// This connection is put under another policy: the one at this place, 0 being the first one.
    IsAssigned(u8, u8),
    /// The first policy is replaced by the one at this place, under all that run under it.
    IsReplaced(u8),
    /// The hub is advanced.
    Tick,
    /// A second passes.
    Pass,
    /// The host sleeps for so many seconds.
    Sleeps(u8),
}
