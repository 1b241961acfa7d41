//! `dns-cli export`

use std::fmt::Write as _;
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::mark::Marks;
use dnsmgmt_core::record::{Record, Ttl};
use jiff::Unit;

use crate::args::{Export, ExportFormat};
use crate::output::{Listed, listed_as_json};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::held::Held;
use dnsmgmt_program::output::{print, printable};

/// What records get whose TTL the provider chooses: a zone file has to say one. It is what Cloudflare's automatic one stands for
/// (<https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>).
const CHOSEN_TTL: u32 = 300;

pub(crate) async fn run(context: &Context, args: Export) -> Result<Exit> {
    let mut held = context.held(None).await?;
    let end = held.end();
    if end != Exit::Done {
        bail!("not everything was listed, so nothing was exported; choose what can be with --provider or --zone");
    }
    let held = std::mem::take(&mut held.answers);
    let text = match args.format {
        ExportFormat::Json => listed_as_json(&held.into_iter().map(Listed::from).collect::<Vec<_>>())?,
        ExportFormat::Zone => zone_text(context, &held)?,
    };
    match &args.file {
        Some(path) => write(path, &text).with_context(|| format!("write {}", path.display()))?,
        None => print(&text)?,
    }
    Ok(Exit::Done)
}

impl From<Held> for Listed {
    fn from(held: Held) -> Self {
        let Held { provider, listing, cached_at } = held;
        let marks = Marks::of(&listing);
        Self { provider, records: listing.records.into_iter().collect(), opaque: listing.opaque, cached_at, marks }
    }
}

/// Returns the text of a zone file, one record a line; what such a file cannot say stands in comments.
fn zone_text(context: &Context, held: &[Held]) -> Result<String> {
    let [zone] = held else {
        let zones: Vec<String> = held.iter().map(|held| held.provider.to_string()).collect();
        bail!(UsageError(format!(
            "a zone file holds one zone, and there are {}: {}; choose one with --provider and --zone, or use --format json",
            zones.len(),
            zones.join(", ")
        )))
    };
    let now = context.clock.moment().now;
    let now = now.round(Unit::Second).unwrap_or(now);
    let mut out = format!("; {}, as listed at {now}\n", zone.provider);
    if let Some(origin) = zone.provider.zone_name() {
        writeln!(out, "$ORIGIN {}", origin.with_dot())?;
    }
    if zone.listing.records.iter().any(|record| seconds(record).is_none()) {
        writeln!(out, "; of the records whose TTL the provider chooses\n$TTL {CHOSEN_TTL}")?;
    }
    for record in &zone.listing.records {
        writeln!(out, "{}", line(record))?;
    }
    for entry in &zone.listing.opaque {
        writeln!(out, "; left alone: {} ({})", printable(&entry.text), printable(&entry.why))?;
    }
    Ok(out)
}

fn line(record: &Record) -> String {
    let ttl = seconds(record).map(|seconds| format!("{seconds}\t")).unwrap_or_default();
    let (name, rtype, value) = (record.name().with_dot(), record.rtype(), record.key.data.to_zone_text());
    let mut line = format!("{name}\t{ttl}IN\t{rtype}\t{value}");
    // It answers with something else, or not at all.
    if record.enabled == Some(false) || record.name().is_tombstone() {
        line.insert_str(0, "; ");
    }
    let mut remarks = Vec::new();
    if record.proxied == Some(true) {
        remarks.push("proxied".to_owned());
    }
    if record.enabled == Some(false) {
        remarks.push("switched off".to_owned());
    }
    remarks.extend(record.comment.iter().map(|comment| format!("# {}", printable(comment))));
    if !remarks.is_empty() {
        line.push_str(&format!(" ; {}", remarks.join(", ")));
    }
    line
}

fn seconds(record: &Record) -> Option<u32> {
    match record.ttl {
        Some(Ttl::Seconds(seconds)) => Some(seconds),
        Some(Ttl::Automatic) | None => None,
    }
}

/// Puts the text in the place of the file in one step, so that nobody ever sees half of it.
fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As readable as the process's mask allows: a temporary file would be its owner's alone.
    #[cfg(unix)]
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
