//! Writing a draft: what was not changed as it stood, what was changed in its place.

use std::collections::HashMap;
use std::ops::Range;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};

use super::edit::{Draft, Line, Place};
use super::entries::{self, Context, Entry, Kind, Piece, ZoneText};
use super::values;

/// Returns the new text, with the SOA's serial one higher. It has been read back and says what the draft says.
pub(super) fn text(draft: &Draft<'_>) -> Result<Vec<u8>, ProviderError> {
    let writer = Writer {
        zone: draft.zone,
        context: draft.zone.start.clone(),
        out: Vec::with_capacity(draft.zone.text.len() + 256),
        written: Vec::with_capacity(draft.lines.len()),
    };
    writer.write(draft)
}

struct Writer<'a> {
    zone: &'a ZoneText,
    context: Context,
    out: Vec<u8>,
    /// The lines in the order in which they were written.
    written: Vec<&'a Line<'a>>,
}

impl<'a> Writer<'a> {
    fn write(mut self, draft: &'a Draft<'a>) -> Result<Vec<u8>, ProviderError> {
        let (own, new) = split(&draft.lines);
        let mut entries = own.iter().enumerate();
        for piece in &draft.zone.pieces {
            match &piece.kind {
                Kind::Blank => self.copy(piece),
                Kind::Origin(origin) => {
                    self.context.origin = Some(origin.clone());
                    self.copy(piece);
                }
                Kind::DefaultTtl(ttl) => {
                    self.context.default_ttl = Some(*ttl);
                    self.copy(piece);
                }
                Kind::Entry(entry) => {
                    let (number, line) = entries.next().expect("a draft has a line for each entry");
                    if !line.gone {
                        self.own(piece, entry, line);
                    }
                    for line in new.get(&Some(number)).into_iter().flatten() {
                        self.anew(line, entry.class_at.is_some());
                    }
                }
            }
        }
        let class = own.last().is_some_and(|line| matches!(line.place, Place::Own(Entry { class_at: Some(_), .. })));
        for line in new.get(&None).into_iter().flatten() {
            self.anew(line, class);
        }
        self.read_back()
    }

    fn copy(&mut self, piece: &Piece) {
        self.out.extend_from_slice(&self.zone.text[piece.span.clone()]);
    }

    /// Writes an entry of the file, with what changed about it put in its place.
    fn own(&mut self, piece: &Piece, entry: &Entry, line: &'a Line<'a>) {
        if line.new_data && !fits(entry, line) {
            return self.anew(line, entry.class_at.is_some());
        }
        let ttl = line.ttl.unwrap_or(entry.ttl);
        let inherits = entry.ttl_at.is_none() && self.context.inherited_ttl(entry.soa.as_ref()) == ttl;
        let mut splices = Vec::new();
        if !entry.owner_written && self.context.owner.as_ref() != Some(&line.name) {
            splices.push((piece.span.start..piece.span.start, self.owner(&line.name)));
        }
        match &entry.ttl_at {
            Some(at) if line.new_ttl => splices.push((at.clone(), ttl.to_string())),
            None if !inherits => {
                let at = entry.class_at.as_ref().unwrap_or(&entry.rtype_at.span).start;
                splices.push((at..at, format!("{ttl} ")));
            }
            Some(_) | None => {}
        }
        splices.extend(new_value(entry, line));
        splices.extend(entry.soa.as_ref().map(|soa| (soa.serial_at.clone(), next_serial(soa.serial).to_string())));
        self.splice(piece, &splices);
        self.context.pass(&line.name, (!inherits).then_some(ttl), entry.soa.as_ref());
        self.written.push(line);
    }

    /// Copies a piece with some of it replaced, in the order of the text.
    fn splice(&mut self, piece: &Piece, splices: &[Splice]) {
        let mut at = piece.span.start;
        for (span, text) in splices {
            self.out.extend_from_slice(&self.zone.text[at..span.start]);
            self.out.extend_from_slice(text.as_bytes());
            at = span.end;
        }
        self.out.extend_from_slice(&self.zone.text[at..piece.span.end]);
    }

    /// Writes an entry in a line of its own.
    fn anew(&mut self, line: &'a Line<'a>, class: bool) {
        if line.gone {
            return;
        }
        let line_end = self.zone.line_end();
        if self.out.last().is_some_and(|last| !matches!(last, b'\n' | b'\r')) {
            self.out.extend_from_slice(line_end);
        }
        let mut text = self.owner(&line.name);
        // Without `$TTL`, servers do not agree on what an entry without a TTL inherits.
        let stated = line.ttl.filter(|ttl| self.context.default_ttl != Some(*ttl));
        if let Some(ttl) = stated {
            text.push_str(&format!("\t{ttl}"));
        }
        if class {
            text.push_str("\tIN");
        }
        let data = line.data.as_ref().expect("a line that is written anew has its value");
        text.push_str(&format!("\t{}\t{}", values::written_type(data), data.to_zone_text()));
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(line_end);
        self.context.pass(&line.name, stated, None);
        self.written.push(line);
    }

    /// Returns the owner relative to the origin in force, absolute if it is not within.
    fn owner(&self, name: &Name) -> String {
        let relative = self.context.origin.as_ref().and_then(|origin| name.relative_to(origin));
        relative.map_or_else(|| name.with_dot(), ToOwned::to_owned)
    }

    /// Reads what was written: if it does not say what the draft says, it is never used.
    fn read_back(self) -> Result<Vec<u8>, ProviderError> {
        let wrong = |what: String| {
            let doing = format!("edit the zone file of {}", self.zone.origin);
            ProviderError::new(
                Reaction::Malformed,
                doing,
                format!("the edited text would not say what it should: {what}"),
            )
            .hint("the file was left as it is; please report this, with the file if you can")
        };
        let read = entries::read(self.out, Some(&self.zone.origin)).map_err(|(_, error)| wrong(error.problem))?;
        let mut entries = read.entries();
        for line in self.written {
            let entry = entries.next().map(|(_, entry)| entry);
            let same = entry.is_some_and(|entry| {
                entry.name == line.name
                    && entry.rtype == line.rtype
                    && entry.data == line.data
                    && line.ttl.is_none_or(|ttl| ttl == entry.ttl)
            });
            if !same {
                return Err(wrong(format!("{} {}", line.name, line.rtype)));
            }
        }
        if let Some((_, entry)) = entries.next() {
            return Err(wrong(format!("{} {}", entry.name, entry.rtype)));
        }
        drop(entries);
        Ok(read.text)
    }
}

/// What is put in the place of a piece of the text.
type Splice = (Range<usize>, String);

fn new_value(entry: &Entry, line: &Line<'_>) -> Vec<Splice> {
    let Some(data) = line.data.as_ref().filter(|_| line.new_data) else { return Vec::new() };
    let rtype = (entry.rtype_at.span.clone(), values::written_type(data));
    let value = (entry.value_at.clone(), data.to_zone_text());
    if line.rtype == entry.rtype { vec![value] } else { vec![rtype, value] }
}

/// Returns the serial after this one (RFC 1982 section 3.1).
fn next_serial(serial: u32) -> u32 {
    serial.wrapping_add(1)
}

/// Returns whether the new value can stand where the old one does: between the same parentheses.
fn fits(entry: &Entry, line: &Line<'_>) -> bool {
    let (first, last) = entry.value_depths;
    first == last && (line.rtype == entry.rtype || entry.rtype_at.depth == first) && !entry.value_at.is_empty()
}

type New<'a> = HashMap<Option<usize>, Vec<&'a Line<'a>>>;

/// Separates the file's own lines from the new ones, the latter by the line behind which they stand.
fn split<'a>(lines: &'a [Line<'a>]) -> (&'a [Line<'a>], New<'a>) {
    let own = lines.partition_point(|line| matches!(line.place, Place::Own(_)));
    let (own, new) = lines.split_at(own);
    let mut by_place = New::new();
    for line in new {
        if let Place::Behind(behind) = line.place {
            by_place.entry(behind).or_default().push(line);
        }
    }
    (own, by_place)
}
