//! Records read from standard input: lines, or what `list` prints.

use anyhow::{Context, Result, bail};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType, Ttl};
use serde::Deserialize;

/// One entry: a name, and what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Name,
    pub(crate) rtype: Option<RecordType>,
    pub(crate) data: Option<RecordData>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) proxied: Option<bool>,
    pub(crate) enabled: Option<bool>,
    pub(crate) comment: Option<String>,
}

/// Reads all entries, or says which line is none.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>> {
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return json(text);
    }
    let header = start.lines().next().unwrap_or_default();
    if header.split(',').any(|column| column == "name") {
        return csv(start);
    }
    let is_entry = |(_, line): &(usize, &str)| !line.trim().is_empty() && !line.trim_start().starts_with(['#', ';']);
    let lines = text.lines().enumerate().filter(is_entry);
    lines.map(|(index, text)| line(text).with_context(|| format!("line {} of standard input", index + 1))).collect()
}

/// An entry as `list` prints it; the columns that are not here say where it was found.
#[derive(Debug, Deserialize)]
struct Row {
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

#[derive(Deserialize)]
#[serde(untagged)]
enum Json {
    Listing { schema_version: u32, records: Vec<Row> },
    Rows(Vec<Row>),
}

fn json(text: &str) -> Result<Vec<Entry>> {
    let rows = match serde_json::from_str(text).context("read standard input as the JSON that `list` prints")? {
        Json::Listing { schema_version, .. } if schema_version != crate::output::SCHEMA_VERSION => {
            bail!(
                "standard input has schema version {schema_version}; this program reads {}",
                crate::output::SCHEMA_VERSION
            )
        }
        Json::Listing { records, .. } | Json::Rows(records) => records,
    };
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| row.entry().with_context(|| format!("record {}", index + 1)))
        .collect()
}

fn csv(text: &str) -> Result<Vec<Entry>> {
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize::<Row>().enumerate();
    rows.map(|(index, row)| row?.entry().with_context(|| format!("row {} of standard input", index + 1))).collect()
}

impl Row {
    fn entry(self) -> Result<Entry> {
        let rtype = self.rtype.filter(|text| !text.is_empty()).map(|text| RecordType::parse(&text)).transpose()?;
        let value = self.value.filter(|text| !text.is_empty());
        Ok(Entry {
            name: Name::parse(&self.name)?,
            data: value.map(|text| parse_value(rtype.as_ref(), &text)).transpose()?,
            rtype,
            ttl: self.ttl,
            proxied: self.proxied,
            enabled: self.enabled,
            comment: self.comment.filter(|text| !text.is_empty()),
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
        name: Name::parse(name)?,
        rtype: None,
        data: None,
        ttl: None,
        proxied: None,
        enabled: None,
        comment: None,
    };
    let (first, after) = word(rest);
    if let Ok(seconds) = first.parse() {
        (entry.ttl, rest) = (Some(Ttl::Seconds(seconds)), after);
    }
    let (class, after) = word(rest);
    if class.eq_ignore_ascii_case("IN") {
        rest = after;
    }
    if rest.is_empty() {
        return Ok(entry);
    }
    let (rtype, value) = word(rest);
    // A lone word is a type or a value: `A` could be both, and as a host name it is not worth a thought.
    let is_known = RecordType::parse(rtype).is_ok_and(|rtype| !matches!(rtype, RecordType::Other(_)));
    if !is_known && value.is_empty() {
        entry.data = Some(RecordData::infer(rtype)?);
        return Ok(entry);
    }
    let rtype = RecordType::parse(rtype)?;
    if !value.is_empty() {
        entry.data = Some(RecordData::parse(&rtype, value)?);
    }
    entry.rtype = Some(rtype);
    Ok(entry)
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
        read(text).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn lines_are_names_with_what_is_said_about_them() {
        let text = "# leftovers\nold.docker\na.docker 10.0.0.1\nb.docker TXT \"a b\"\n\nc.docker AAAA fd00::1\n";
        assert_eq!(shown(text), ["old.docker", "a.docker A 10.0.0.1", "b.docker TXT \"a b\"", "c.docker AAAA fd00::1"]);
        assert_eq!(read("a.docker MX").unwrap()[0].rtype, Some(RecordType::Mx));
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
        let error = read("a.docker\nb.docker 10.0.0.300\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2 of standard input");
        assert!(read(r#"{"schema_version":9,"records":[]}"#).unwrap_err().to_string().contains("schema version 9"));
    }
}
