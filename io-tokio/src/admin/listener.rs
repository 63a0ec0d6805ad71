//! A server that is told of.

use std::sync::{Arc, Mutex, PoisonError};

use super::api::ListenerInfo;
use crate::server::Handle;

/// A server that an admin address tells of. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Listener {
    name: Arc<str>,
    info: Arc<Mutex<ListenerInfo>>,
    pub(super) handle: Handle,
}

impl Listener {
    /// The server of this handle, of which `info` is said.
    #[must_use]
    pub fn new(info: ListenerInfo, handle: Handle) -> Self {
        Listener { name: info.name.as_str().into(), info: Arc::new(Mutex::new(info)), handle }
    }

    /// From now on this is said of it, under the same name: its policy changed.
    pub fn set_info(&self, info: ListenerInfo) {
        let name = self.name.to_string();
        *self.info.lock().unwrap_or_else(PoisonError::into_inner) = ListenerInfo { name, ..info };
    }

    /// What is said of it.
    #[must_use]
    pub fn info(&self) -> ListenerInfo {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
