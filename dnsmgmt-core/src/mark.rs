//! Marks that other tools leave in a zone to say that records are theirs.
//!
//! Such a record is shown with its mark. That nothing without a claim of ours is touched holds for it anyway; the mark says who
//! would bring it back. A tool's own code is the source of its format, named with each.
//!
//! What cannot be seen: marks that are encrypted (external-dns with `--txt-encrypt-enabled`) or kept elsewhere (DynamoDB, a state
//! file), and tools that leave none (DNSControl, ddclient) or only what their user chose (the `RECORD_COMMENT` of
//! favonia/cloudflare-ddns, empty by default).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::name::Name;
use crate::record::{Record, RecordData, RecordType};
use crate::record_set::{Listing, RecordSet};

/// Whose a record is, by a tool's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The tool.
    pub tool: &'static str,
    /// Which installation of it, where the mark says so.
    pub owner: Option<String>,
}

impl Mark {
    /// Returns what a preview says about a record that is to be changed all the same.
    pub fn note(&self) -> String {
        format!("carries the mark of {self}, which may bring it back")
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(f, "{} (owner {owner})", self.tool),
            None => f.write_str(self.tool),
        }
    }
}

/// The marks of a listing.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    by_rrset: BTreeMap<(Name, RecordType), Mark>,
}

impl Marks {
    /// Reads the marks. One whose record lies outside the listing counts too.
    ///
    /// How external-dns names its marks is a setting of its own. Where it is not the default, it is told from the records that
    /// there are: an affix counts if it begins with `_`, or if two marks of one owner bear it out.
    pub fn of(listing: &Listing) -> Self {
        let (mut typed, mut any) = (Vec::new(), Vec::new());
        let mut affixed = Vec::new();
        for record in &listing.records {
            let Some(word) = Word::of(record) else { continue };
            match word.form {
                Form::Affixed => affixed.push((record.name(), word.mark)),
                Form::Typed(name, rtype) => typed.push(((name, rtype), word.mark)),
                Form::Whole(name) => any.extend(WHOLE_NAME.map(|rtype| ((name.clone(), rtype), word.mark.clone()))),
                Form::Itself => {}
            }
        }
        for (rtype, host, mark) in readings(&affixed, &listing.records) {
            match rtype {
                Some(rtype) => typed.push(((host, rtype), mark)),
                None => any.extend(OLD_FORMAT.map(|rtype| ((host.clone(), rtype), mark.clone()))),
            }
        }
        // What names its type says more than what names none.
        Self { by_rrset: any.into_iter().chain(typed).collect() }
    }

    /// Returns whose the record is: by the mark on its name and type, its comment, or because it is a mark itself.
    pub fn mark_of(&self, record: &Record) -> Option<Mark> {
        let by_itself = || Word::of(record).map(|word| word.mark);
        let by_comment = || record.comment.as_deref().and_then(comment);
        by_itself().or_else(|| self.mark_at(record.name(), &record.rtype()).cloned()).or_else(by_comment)
    }

    /// Returns whose the RRset is, whether it is there or not.
    pub fn mark_at(&self, name: &Name, rtype: &RecordType) -> Option<&Mark> {
        if self.by_rrset.is_empty() {
            return None;
        }
        self.by_rrset.get(&(name.clone(), rtype.clone()))
    }
}

/// Returns the names at which tools with their default settings would mark the RRset: what a listing of single names has to
/// hold for its marks to be seen.
pub fn marking_names(name: &Name, rtype: &RecordType) -> BTreeSet<Name> {
    let rtype = rtype.as_str().to_ascii_lowercase();
    let spelled = |star: &str| match name.as_str().strip_prefix('*') {
        Some(rest) => format!("{star}{rest}"),
        None => name.to_string(),
    };
    let (plain, escaped) = (spelled("wildcard"), spelled("\\042"));
    let texts = [
        name.to_string(),
        format!("{rtype}-{escaped}"),
        format!("{rtype}-{plain}"),
        format!("_dnsweaver.{escaped}"),
        format!("_dockroute-{rtype}.{escaped}"),
        format!("_owner.{rtype}.{}", spelled("_wildcard")),
    ];
    texts.iter().filter_map(|text| Name::parse(text).ok()).collect()
}

/// What a TXT record says about who owns what.
struct Word {
    mark: Mark,
    form: Form,
}

/// How a mark says what it is about.
enum Form {
    /// By its name, in a way that is a setting of the tool.
    Affixed,
    Typed(Name, RecordType),
    Whole(Name),
    /// It is about nothing that can be told.
    Itself,
}

impl Word {
    fn of(record: &Record) -> Option<Self> {
        let RecordData::Txt(octets) = &record.key.data else { return None };
        let text = std::str::from_utf8(octets).ok()?.trim_matches('"');
        if text == OCTODNS {
            let form = octodns(record.name());
            return Some(Self { mark: Mark { tool: "octoDNS", owner: None }, form: form.unwrap_or(Form::Itself) });
        }
        if !text.contains("heritage=") {
            return None;
        }
        let field = |wanted: &str| {
            let fields = text.split(',').filter_map(|field| field.split_once('='));
            fields
                .map(|(key, value)| (key.trim(), value.trim()))
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| value)
        };
        let (tool, owner, form) = match field("heritage")? {
            "external-dns" if field("external-dns/version").is_some() => {
                ("Kuadrant", "external-dns/owner", Some(Form::Affixed))
            }
            "external-dns" => ("external-dns", "external-dns/owner", Some(Form::Affixed)),
            "dnsweaver" => ("dnsweaver", "instance", dnsweaver(record.name(), field("record-type"))),
            "dockroute" => ("Dockroute", "dockroute/owner", dockroute(record.name())),
            _ => return None,
        };
        let owner = field(owner).filter(|owner| !owner.is_empty()).map(Into::into);
        Some(Self { mark: Mark { tool, owner }, form: form.unwrap_or(Form::Itself) })
    }
}

/// The content of an ownership record (octodns/octodns, `processor/ownership.py`).
const OCTODNS: &str = "*octodns*";

/// Reads `_owner.a.web.example`, and `_owner.a.example` of the zone itself; the first label is a setting.
fn octodns(name: &Name) -> Option<Form> {
    let typed = name.parent()?;
    let rtype = RecordType::parse(typed.labels().next()?).ok()?;
    Some(Form::Typed(unmasked(rest(&typed)?, &["_wildcard"]), rtype))
}

/// Reads `_dnsweaver.web.example` (maxfield-allison/dnsweaver, `pkg/provider/provider.go`).
fn dnsweaver(name: &Name, rtype: Option<&str>) -> Option<Form> {
    let about = rest(name).filter(|_| name.as_str().starts_with("_dnsweaver."))?;
    Some(match rtype.and_then(|rtype| RecordType::parse(rtype).ok()) {
        Some(rtype) => Form::Typed(about, rtype),
        None => Form::Whole(about),
    })
}

/// Reads `_dockroute-a.web.example`; what stands before the type is a setting (Dockroute/Dockroute,
/// `src/providers/registry/ownership.ts`).
fn dockroute(name: &Name) -> Option<Form> {
    let rtype = name.labels().next()?.rsplit(['-', '_']).next()?;
    Some(Form::Typed(rest(name)?, RecordType::parse(rtype).ok()?))
}

/// Reads what tools write into comments (TrafegoDNS, `src/types/provider.ts`).
fn comment(comment: &str) -> Option<Mark> {
    comment.starts_with("Managed by TrafegoDNS").then_some(Mark { tool: "TrafegoDNS", owner: None })
}

/// The types that dnsweaver makes, any of which a mark may be about that names none.
const WHOLE_NAME: [RecordType; 4] = [RecordType::A, RecordType::Aaaa, RecordType::Cname, RecordType::Srv];

/// The types that external-dns made by default when its marks named none; such a mark is never about AAAA
/// (kubernetes-sigs/external-dns, `registry/txt/registry.go`).
const OLD_FORMAT: [RecordType; 2] = [RecordType::A, RecordType::Cname];

/// The types that external-dns marks, as they stand in the marks' names (kubernetes-sigs/external-dns,
/// `registry/mapper/mapper.go`).
const MARKED: [&str; 10] = ["a", "aaaa", "cname", "ns", "mx", "ptr", "srv", "naptr", "txt", "dname"];

/// How a mark's name is made from the name of what it is about: text before it and text behind its first label, with a `%` where
/// the type stands. Without one it is the old format, which names no type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Affix {
    before: String,
    after: String,
}

impl Affix {
    fn is_default(&self) -> bool {
        self.after.is_empty() && matches!(&*self.before, "" | "%-")
    }

    /// Returns how many marks must bear it out. The name of a host that is gone may look like an affix of its domain, but no host's
    /// begins with `_`, or as Kuadrant's marks do (Kuadrant/dns-operator).
    fn needs(&self) -> usize {
        if self.is_default() || self.before.starts_with('_') || self.before.starts_with("kuadrant-") { 1 } else { 2 }
    }
}

/// What a mark may be about: how its name was made, and the name and type that there are.
type Reading = (Affix, Name, Option<RecordType>);

/// Returns what each mark is about: of the readings that fit a record, the one that most marks of its owner bear out, else the
/// default one.
fn readings(marks: &[(&Name, Mark)], records: &RecordSet) -> Vec<(Option<RecordType>, Name, Mark)> {
    let possible: Vec<Vec<Reading>> = marks.iter().map(|(name, _)| possible(name, records)).collect();
    let mut support: BTreeMap<(&Option<String>, &Affix), usize> = BTreeMap::new();
    for ((_, mark), readings) in marks.iter().zip(&possible) {
        for affix in readings.iter().map(|(affix, ..)| affix).collect::<BTreeSet<_>>() {
            *support.entry((&mark.owner, affix)).or_default() += 1;
        }
    }
    let mut found = Vec::new();
    for ((name, mark), readings) in marks.iter().zip(&possible) {
        let borne = |affix: &Affix| support[&(&mark.owner, affix)];
        let best = readings
            .iter()
            .filter(|(affix, ..)| borne(affix) >= affix.needs())
            .max_by_key(|(affix, ..)| (borne(affix), affix.is_default()));
        let Some((best, ..)) = best else {
            found.extend(by_default(name).map(|(host, rtype)| (rtype, host, mark.clone())));
            continue;
        };
        let same = readings.iter().filter(|(affix, ..)| affix == best);
        found.extend(same.map(|(_, host, rtype)| (rtype.clone(), host.clone(), mark.clone())));
    }
    found
}

/// Returns what the mark is about as external-dns reads it without a prefix or suffix.
fn by_default(name: &Name) -> Option<(Name, Option<RecordType>)> {
    match name.as_str().split_once('-').filter(|(rtype, _)| MARKED.contains(rtype)) {
        Some((rtype, host)) => Some((unmasked(Name::parse(host).ok()?, &ALL), Some(RecordType::parse(rtype).ok()?))),
        None => Some((unmasked(name.clone(), &ALL), None)),
    }
}

/// Returns every way to read the mark's name that leads to records that are there.
fn possible(name: &Name, records: &RecordSet) -> Vec<Reading> {
    let text = name.as_str();
    let (first, domain) = text.split_once('.').unwrap_or((text, ""));
    let mut readings = Vec::new();
    for start in starts(text) {
        read(&text[..start], &text[start..], "", records, &mut readings);
    }
    // A suffix stands behind the first label, and then there is no prefix.
    for start in [0].into_iter().chain(first.find('-').map(|dash| dash + 1)) {
        let label = &first[start..];
        for (end, _) in label.match_indices(['-', '_']).filter(|(end, _)| *end > 0) {
            read(&first[..start], &format!("{}.{domain}", &label[..end]), &label[end..], records, &mut readings);
        }
    }
    readings
}

/// Returns where a name may begin within the text: at its start, and behind whatever separates words.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    [0].into_iter().chain(text.match_indices(['.', '-', '_']).map(|(at, _)| at + 1)).filter(|at| *at < text.len())
}

/// Adds the readings of a name between two affixes, one for each type that is there.
fn read(before: &str, host: &str, after: &str, records: &RecordSet, readings: &mut Vec<Reading>) {
    let Ok(host) = Name::parse(host) else { return };
    // The mark itself may stand there.
    let is_there = records.at(&host).iter().any(|record| record.rtype() != RecordType::Txt);
    let host = if is_there { host } else { unmasked(host, &ALL) };
    let types: BTreeSet<RecordType> = records.at(&host).iter().map(Record::rtype).collect();
    for rtype in types {
        let word = rtype.as_str().to_ascii_lowercase();
        if !MARKED.contains(&&*word) {
            continue;
        }
        let typed = with_type(before, &word)
            .map(|before| (before, after.to_owned()))
            .or_else(|| with_type(after, &word).map(|after| (before.to_owned(), after)));
        match typed {
            Some((before, after)) => readings.push((Affix { before, after }, host.clone(), Some(rtype))),
            None if OLD_FORMAT.contains(&rtype) => {
                let affix = Affix { before: before.into(), after: after.into() };
                readings.push((affix, host.clone(), None));
            }
            None => {}
        }
    }
}

/// Returns the affix with a `%` in the place of the last word that is the type.
fn with_type(affix: &str, word: &str) -> Option<String> {
    let is_word = |at: usize| {
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
        edge(affix[..at].chars().next_back()) && edge(affix[at + word.len()..].chars().next())
    };
    let (at, _) = affix.rmatch_indices(word).find(|(at, _)| is_word(*at))?;
    Some(format!("{}%{}", &affix[..at], &affix[at + word.len()..]))
}

/// What stands for `*` in external-dns's names: a setting (`--txt-wildcard-replacement`), of which these are the usual values;
/// Kuadrant has the first.
const ALL: [&str; 5] = ["wildcard", "any", "all", "star", "asterisk"];

/// Returns the wildcard name where the first label is one of those that stand for `*`.
fn unmasked(name: Name, stands_for_all: &[&str]) -> Name {
    let parent = name.parent().filter(|_| name.labels().next().is_some_and(|label| stands_for_all.contains(&label)));
    parent.and_then(|parent| parent.child("*").ok()).unwrap_or(name)
}

/// Returns the name without its first label, in which a `*` that comes to stand in front is a wildcard again.
fn rest(name: &Name) -> Option<Name> {
    Name::parse(name.parent()?.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn listing(records: &[(&str, &str, &str)]) -> Listing {
        let record = |(at, rtype, value): &(&str, &str, &str)| {
            let data = RecordData::parse(&RecordType::parse(rtype).unwrap(), value).unwrap();
            Record::new(name(at), data)
        };
        Listing { records: records.iter().map(record).collect(), ..Listing::default() }
    }

    /// Returns what is marked, as `name type: mark`, without the marks themselves.
    fn marked(records: &[(&str, &str, &str)]) -> Vec<String> {
        let listing = listing(records);
        let marks = Marks::of(&listing);
        let described = |record: &Record| {
            let mark = marks.mark_of(record).filter(|_| Word::of(record).is_none())?;
            Some(format!("{} {}: {mark}", record.name(), record.rtype()))
        };
        listing.records.iter().filter_map(described).collect()
    }

    const DEFAULT: &str = "heritage=external-dns,external-dns/owner=default,external-dns/resource=ingress/web/web";

    #[test]
    fn external_dns_marks_a_type_by_a_name_with_the_type_in_front() {
        let records = [
            ("web.example", "A", "10.0.0.1"),
            ("web.example", "AAAA", "fd00::1"),
            ("a-web.example", "TXT", DEFAULT),
            ("mail.example", "A", "10.0.0.2"),
        ];
        assert_eq!(marked(&records), ["web.example A: external-dns (owner default)"]);
    }

    #[test]
    fn external_dns_old_format_stands_at_the_name_itself_and_is_not_about_everything_there() {
        let records = [
            ("web.example", "A", "10.0.0.1"),
            ("web.example", "AAAA", "fd00::1"),
            ("web.example", "MX", "10 mail.example"),
            ("web.example", "TXT", DEFAULT),
            ("web.example", "TXT", "v=spf1 -all"),
        ];
        assert_eq!(marked(&records), ["web.example A: external-dns (owner default)"]);
    }

    #[test]
    fn quotes_within_the_text_are_no_part_of_it() {
        let inner = format!(r#""\"{DEFAULT}\"""#);
        let records = [("web.example", "A", "10.0.0.1"), ("a-web.example", "TXT", &*inner)];
        assert_eq!(marked(&records), ["web.example A: external-dns (owner default)"]);
        let short = r#""\"heritage=external-dns,external-dns/owner=lab\"""#;
        let records = [("web.example", "A", "10.0.0.1"), ("a-web.example", "TXT", short)];
        assert_eq!(marked(&records), ["web.example A: external-dns (owner lab)"]);
    }

    #[test]
    fn prefixes_and_suffixes_of_external_dns_are_told_from_the_records() {
        for (first, second) in [
            ("_extdns.a-web.example", "_extdns.a-app.example"),
            ("_extdns.web.example", "_extdns.app.example"),
            ("extdns-a-web.example", "extdns-a-app.example"),
            ("extdns-web.example", "extdns-app.example"),
            ("a-extdns.web.example", "a-extdns.app.example"),
            ("x-a-abc-.web.example", "x-a-abc-.app.example"),
            ("a-web-extdns.example", "a-app-extdns.example"),
            ("web-a-extdns.example", "app-a-extdns.example"),
            ("web-extdns.example", "app-extdns.example"),
        ] {
            let records = [
                ("web.example", "A", "10.0.0.1"),
                ("app.example", "A", "10.0.0.2"),
                ("example", "A", "10.0.0.3"),
                (first, "TXT", DEFAULT),
                (second, "TXT", DEFAULT),
            ];
            let expected =
                ["app.example A: external-dns (owner default)", "web.example A: external-dns (owner default)"];
            assert_eq!(marked(&records), expected, "{first}");
        }
    }

    #[test]
    fn a_mark_that_outlived_its_record_marks_nothing_else() {
        for stale in ["a-web.example", "web.example", "a-old-web.example", "cname-web.example"] {
            let records = [("example", "A", "10.0.0.3"), ("old.example", "A", "10.0.0.4"), (stale, "TXT", DEFAULT)];
            assert!(marked(&records).is_empty(), "{stale}");
        }
        let stale = listing(&[("a-web.example", "TXT", DEFAULT)]);
        let marks = Marks::of(&stale);
        assert!(marks.mark_at(&name("web.example"), &RecordType::A).is_some(), "it may come back");
        assert!(marks.mark_at(&name("web.example"), &RecordType::Aaaa).is_none());
    }

    #[test]
    fn where_two_readings_are_borne_out_alike_the_default_one_counts() {
        let records = [
            ("api.example", "A", "10.0.0.1"),
            ("api.k8s.example", "A", "10.0.0.2"),
            ("example", "A", "10.0.0.3"),
            ("k8s.example", "A", "10.0.0.4"),
            ("a-api.example", "TXT", DEFAULT),
            ("a-api.k8s.example", "TXT", DEFAULT),
        ];
        let expected =
            ["api.example A: external-dns (owner default)", "api.k8s.example A: external-dns (owner default)"];
        assert_eq!(marked(&records), expected);
    }

    #[test]
    fn a_mark_that_names_the_type_counts_over_one_that_does_not() {
        let records = [
            ("web.example", "A", "10.0.0.1"),
            ("web.example", "TXT", "heritage=external-dns,external-dns/owner=old"),
            ("a-web.example", "TXT", "heritage=external-dns,external-dns/owner=new"),
        ];
        assert_eq!(marked(&records), ["web.example A: external-dns (owner new)"]);
    }

    #[test]
    fn what_bears_an_affix_out_for_one_owner_does_not_for_another() {
        let other = "heritage=external-dns,external-dns/owner=other";
        let records = [
            ("web.example", "A", "10.0.0.1"),
            ("app.example", "A", "10.0.0.2"),
            ("x-a-web.example", "TXT", DEFAULT),
            ("x-a-app.example", "TXT", other),
        ];
        assert!(marked(&records).is_empty());
    }

    #[test]
    fn wildcards_are_marked_under_the_word_that_stands_for_them() {
        for mark in ["a-any.example", "a-wildcard.example", r"a-\042.example", "*.example"] {
            let records = [("*.example", "A", "10.0.0.1"), (mark, "TXT", DEFAULT)];
            assert_eq!(marked(&records), ["*.example A: external-dns (owner default)"], "{mark}");
        }
        let host =
            [("*.example", "A", "10.0.0.1"), ("any.example", "A", "10.0.0.2"), ("a-any.example", "TXT", DEFAULT)];
        assert_eq!(marked(&host), ["any.example A: external-dns (owner default)"]);
    }

    #[test]
    fn kuadrant_puts_an_id_before_the_type() {
        let text = "\"heritage=external-dns,external-dns/owner=1yt5qkfj,external-dns/version=1\"";
        let records = [("web.example", "CNAME", "lb.example"), ("kuadrant-1yt5qkfj-cname-web.example", "TXT", text)];
        assert_eq!(marked(&records), ["web.example CNAME: Kuadrant (owner 1yt5qkfj)"]);
    }

    #[test]
    fn octodns_marks_types_wildcards_and_the_zone_itself() {
        let records = [
            ("example", "MX", "10 mail.example"),
            ("example", "A", "10.0.0.1"),
            ("_owner.mx.example", "TXT", "*octodns*"),
            ("web.example", "A", "10.0.0.1"),
            ("_owner.A.web.example", "TXT", "*octodns*"),
            ("*.example", "CNAME", "web.example"),
            ("_owner.cname._wildcard.example", "TXT", "*octodns*"),
            ("_owner.a.mail.example", "TXT", "something else"),
            ("mail.example", "A", "10.0.0.1"),
        ];
        assert_eq!(marked(&records), ["*.example CNAME: octoDNS", "example MX: octoDNS", "web.example A: octoDNS"]);
    }

    #[test]
    fn dnsweaver_marks_a_whole_name_or_since_its_second_format_a_type() {
        let old = ("_dnsweaver.app.example", "TXT", "heritage=dnsweaver");
        let addresses = [("app.example", "A", "10.0.0.1"), ("app.example", "AAAA", "fd00::1"), old];
        assert_eq!(marked(&addresses), ["app.example A: dnsweaver", "app.example AAAA: dnsweaver"]);
        let text = "heritage=dnsweaver,instance=pi5-dns,record-target=MTAuMC4wLjE,record-type=A,record-version=2";
        let addresses = [("app.example", "A", "10.0.0.1"), ("app.example", "AAAA", "fd00::1"), (old.0, "TXT", text)];
        assert_eq!(marked(&addresses), ["app.example A: dnsweaver (owner pi5-dns)"]);
    }

    #[test]
    fn dockroute_has_the_type_in_the_label_in_front() {
        let text = "heritage=dockroute,dockroute/owner=home-lab,dockroute/resource=container/whoami";
        for mark in ["_dockroute-a.whoami.example", "x_a.whoami.example"] {
            let records =
                [("whoami.example", "A", "10.0.0.1"), ("whoami.example", "AAAA", "fd00::1"), (mark, "TXT", text)];
            assert_eq!(marked(&records), ["whoami.example A: Dockroute (owner home-lab)"], "{mark}");
        }
    }

    #[test]
    fn a_mark_is_its_tools_own_and_a_comment_counts() {
        let listing = listing(&[("a-web.example", "TXT", DEFAULT), ("web.example", "TXT", "heritage=terraform")]);
        let marks = Marks::of(&listing);
        let own = marks.mark_of(&listing.records.at(&name("a-web.example"))[0]);
        assert_eq!(own.unwrap().note(), "carries the mark of external-dns (owner default), which may bring it back");
        let mut other = listing.records.at(&name("web.example"))[0].clone();
        assert_eq!(marks.mark_of(&other), None);
        other.comment = Some("Managed by TrafegoDNS - Cloudflare Tunnel".into());
        assert_eq!(marks.mark_of(&other).unwrap().tool, "TrafegoDNS");
    }

    #[test]
    fn a_listing_of_marking_names_shows_the_mark() {
        for about in ["web.example", "*.example"] {
            let names = marking_names(&name(about), &RecordType::A);
            for (at, text) in [
                ("a-{}", DEFAULT),
                ("{}", DEFAULT),
                ("_dnsweaver.{}", "heritage=dnsweaver"),
                ("_dockroute-a.{}", "heritage=dockroute,dockroute/owner=x"),
                ("_owner.a.{}", "*octodns*"),
            ] {
                let spelled = ["*", "wildcard", "_wildcard", "\\042"].map(|label| about.replacen('*', label, 1));
                let at = spelled
                    .iter()
                    .map(|about| at.replace("{}", about))
                    .find(|at| Name::parse(at).is_ok_and(|at| names.contains(&at)));
                let at = at.unwrap_or_else(|| panic!("{text} for {about}"));
                let marks = Marks::of(&listing(&[(about, "A", "10.0.0.1"), (&at, "TXT", text)]));
                assert!(marks.mark_at(&name(about), &RecordType::A).is_some(), "{at}");
            }
        }
    }
}
