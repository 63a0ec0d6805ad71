//! One file a subcommand.

pub(crate) mod advise;
pub(crate) mod check_config;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod dialects;
pub(crate) mod load;
pub(crate) mod man;
pub(crate) mod ping;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod top;
