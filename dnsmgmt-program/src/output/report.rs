//! What became of each change, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::report::{Action, Fate, Outcome};
use serde::Serialize;

use super::{JsonError, JsonTtl, print, print_json, printable};
use crate::args::ReportFormat;

/// What became of the changes at one provider.
#[derive(Debug)]
pub struct Finished {
    /// The provider.
    pub provider: ProviderId,
    /// What became of each change.
    pub outcomes: Vec<Outcome>,
}

/// Prints what became of the changes; of a dry run, what would be done.
pub fn print_report(finished: &[Finished], dry_run: bool, format: ReportFormat) -> Result<()> {
    match format {
        ReportFormat::Table => text(finished, dry_run),
        ReportFormat::Json => json(finished, dry_run),
    }
}

/// Returns what would be done, for a person who is asked about it.
pub fn preview(finished: &[Finished]) -> Result<String> {
    lines(finished, true)
}

fn lines(finished: &[Finished], dry_run: bool) -> Result<String> {
    let mut out = String::new();
    for outcome in finished.iter().flat_map(|finished| &finished.outcomes) {
        write_outcome(&mut out, outcome, dry_run)?;
    }
    Ok(out)
}

fn text(finished: &[Finished], dry_run: bool) -> Result<()> {
    let mut out = lines(finished, dry_run)?;
    let outcomes: Vec<&Outcome> = finished.iter().flat_map(|finished| &finished.outcomes).collect();
    writeln!(out, "{}", summary(&outcomes, dry_run))?;
    out.push_str(&witnesses(outcomes.into_iter()));
    print(&out)
}

/// Says which DNS servers answer so too, a line each.
pub fn witnesses<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    outcomes
        .filter_map(|outcome| outcome.witness.as_deref())
        .for_each(|witness| *counts.entry(witness).or_default() += 1);
    let changes = |count| if count == 1 { "1 change".to_owned() } else { format!("{count} changes") };
    counts
        .iter()
        .map(|(witness, count)| format!("{witness} answers so too, asked about {}\n", changes(*count)))
        .collect()
}

/// Writes a line about a change, and below it what there is to know.
pub fn write_outcome(out: &mut String, outcome: &Outcome, dry_run: bool) -> Result<()> {
    let verb = verb(outcome, dry_run);
    let style = style(outcome.fate, dry_run);
    writeln!(out, "{style}{verb}{style:#} {}", printable(&subject(outcome)))?;
    for note in &outcome.notes {
        writeln!(out, "  {}", printable(note))?;
    }
    if let Some(error) = &outcome.error {
        writeln!(out, "  {}", printable(&error.to_string()))?;
        if let Some(hint) = &error.hint {
            writeln!(out, "  {}", printable(hint))?;
        }
    }
    Ok(())
}

/// Counts what a listing proved, and what not.
fn summary(outcomes: &[&Outcome], dry_run: bool) -> String {
    let count = |is: &dyn Fn(Fate) -> bool| outcomes.iter().filter(|outcome| is(outcome.fate)).count();
    let proved = count(&|fate| matches!(fate, Fate::Gone | Fate::Present));
    let already = count(&|fate| matches!(fate, Fate::AlreadyGone | Fate::AlreadyPresent));
    let refused = count(&|fate| fate == Fate::Refused);
    let open = outcomes.len() - proved - already - refused;
    let parts = [
        (proved, "verified by a listing taken after the change"),
        (already, "already so"),
        (refused, "refused"),
        (open, if dry_run { "to be done" } else { "not proved" }),
    ];
    let said: Vec<(usize, &str)> = parts.into_iter().filter(|(count, _)| *count > 0).collect();
    let text = match said[..] {
        [] => "nothing to do".into(),
        [(_, "already so")] => "nothing had to be changed".into(),
        [(_, only)] if only != "to be done" => only.into(),
        _ => said.iter().map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", "),
    };
    if dry_run { format!("dry run, nothing was done: {text}") } else { text }
}

/// Returns what became of a change, as words that stand before its [`subject`].
pub fn verb(outcome: &Outcome, dry_run: bool) -> String {
    let tries = match outcome.asked {
        1 => "once".into(),
        asked => format!("{asked} times"),
    };
    match (outcome.fate, outcome.action) {
        (Fate::NotTried, action) if dry_run => format!("would {action}"),
        (Fate::Gone, _) => "deleted".into(),
        (Fate::AlreadyGone, _) => "already gone".into(),
        (Fate::Present, Action::Replace) => "changed".into(),
        (Fate::Present, _) => "created".into(),
        (Fate::AlreadyPresent, _) => "already there".into(),
        (Fate::StillThere, Action::Replace) => format!("old value still there, asked {tries}:"),
        (Fate::StillThere, _) => format!("still there, asked {tries}:"),
        (Fate::StillMissing, _) => format!("still missing, asked {tries}:"),
        (Fate::Differs, _) => format!("still differs, asked {tries}:"),
        (Fate::Refused, action) => format!("refused to {action}"),
        (Fate::Unconfirmed, action) => format!("could not confirm: {action}"),
        (Fate::NotTried, action) => format!("not tried: {action}"),
    }
}

/// Returns what became of a change at a zone in one sentence, with why, and with what there is to know.
pub fn sentence(zone: &ProviderId, outcome: &Outcome, dry_run: bool) -> String {
    let mut text = format!("{} {} at {zone}: {}", verb(outcome, dry_run), subject(outcome), outcome.reason);
    let error = outcome.error.as_ref();
    let hint = error.and_then(|error| error.hint.clone());
    for more in outcome.notes.iter().cloned().chain(error.map(ToString::to_string)).chain(hint) {
        text.push_str(&format!("; {more}"));
    }
    text
}

/// Returns how a fate looks on a terminal.
pub fn style(fate: Fate, dry_run: bool) -> Style {
    let colour = match fate {
        Fate::NotTried if dry_run => AnsiColor::Cyan,
        Fate::Gone | Fate::Present => AnsiColor::Green,
        Fate::AlreadyGone | Fate::AlreadyPresent => return Style::new().dimmed(),
        Fate::Unconfirmed | Fate::NotTried => AnsiColor::Yellow,
        Fate::StillThere | Fate::StillMissing | Fate::Differs | Fate::Refused => AnsiColor::Red,
    };
    Style::new().fg_color(Some(colour.into()))
}

/// Returns what a change is about: `web.example A 10.0.0.1 -> 10.0.0.2 (TTL 300)`.
pub fn subject(outcome: &Outcome) -> String {
    let mut text = outcome.name.to_string();
    if let Some(rtype) = &outcome.rtype {
        text.push_str(&format!(" {rtype}"));
    }
    match (&outcome.old, &outcome.data) {
        (Some(old), Some(new)) if old.rtype() == new.rtype() => text.push_str(&format!(" {old} -> {new}")),
        (Some(old), Some(new)) => text = format!("{} {} {old} -> {} {new}", outcome.name, old.rtype(), new.rtype()),
        (None, Some(data)) => text.push_str(&format!(" {data}")),
        (_, None) => {}
    }
    if let Some(ttl) = outcome.ttl.filter(|_| outcome.action != Action::Delete) {
        text.push_str(&format!(" (TTL {ttl})"));
    }
    text
}

/// One change in JSON.
#[derive(Debug, Serialize)]
pub struct JsonChange<'a> {
    provider: &'a str,
    zone: &'a str,
    action: &'static str,
    name: &'a str,
    #[serde(rename = "type")]
    rtype: Option<String>,
    value: Option<String>,
    old_type: Option<String>,
    old_value: Option<String>,
    ttl: Option<JsonTtl>,
    claim: String,
    reason: String,
    fate: &'static str,
    witness: Option<&'a str>,
    asked: u32,
    notes: &'a [String],
    error: Option<JsonError>,
}

#[derive(Debug, Serialize)]
struct JsonReport<'a> {
    dry_run: bool,
    settled: bool,
    changes: Vec<JsonChange<'a>>,
}

fn json(finished: &[Finished], dry_run: bool) -> Result<()> {
    let changes: Vec<JsonChange<'_>> = finished
        .iter()
        .flat_map(|finished| finished.outcomes.iter().map(|outcome| json_change(&finished.provider, outcome)))
        .collect();
    let settled = finished.iter().flat_map(|finished| &finished.outcomes).all(|outcome| outcome.fate.is_settled());
    print_json(&JsonReport { dry_run, settled, changes })
}

/// Returns a change as JSON has it.
pub fn json_change<'a>(provider: &'a ProviderId, outcome: &'a Outcome) -> JsonChange<'a> {
    JsonChange {
        provider: &provider.name,
        zone: provider.zone.as_str(),
        action: outcome.action.as_str(),
        name: outcome.name.as_str(),
        rtype: outcome.rtype.as_ref().map(ToString::to_string),
        value: outcome.data.as_ref().map(ToString::to_string),
        old_type: outcome.old.as_ref().map(|data| data.rtype().to_string()),
        old_value: outcome.old.as_ref().map(ToString::to_string),
        ttl: outcome.ttl.map(JsonTtl::from),
        claim: outcome.claim.to_string(),
        reason: outcome.reason.to_string(),
        fate: outcome.fate.as_str(),
        witness: outcome.witness.as_deref(),
        asked: outcome.asked,
        notes: &outcome.notes,
        error: outcome.error.as_ref().map(JsonError::from),
    }
}
