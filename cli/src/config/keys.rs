//! The names of all settings.

use wsbeat_core::policy::PolicyConfig;

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name in files; the flag has `-` for `_`.
    pub(super) name: &'static str,
    shape: Shape,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    One,
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Each listener may have its own.
    Listener,
    /// One for the whole process.
    Process,
}

impl Key {
    const fn one(name: &'static str) -> Self {
        Key { name, shape: Shape::One, scope: Scope::Listener }
    }

    const fn list(name: &'static str) -> Self {
        Key { name, shape: Shape::List, scope: Scope::Listener }
    }

    const fn process(name: &'static str) -> Self {
        Key { name, shape: Shape::One, scope: Scope::Process }
    }

    /// Whether it holds for the whole process, so that no listener has one of its own.
    pub(super) const fn is_process(self) -> bool {
        matches!(self.scope, Scope::Process)
    }

    pub(super) const fn is_list(self) -> bool {
        matches!(self.shape, Shape::List)
    }
}

/// The keys of the server itself; those of the policy are [`PolicyConfig::KEYS`].
pub(super) const SERVER: [Key; 28] = [
    Key::list("listen"),
    Key::one("dialect"),
    Key::one("dialects"),
    Key::one("on_message"),
    Key::list("origin"),
    Key::one("tls_cert"),
    Key::one("tls_key"),
    Key::one("max_connections"),
    Key::one("max_per_ip"),
    Key::one("max_message"),
    Key::one("write_limit"),
    Key::one("message_timeout"),
    Key::one("max_frames"),
    Key::one("max_head"),
    Key::one("max_headers"),
    Key::one("backlog"),
    Key::one("discard_limit"),
    Key::process("drain"),
    Key::one("workers"),
    Key::process("seed"),
    Key::process("log_lines_per_s"),
    Key::one("record"),
    Key::process("admin"),
    Key::process("admin_token"),
    Key { shape: Shape::List, ..Key::process("admin_host") },
    Key::process("admin_max_connections"),
    Key::process("admin_max_streams"),
    Key::process("admin_timeout"),
];

/// A key whose value is not shown.
pub(super) const SECRET: &str = "admin_token";

/// Every key.
pub(super) fn all() -> impl Iterator<Item = Key> {
    SERVER.into_iter().chain(PolicyConfig::KEYS.into_iter().map(Key::one))
}

/// The key of this name.
pub(super) fn find(name: &str) -> Option<Key> {
    all().find(|key| key.name == name)
}

/// Whether the key of this name holds for the whole process.
pub(crate) fn is_of_process(name: &str) -> bool {
    find(name).is_some_and(Key::is_process)
}

/// The key whose name is the most like `name`.
pub(super) fn nearest(name: &str) -> &'static str {
    let wanted = name.to_ascii_lowercase().replace('-', "_");
    most_like(&wanted, all().map(|key| key.name)).unwrap_or("listen")
}

/// The name that is the most like `wanted`; a common beginning counts most.
pub(super) fn most_like<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.min_by(|a, b| strsim::jaro_winkler(wanted, b).total_cmp(&strsim::jaro_winkler(wanted, a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_used_twice() {
        let mut names: Vec<_> = all().map(|key| key.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_key() {
        assert_eq!(nearest("write_stal"), "write_stall");
        assert_eq!(nearest("Ping-Interval"), "ping_interval");
        assert_eq!(nearest("max_conections"), "max_connections");
        assert_eq!(nearest("connections_max"), "max_connections");
        assert_eq!(nearest("timeout"), "ping_timeout");
        assert_eq!(most_like("htx", ["okx", "htx-spot-v1"].into_iter()), Some("htx-spot-v1"));
    }
}
