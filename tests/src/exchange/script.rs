//! What an exchange shall do on a connection, as its URL says.

use std::time::Duration;

use super::row::{Row, find};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// From then on it neither reads nor sends.
    Mute,
    /// From then on it reads and says nothing.
    Silent,
    /// Its answers and heartbeats come late by `late_ms`.
    Late,
    /// What it asks and answers comes twice.
    Duplicate,
    /// Its answers bear another token.
    Wrong,
    /// Its heartbeats and answers are cut short: no gzip member, no JSON.
    Malformed,
}

/// What is to be done on one connection.
#[derive(Clone, Debug)]
pub struct Script {
    /// By which row it speaks.
    pub row: &'static Row,
    /// The time between heartbeats. Every other time of the row keeps its ratio to it.
    pub period: Duration,
    /// What goes wrong,
    pub fault: Fault,
    /// from the heartbeat of this number on (0: from the beginning).
    pub after: u64,
    /// How late what is late comes.
    pub late: Duration,
    /// The age at which it closes.
    pub life: Option<Duration>,
    /// How often it sends a message that is no heartbeat.
    pub data: Option<Duration>,
    /// By which name its log is found.
    pub name: String,
}

/// Timeouts are scaled down to no less than this: a loaded machine stalls for some of it.
const TIMEOUT_MIN: Duration = Duration::from_millis(400);

impl Script {
    /// A script without faults.
    #[must_use]
    pub fn new(row: &'static Row, period: Duration) -> Self {
        let name = row.id.to_owned();
        let late = Duration::ZERO;
        Script { row, period, fault: Fault::None, after: 0, late, life: None, data: None, name }
    }

    /// Reads `/ID?period_ms=300&fault=mute&after=3&late_ms=200&life_ms=5000&data_ms=50&name=NAME`, all but the id optional.
    ///
    /// # Errors
    /// What cannot be.
    pub fn parse(target: &str) -> Result<Self, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let id = path.trim_start_matches('/');
        let row = find(id).ok_or_else(|| format!("{id}: no such dialect"))?;
        let mut script = Script::new(row, Duration::from_millis(row.interval_ms));
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair}: KEY=VALUE"))?;
            script.set(key, value)?;
        }
        Ok(script)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("{key} = {value}: a number"));
        let ms = || number().map(Duration::from_millis);
        match key {
            "period_ms" => self.period = ms()?.max(Duration::from_millis(1)),
            "late_ms" => self.late = ms()?,
            "life_ms" => self.life = Some(ms()?),
            "data_ms" => self.data = Some(ms()?.max(Duration::from_millis(1))),
            "after" => self.after = number()?,
            "name" => value.clone_into(&mut self.name),
            "fault" => {
                self.fault = match value {
                    "none" => Fault::None,
                    "mute" => Fault::Mute,
                    "silent" => Fault::Silent,
                    "late" => Fault::Late,
                    "duplicate" => Fault::Duplicate,
                    "wrong" => Fault::Wrong,
                    "malformed" => Fault::Malformed,
                    _ => return Err(format!("fault = {value}: none, mute, silent, late, duplicate, wrong or malformed")),
                }
            }
            _ => return Err(format!("{key}: period_ms, fault, after, late_ms, life_ms, data_ms or name")),
        }
        Ok(())
    }

    /// The fault that is in force at the heartbeat of this number.
    #[must_use]
    pub fn fault_at(&self, n: u64) -> Fault {
        if n >= self.after { self.fault } else { Fault::None }
    }

    /// A documented time, in the scale of this script.
    #[must_use]
    pub fn scaled(&self, ms: u64) -> Duration {
        let ratio = ms as f64 / self.row.interval_ms as f64;
        self.period.mul_f64(ratio).max(TIMEOUT_MIN)
    }
}
