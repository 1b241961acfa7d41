//! A hosts directory: files of lines `address name [name...]`, as in hosts(5).

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::net::IpAddr;
use std::path::Path;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::source::{Desired, Place, SourceError, Wanted};

use super::unreadable;

/// The names that a system's own hosts file gives to the machine itself and to its link.
const MACHINE: [&str; 11] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "broadcasthost",
];

/// Reads the files of a folder, in the order of their names. One that cannot be read does not keep the others from being read.
pub(super) fn read(folder: &Path, origin: &Origin) -> Result<Desired, SourceError> {
    let mut entries = list(folder).map_err(|error| unreadable(&folder.to_string_lossy(), &error))?;
    entries.sort_by_key(DirEntry::file_name);
    let mut desired = Desired { read: vec![origin.clone()], ..Desired::default() };
    for entry in entries {
        let file_name = entry.file_name();
        let name = file_name.to_string_lossy();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let piece = origin.piece(&name);
        let text = match file_name.to_str() {
            Some(_) => text(&entry.path()),
            None => Err("its name is not UTF-8".into()),
        };
        match text.and_then(|text| records(&text)) {
            Ok(records) if records.is_empty() => desired.empty.push(piece),
            Ok(records) => desired.wanted.extend(records.into_iter().map(|record| wanted(&piece, record))),
            Err(problem) => desired.unreadable.push((piece, problem)),
        }
    }
    Ok(desired)
}

/// An entry that cannot be told is an error: nobody knows which file it is.
fn list(folder: &Path) -> io::Result<Vec<DirEntry>> {
    fs::read_dir(folder)?.collect()
}

/// Returns a file's text; none for what is no file. One that went since the folder was listed is an error, not empty.
fn text(path: &Path) -> Result<String, String> {
    let read = || if fs::metadata(path)?.is_file() { fs::read(path) } else { Ok(Vec::new()) };
    let octets = read().map_err(|error: io::Error| error.to_string())?;
    String::from_utf8(octets).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|octet| **octet == b'\n').count();
        format!("line {line}: not UTF-8")
    })
}

/// Returns the records of a file; a record that it repeats is one.
fn records(text: &str) -> Result<Vec<Record>, String> {
    let (mut records, mut seen) = (Vec::new(), HashSet::new());
    for (index, text) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let found = line(text).map_err(|why| format!("line {}: {why}", index + 1))?;
        records.extend(found.into_iter().filter(|record| seen.insert(record.key.clone())));
    }
    Ok(records)
}

fn line(text: &str) -> Result<Vec<Record>, String> {
    let content = text.split_once('#').map_or(text, |(content, _)| content);
    let mut words = content.split_whitespace();
    let Some(first) = words.next() else { return Ok(Vec::new()) };
    let (address, scope) = first.split_once('%').map_or((first, None), |(address, scope)| (address, Some(scope)));
    let address: IpAddr = address.parse().map_err(|_| format!("`{first}` is not an IP address"))?;
    let names = words.map(|word| Name::parse(word).map_err(|why| why.to_string())).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Err(format!("no name stands behind {first}"));
    }
    let names: Vec<Name> = names.into_iter().filter(|name| !is_the_machine(name)).collect();
    if let Some(scope) = scope.filter(|_| !names.is_empty()) {
        return Err(format!("`{first}` means something on one machine alone, and no record can hold the `%{scope}`"));
    }
    let data = match address {
        IpAddr::V4(address) => RecordData::A(address),
        IpAddr::V6(address) => RecordData::Aaaa(address),
    };
    Ok(names.into_iter().map(|name| Record::new(name, data.clone())).collect())
}

/// `localhost` and what is below it never belong into the DNS (RFC 6761 section 6.3).
fn is_the_machine(name: &Name) -> bool {
    MACHINE.contains(&name.as_str()) || name.labels().next_back() == Some("localhost")
}

fn wanted(piece: &Origin, record: Record) -> Wanted {
    Wanted { origin: piece.clone(), place: Place::default(), record }
}
