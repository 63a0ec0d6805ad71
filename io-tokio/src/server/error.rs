//! What can go wrong for the one who calls.

use std::io;
use std::net::SocketAddr;

use wsbeat_core::event::ConnId;
use wsbeat_core::policy::PolicyError;

/// Why a server could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A setting of the policy that cannot be.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A limit that cannot be.
    #[error("{field} = {value}: {limit}")]
    Limit {
        /// The name of the field.
        field: &'static str,
        /// What it was.
        value: u64,
        /// What is allowed.
        limit: &'static str,
    },
    /// An address that could not be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused what every server needs.
    #[error("cannot watch sockets: {0}")]
    System(#[from] io::Error),
}

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closing or gone.
    #[error("conn={} is closed", .0.number())]
    Closed(ConnId),
    /// It would exceed what may wait for this peer to read.
    #[error("{queued_bytes} bytes wait for the peer already and {bytes} more pass the limit of {write_bytes_max}")]
    Full {
        /// What waits, with what its queue takes.
        queued_bytes: usize,
        /// The size of what was to be sent, as a frame.
        bytes: usize,
        /// What may wait.
        write_bytes_max: u32,
    },
    /// It is a connection of another worker, where so many commands wait already.
    #[error("{commands_max} commands wait at its worker already")]
    Behind {
        /// How many may wait.
        commands_max: u32,
    },
}

/// Why a command of a [`Handle`](super::Handle) was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// No open connection has this id.
    #[error("conn={} is not open", .0.number())]
    Unknown(ConnId),
    /// So many commands wait already: the server is behind.
    #[error("{commands_max} commands wait already")]
    Full {
        /// How many may wait.
        commands_max: u32,
    },
    /// The server has ended.
    #[error("the server has ended")]
    Stopped,
}

/// Why a server was not given other settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconfigureError {
    /// A setting that cannot be.
    #[error(transparent)]
    Setting(#[from] BindError),
    /// It was not taken.
    #[error(transparent)]
    Handle(#[from] HandleError),
}

/// A ping's payload longer than a control frame can hold (RFC 6455 §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ping of {bytes} bytes: at most 125")]
pub struct PayloadTooLong {
    /// Its length.
    pub bytes: usize,
}

/// A close that RFC 6455 does not allow to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReasonError {
    /// The code may not be on the wire (§7.4).
    #[error("close code {0}: 1000 to 1003, 1007 to 1014 and 3000 to 4999 may be sent")]
    Code(u16),
    /// The reason does not fit into a control frame.
    #[error("a reason of {bytes} bytes: at most 123")]
    Reason {
        /// Its length.
        bytes: usize,
    },
}
