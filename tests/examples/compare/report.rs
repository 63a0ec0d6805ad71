//! Medians, ratios, and the table.

use std::collections::BTreeMap;

use super::load::Figures;
use super::servers::{Contender, Job};

/// What was measured so far.
#[derive(Default)]
pub struct Table {
    figures: BTreeMap<(Contender, Job), Vec<Figures>>,
    missing: BTreeMap<Contender, String>,
}

impl Table {
    /// One more round of a contender's.
    pub fn add(&mut self, contender: Contender, job: Job, figures: Figures) {
        self.figures.entry((contender, job)).or_default().push(figures);
    }

    /// A contender that cannot run here, or did not hold out.
    pub fn miss(&mut self, contender: Contender, problem: String) {
        eprintln!("{}: left out: {problem}", contender.name());
        self.missing.insert(contender, problem);
    }

    /// Whether it was left out.
    pub fn is_missing(&self, contender: Contender) -> bool {
        self.missing.contains_key(&contender)
    }

    /// The median of the ratios to the bare loop, each within its round.
    fn ratio(&self, contender: Contender, job: Job) -> Option<f64> {
        let (own, bare) = (self.figures.get(&(contender, job))?, self.figures.get(&(Contender::Bare, job))?);
        median(own.iter().zip(bare).map(|(own, bare)| own.cpu_us / bare.cpu_us))
    }

    fn median(&self, contender: Contender, job: Job, of: impl Fn(&Figures) -> f64) -> Option<f64> {
        median(self.figures.get(&(contender, job))?.iter().map(of))
    }

    /// Prints it as Markdown.
    pub fn print(&self, connections: usize, rounds: usize) {
        println!("{}, {connections} connections, medians of {rounds} rounds; in brackets: times the bare loop\n", machine());
        println!("| server | B / idle connection | µs / ping+pong | µs / gzip heartbeat | µs / echo | µs / delivery | late p99, ms |");
        println!("|---|---|---|---|---|---|---|");
        for contender in Contender::ALL {
            if self.figures.keys().any(|(known, _)| *known == contender) {
                println!("{}", self.row(contender));
            }
        }
        for (contender, problem) in &self.missing {
            println!("\nLeft out: {}: {problem}", contender.name());
        }
    }

    fn row(&self, contender: Contender) -> String {
        let idle = if contender.does(Job::Both) { Job::Both } else { Job::Ping };
        let mut cells = vec![contender.name().to_owned(), cell(self.median(contender, idle, |figures| figures.bytes), 0)];
        for job in [Job::Ping, Job::Gzip, Job::Echo, Job::Broadcast] {
            let cost = cell(self.median(contender, job, |figures| figures.cpu_us), 2);
            cells.push(match self.ratio(contender, job) {
                Some(ratio) => format!("{cost} ({ratio:.2})"),
                None => cost,
            });
        }
        let late = self.median(contender, Job::Ping, |figures| figures.late_ms).filter(|_| contender.keeps_interval());
        cells.push(cell(late, 1));
        format!("| {} |", cells.join(" | "))
    }
}

fn cell(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "–".into(), |figure| format!("{figure:.digits$}"))
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The machine in a few words.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).map_or("", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{cores} cores {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
