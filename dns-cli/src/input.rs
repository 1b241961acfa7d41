//! Records read from standard input or a file: lines, or what `list` prints.

use std::fmt::Display;

use anyhow::{Error, Result, bail};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType, Ttl};
use serde::Deserialize;

use dnsmgmt_program::exit::UsageError;
use dnsmgmt_program::output::SCHEMA_VERSION;

/// One entry: a name, and what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it was listed: the provider's name and the zone.
    pub(crate) listed_at: Option<(String, Name)>,
    pub(crate) name: Name,
    pub(crate) rtype: Option<RecordType>,
    pub(crate) data: Option<RecordData>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) proxied: Option<bool>,
    pub(crate) enabled: Option<bool>,
    pub(crate) comment: Option<String>,
}

/// Reads all entries, or says which line of `place` is none.
pub(crate) fn read(text: &str, place: &str) -> Result<Vec<Entry>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return json(text, place);
    }
    let columns: Vec<&str> = start.lines().next().unwrap_or_default().split(',').map(str::trim).collect();
    if columns.contains(&"name") && columns.contains(&"value") {
        return csv(start, place);
    }
    let is_entry = |(_, line): &(usize, &str)| !line.trim().is_empty() && !line.trim_start().starts_with(['#', ';']);
    let lines = text.lines().enumerate().filter(is_entry);
    lines
        .map(|(index, text)| line(text).map_err(|error| wrong(format!("line {} of {place}", index + 1), &error)))
        .collect()
}

/// What is given wrongly is a matter of usage, like a wrong option.
fn wrong(place: impl Display, error: &Error) -> Error {
    UsageError(format!("{place}: {error:#}")).into()
}

/// An entry as `list` prints it.
#[derive(Debug, Deserialize)]
struct Row {
    provider: Option<String>,
    zone: Option<String>,
    name: String,
    #[serde(rename = "type")]
    rtype: Option<String>,
    value: Option<String>,
    #[serde(default, deserialize_with = "ttl")]
    ttl: Option<Ttl>,
    proxied: Option<bool>,
    enabled: Option<bool>,
    comment: Option<String>,
}

/// What `list` prints as JSON.
#[derive(Deserialize)]
struct Listing {
    schema_version: u32,
    records: Vec<Row>,
}

fn json(text: &str, place: &str) -> Result<Vec<Entry>> {
    let rows = if text.trim_start().starts_with('[') { serde_json::from_str(text) } else { listing(text) };
    let rows: Vec<Row> = rows.map_err(|error| wrong(format!("the JSON of {place}"), &error.into()))?;
    let entry = |(index, row): (usize, Row)| {
        row.entry().map_err(|error| wrong(format!("record {} of {place}", index + 1), &error))
    };
    rows.into_iter().enumerate().map(entry).collect()
}

fn listing(text: &str) -> serde_json::Result<Vec<Row>> {
    let Listing { schema_version, records } = serde_json::from_str(text)?;
    if schema_version == SCHEMA_VERSION {
        return Ok(records);
    }
    let problem = format!("it has schema version {schema_version}, and this program reads {SCHEMA_VERSION}");
    Err(serde::de::Error::custom(problem))
}

fn csv(text: &str, place: &str) -> Result<Vec<Entry>> {
    let mut reader = ::csv::ReaderBuilder::new().trim(::csv::Trim::Headers).from_reader(text.as_bytes());
    let rows = reader.deserialize::<Row>().enumerate();
    let entry = |row: ::csv::Result<Row>| row?.entry();
    rows.map(|(index, row)| entry(row).map_err(|error| wrong(format!("row {} of {place}", index + 1), &error)))
        .collect()
}

impl Row {
    fn entry(self) -> Result<Entry> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let rtype = given(self.rtype).map(|text| RecordType::parse(&text)).transpose()?;
        let value = given(self.value);
        // In a row of columns a missing value is more likely a slip than the wish for all of them.
        if rtype.is_some() && value.is_none() {
            bail!("{} has a type and no value", self.name);
        }
        let zone = given(self.zone).map(|zone| Name::parse(&zone)).transpose()?;
        Ok(Entry {
            listed_at: given(self.provider).zip(zone),
            name: Name::parse(&self.name)?,
            data: value.map(|text| parse_value(rtype.as_ref(), &text)).transpose()?,
            rtype,
            ttl: self.ttl,
            proxied: self.proxied,
            enabled: self.enabled,
            comment: given(self.comment),
        })
    }
}

/// Seconds as a number or text, `auto`, or nothing.
fn ttl<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Ttl>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spelling {
        Seconds(u32),
        Text(String),
    }
    match Option::<Spelling>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Spelling::Seconds(seconds)) => Ok(Some(Ttl::Seconds(seconds))),
        Some(Spelling::Text(text)) if text.is_empty() => Ok(None),
        Some(Spelling::Text(text)) if text == "auto" => Ok(Some(Ttl::Automatic)),
        Some(Spelling::Text(text)) => text.parse().map(|ttl| Some(Ttl::Seconds(ttl))).map_err(serde::de::Error::custom),
    }
}

/// `NAME`, `NAME VALUE`, `NAME TYPE`, `NAME TYPE VALUE`, or a line of a zone file with absolute names: `NAME TTL IN TYPE VALUE`.
fn line(text: &str) -> Result<Entry> {
    let (name, mut rest) = word(text.trim());
    let mut entry = Entry {
        listed_at: None,
        name: Name::parse(name)?,
        rtype: None,
        data: None,
        ttl: None,
        proxied: None,
        enabled: None,
        comment: None,
    };
    // The TTL and the class may stand in either order (RFC 1035 section 5.1).
    for _ in 0..2 {
        let (first, after) = word(rest);
        if let Ok(seconds) = first.parse() {
            (entry.ttl, rest) = (Some(Ttl::Seconds(seconds)), after);
        } else if first.eq_ignore_ascii_case("IN") {
            rest = after;
        }
    }
    if rest.is_empty() {
        return Ok(entry);
    }
    let (first, value) = word(rest);
    let rtype = RecordType::parse(first);
    // A lone word that is no type is a value.
    if rtype.is_err() && value.is_empty() {
        entry.data = Some(RecordData::infer(first)?);
        return Ok(entry);
    }
    let rtype = rtype?;
    let value = without_comment(&rtype, value);
    if !value.is_empty() {
        entry.data = Some(RecordData::parse(&rtype, value)?);
    }
    entry.rtype = Some(rtype);
    Ok(entry)
}

/// Cuts off a zone file's comment. In text without quotes a semicolon is part of the text, as in `v=DKIM1; k=rsa`.
fn without_comment<'a>(rtype: &RecordType, value: &'a str) -> &'a str {
    if *rtype == RecordType::Txt && !value.starts_with('"') {
        return value;
    }
    let (mut quoted, mut escaped) = (false, false);
    let comment = value.char_indices().find(|(_, character)| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && *character == '\\';
        quoted ^= plain && *character == '"';
        plain && !quoted && *character == ';'
    });
    comment.map_or(value, |(at, _)| &value[..at]).trim_end()
}

fn word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// Reads a value of that type, or tells the type from the value.
pub(crate) fn parse_value(rtype: Option<&RecordType>, text: &str) -> Result<RecordData> {
    Ok(match rtype {
        Some(rtype) => RecordData::parse(rtype, text)?,
        None => RecordData::infer(text)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |entry: Entry| {
            let data = entry.data.map(|data| format!(" {} {data}", data.rtype())).unwrap_or_default();
            format!("{}{data}{}", entry.name, entry.ttl.map(|ttl| format!(" ({ttl})")).unwrap_or_default())
        };
        read(text, "standard input").unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn lines_are_names_with_what_is_said_about_them() {
        let text = "# leftovers\nold.docker\na.docker 10.0.0.1\nb.docker TXT \"a b\"\n\nc.docker AAAA fd00::1\n";
        assert_eq!(shown(text), ["old.docker", "a.docker A 10.0.0.1", "b.docker TXT \"a b\"", "c.docker AAAA fd00::1"]);
        assert_eq!(read("a.docker MX", "standard input").unwrap()[0].rtype, Some(RecordType::Mx));
        assert_eq!(read("a.docker TLSA", "standard input").unwrap()[0].rtype.as_ref().unwrap().as_str(), "TLSA");
        assert_eq!(shown("name\n"), ["name"], "a host of that name, no header");
        assert_eq!(shown("\u{feff}a.docker IN 300 A 10.0.0.1 ; old"), ["a.docker A 10.0.0.1 (300)"]);
        assert_eq!(shown("a.docker TXT k=rsa; p=x"), ["a.docker TXT \"k=rsa; p=x\""]);
        assert_eq!(shown("a.docker TXT \"a;b\\\"\" ; c"), ["a.docker TXT \"a;b\\\"\""]);
    }

    #[test]
    fn zone_text_json_and_csv_are_what_list_prints() {
        assert_eq!(shown("a.docker. 300 IN A 10.0.0.1\n"), ["a.docker A 10.0.0.1 (300)"]);
        let json = r#"{"schema_version":1,"records":[{"name":"a.docker","type":"A","value":"10.0.0.1","ttl":"auto"}]}"#;
        assert_eq!(shown(json), ["a.docker A 10.0.0.1 (auto)"]);
        let csv =
            "provider,zone,name,type,value,ttl,proxied,enabled,comment\nx,.,a.docker,TXT,\"\"\"a,b\"\"\",60,,true,\n";
        assert_eq!(shown(csv), ["a.docker TXT \"a,b\" (60)"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = read("a.docker\nb.docker 10.0.0.300\n", "standard input").unwrap_err();
        assert!(error.to_string().starts_with("line 2 of standard input: `10.0.0.300` looks like"), "{error}");
        for (input, problem) in [
            (r#"{"schema_version":9,"records":[]}"#, "schema version 9"),
            (r#"{}"#, "missing field `schema_version`"),
            (r#"[{"name":"a","type":"A"}]"#, "a has a type and no value"),
            ("name,value\na,b,c\n", "row 1"),
            ("a.docker CNMAE b.docker", "`CNMAE` is not a record type"),
        ] {
            let error = read(input, "standard input").unwrap_err();
            assert!(error.to_string().contains(problem), "{input}: {error}");
            assert!(error.is::<UsageError>());
        }
    }
}
