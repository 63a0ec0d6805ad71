//! The live view, drawn.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table};
use wsbeat_tokio::admin::api::{ConnectionRow, Distribution, Order, Sort, Summary, VerdictEvent};

use super::app::App;
use crate::escape::one_line;
use crate::human::{age, bytes, grouped, millis, percent};

/// Whether colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Coloured,
    Plain,
}

impl Look {
    fn of(self, color: Color) -> Style {
        match self {
            Look::Coloured => Style::new().fg(color),
            Look::Plain => Style::new(),
        }
    }

    fn good(self) -> Style {
        self.of(Color::Green)
    }

    fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn warning(self) -> Style {
        self.of(Color::Yellow)
    }
}

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// The lowest screen with room for verdicts above the connections.
const ROWS_FOR_VERDICTS: u16 = 20;
/// The narrowest screen with room for everything.
const WIDE_COLUMNS: u16 = 100;
/// The lowest screen with room for round trips and closes.
const ROWS_FOR_FIGURES: u16 = 14;

pub(super) fn draw(frame: &mut Frame<'_>, app: &App, look: Look) {
    let rows = frame.area().height;
    let verdicts = if rows >= ROWS_FOR_VERDICTS { Constraint::Length((rows / 5).clamp(4, 10)) } else { Constraint::Length(0) };
    let figures = if rows >= ROWS_FOR_FIGURES { Constraint::Length(7) } else { Constraint::Length(0) };
    let areas =
        Layout::vertical([Constraint::Length(1), Constraint::Length(3), figures, verdicts, Constraint::Min(3), Constraint::Length(1)]);
    let [head, totals, middle, latest, list, foot] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(head_line(app, look)), head);
    if let Some(summary) = &app.summary {
        frame.render_widget(Paragraph::new(total_lines(app, summary, look)), totals);
        draw_figures(frame, middle, app, summary, look);
    }
    frame.render_widget(Paragraph::new(verdict_lines(app, latest, look)).block(titled("latest verdicts".into())), latest);
    draw_connections(frame, list, app, look);
    frame.render_widget(Paragraph::new(foot_line(app)), foot);
}

fn titled(title: String) -> Block<'static> {
    Block::new().borders(Borders::TOP).title(Span::styled(format!(" {title} "), BOLD)).border_style(DIM)
}

fn head_line<'a>(app: &'a App, look: Look) -> Line<'a> {
    let mut parts = vec![Span::styled("wsbeat ", BOLD), Span::raw(&app.url), Span::raw("  ")];
    match (&app.away, &app.summary) {
        (Some((why, since)), _) => {
            let away = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            let short = why.strip_prefix(&format!("{}: ", app.url)).unwrap_or(why);
            parts.push(Span::styled(format!("no answer for {}, trying again: {}", age(away), one_line(short)), look.bad()));
        }
        (None, None) => parts.push(Span::styled("asking", DIM)),
        (None, Some(summary)) => {
            parts.push(Span::styled(format!("{}, up {}  ", summary.version, age(summary.now_ms.saturating_sub(summary.started_ms))), DIM));
            parts.extend(state(app, summary, look));
        }
    }
    Line::from(parts)
}

fn state(app: &App, summary: &Summary, look: Look) -> Vec<Span<'static>> {
    let mut parts = Vec::new();
    if app.is_paused {
        parts.push(Span::styled("stopped (p goes on)  ", look.warning()));
    }
    if summary.draining {
        parts.push(Span::styled("draining  ", look.warning()));
    }
    for listener in &summary.listeners {
        let dialect = listener.dialect.as_deref().unwrap_or("no dialect");
        parts.push(Span::styled(one_line(&format!("{} {} ({dialect})  ", listener.name, listener.urls.join(" "))), DIM));
    }
    parts
}

fn total_lines(app: &App, summary: &Summary, look: Look) -> Vec<Line<'static>> {
    let rates = app.history.rates();
    let refused: u64 = summary.refused.iter().map(|one| one.count).sum();
    let closed: u64 = summary.closes.iter().map(|one| one.count).sum();
    let lost = if rates.unanswered_per_mille >= 10 { look.warning() } else { Style::new() };
    vec![
        Line::from(vec![
            Span::styled(grouped(summary.connections), BOLD),
            Span::raw(format!(
                " connections, {} opened, {} closed, {} refused",
                grouped(summary.opened),
                grouped(closed),
                grouped(refused)
            )),
        ]),
        Line::from(vec![
            Span::styled(grouped(rates.heartbeats), BOLD),
            Span::raw(" heartbeats/s, "),
            Span::styled(grouped(rates.pings), BOLD),
            Span::raw(" pings/s, "),
            Span::styled(format!("{} unanswered", percent(rates.unanswered_per_mille)), lost),
        ]),
        Line::from(format!(
            "{} messages/s in, {} out, {}/s in, {}/s out; {} resident, {} of a core, {} descriptors",
            grouped(rates.messages_in),
            grouped(rates.messages_out),
            bytes(rates.bytes_in),
            bytes(rates.bytes_out),
            bytes(summary.process.resident_bytes),
            percent(rates.cpu_per_mille),
            grouped(summary.process.open_fds)
        )),
    ]
}

fn draw_figures(frame: &mut Frame<'_>, area: Rect, app: &App, summary: &Summary, look: Look) {
    let asked_width = if area.width >= WIDE_COLUMNS { Constraint::Fill(2) } else { Constraint::Length(0) };
    let [asked, rtt, closes] = Layout::horizontal([asked_width, Constraint::Length(46), Constraint::Fill(1)]).areas(area);
    let data = app.history.asked_per_s(usize::from(asked.width));
    let peak = data.iter().copied().max().unwrap_or(0);
    let title = format!("pings and heartbeats a second, at most {}", grouped(peak));
    frame.render_widget(Sparkline::default().data(&data).max(peak.max(1)).style(look.good()).block(titled(title)), asked);
    let rows = [
        distribution("heartbeats", &summary.rtt_us.application),
        distribution("pings", &summary.rtt_us.transport),
        distribution("timer late by", &summary.timer_lag_us),
    ];
    let widths = [Constraint::Length(13), Constraint::Length(7), Constraint::Length(7), Constraint::Length(7), Constraint::Length(7)];
    let head = Row::new(["ms", "p50", "p90", "p99", "max"]).style(DIM);
    frame.render_widget(Table::new(rows, widths).header(head).block(titled("round trips".into())), rtt);
    let mut ends: Vec<_> = summary.closes.iter().filter(|one| one.count > 0).collect();
    ends.sort_by_key(|one| std::cmp::Reverse(one.count));
    let ends = ends.iter().map(|one| {
        let code = one.code.map_or(String::new(), |code| format!(" {code}"));
        Line::from(format!("{} {}{code}", grouped(one.count), one_line(&one.verdict)))
    });
    frame.render_widget(Paragraph::new(ends.collect::<Vec<_>>()).block(titled("closed by verdict".into())), closes);
}

fn distribution(name: &'static str, of: &Distribution) -> Row<'static> {
    let cell = |us: Option<u64>| us.map_or("-".into(), millis);
    Row::new([name.to_owned(), cell(of.p50), cell(of.p90), cell(of.p99), cell(of.max)])
}

/// The latest first, as many as there is room for.
fn verdict_lines(app: &App, area: Rect, look: Look) -> Vec<Line<'static>> {
    let now = app.summary.as_ref().map_or(0, |summary| summary.now_ms);
    let line = |verdict: &VerdictEvent| {
        let ago = format!("{:>7} ago ", age(now.saturating_sub(verdict.at_ms)));
        Line::from(vec![Span::styled(ago, DIM), Span::styled(one_line(&verdict.text), verdict_style(verdict, look))])
    };
    app.verdicts.iter().rev().take(usize::from(area.height)).map(line).collect()
}

fn verdict_style(verdict: &VerdictEvent, look: Look) -> Style {
    match verdict.verdict.as_str() {
        "peer-silent" | "peer-slow" | "write-stalled" => look.bad(),
        "peer-closed" | "drain" | "user" | "lifetime" => Style::new(),
        _ => look.warning(),
    }
}

fn draw_connections(frame: &mut Frame<'_>, area: Rect, app: &App, look: Look) {
    let Some(page) = &app.page else { return };
    let order = match app.query.order {
        Order::Asc => "up",
        Order::Desc => "down",
    };
    let mut title = format!("{} of {} connections by {} {order}", page.connections.len(), grouped(page.matched), app.query.sort.name());
    if !app.query.search.is_empty() {
        title.push_str(&format!(", with \"{}\"", one_line(&app.query.search)));
    }
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| area.width >= WIDE_COLUMNS || !column.only_wide).collect();
    let rows = page.connections.iter().skip(app.top).take(usize::from(area.height)).map(|one| {
        let cells: Vec<String> = columns.iter().map(|column| (column.cell)(one)).collect();
        Row::new(cells).style(connection_style(one, look))
    });
    let head = columns.iter().map(|column| {
        let is_key = column.sort == Some(app.query.sort);
        Cell::new(column.name).style(if is_key { BOLD } else { DIM })
    });
    let widths = columns.iter().map(|column| Constraint::Length(column.width));
    frame.render_widget(Table::new(rows, widths).header(Row::new(head)).block(titled(title)), area);
}

/// A column of the table of connections.
struct Column {
    name: &'static str,
    width: u16,
    sort: Option<Sort>,
    /// It is left out where there is little room.
    only_wide: bool,
    cell: fn(&ConnectionRow) -> String,
}

const COLUMNS: [Column; 9] = [
    Column { name: "conn", width: 9, sort: Some(Sort::Id), only_wide: false, cell: |one| one.id.to_string() },
    Column { name: "listener", width: 12, sort: None, only_wide: true, cell: |one| one_line(&one.listener) },
    Column { name: "peer", width: 22, sort: Some(Sort::Peer), only_wide: false, cell: |one| one_line(&one.peer) },
    Column { name: "phase", width: 8, sort: None, only_wide: true, cell: |one| one_line(&one.phase) },
    Column { name: "age", width: 7, sort: Some(Sort::Age), only_wide: false, cell: |one| age(one.age_ms) },
    Column { name: "rtt ms", width: 7, sort: Some(Sort::Rtt), only_wide: false, cell: |one| one.srtt_us.map_or("-".into(), millis) },
    Column { name: "unanswered", width: 10, sort: Some(Sort::Unanswered), only_wide: false, cell: |one| one.unanswered.to_string() },
    Column { name: "last byte", width: 9, sort: Some(Sort::LastByte), only_wide: false, cell: |one| age(one.last_evidence_ms) },
    Column { name: "queue", width: 9, sort: Some(Sort::Queue), only_wide: true, cell: |one| bytes(one.queue_bytes) },
];

fn connection_style(one: &ConnectionRow, look: Look) -> Style {
    match one.unanswered {
        0 => Style::new(),
        1 => look.warning(),
        _ => look.bad(),
    }
}

fn foot_line(app: &App) -> Line<'static> {
    match &app.typed {
        Some(text) => Line::from(format!("search: {}_  (Enter takes it, Esc leaves it)", one_line(text))),
        None => Line::styled("q leave  s/S sort  r reverse  / search  arrows move  p stop", DIM),
    }
}
