//! In which order connections are listed.

use serde::Deserialize;

/// What connections are sorted by: `sort` of `GET /api/connections`. Those that have no such value stand last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Their number.
    #[default]
    Id,
    /// How long they are open.
    Age,
    /// Their smoothed round trip.
    Rtt,
    /// How many pings and heartbeats they left unanswered.
    Unanswered,
    /// How many bytes wait for them to read.
    Queue,
    /// How long they have said nothing.
    LastByte,
    /// Their address, IPv4 first.
    Peer,
}

impl Sort {
    /// Every order, as a person would go through them.
    pub const ALL: [Sort; 7] = [Sort::Id, Sort::Age, Sort::Rtt, Sort::Unanswered, Sort::Queue, Sort::LastByte, Sort::Peer];

    /// The name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Sort::Id => "id",
            Sort::Age => "age",
            Sort::Rtt => "rtt",
            Sort::Unanswered => "unanswered",
            Sort::Queue => "queue",
            Sort::LastByte => "last_byte",
            Sort::Peer => "peer",
        }
    }
}

/// Which way round: `order` of `GET /api/connections`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The smallest first.
    #[default]
    Asc,
    /// The largest first.
    Desc,
}

impl Order {
    /// Both.
    pub const ALL: [Order; 2] = [Order::Asc, Order::Desc];

    /// The name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Order::Asc => "asc",
            Order::Desc => "desc",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Order::Asc => Order::Desc,
            Order::Desc => Order::Asc,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_requests_are_read_by() {
        for sort in Sort::ALL {
            assert_eq!(serde_json::from_str::<Sort>(&format!("{:?}", sort.name())).ok(), Some(sort));
        }
        for order in Order::ALL {
            assert_eq!(serde_json::from_str::<Order>(&format!("{:?}", order.name())).ok(), Some(order));
        }
    }
}
