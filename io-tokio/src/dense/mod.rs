//! What the two drivers that own all their sockets have in common, the server's and the load's: from a socket to frames.

pub(crate) mod clock;
pub(crate) mod inbound;
pub(crate) mod lone;
pub(crate) mod received;
pub(crate) mod socket;
#[cfg_attr(not(feature = "tls"), path = "tls_off.rs")]
pub(crate) mod tls;
