//! Random files and random changes: what is listed is what a model says, and every other entry keeps its bytes.

use std::collections::BTreeMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use proptest::prelude::*;

use super::file::{ZoneFile, alone, name};

fn values() -> impl Strategy<Value = RecordData> {
    let octets = |most| prop::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| RecordData::A(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| RecordData::Aaaa(octets.into())),
        octets(600).prop_map(|octets| RecordData::Txt(octets.into())),
        (any::<u16>(), names()).prop_map(|(preference, exchange)| RecordData::Mx { preference, exchange }),
        (any::<u16>(), any::<u16>(), any::<u16>(), names())
            .prop_map(|(priority, weight, port, target)| RecordData::Srv { priority, weight, port, target }),
        (any::<u8>(), "[a-z0-9]{1,15}", octets(300))
            .prop_map(|(flags, tag, value)| RecordData::caa(flags, &tag, &value).unwrap()),
        names().prop_map(RecordData::Ns),
        names().prop_map(RecordData::Ptr),
        names().prop_map(RecordData::Cname),
        octets(40).prop_map(|octets| {
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            let text = format!("\\# {} {hex}", octets.len());
            RecordData::parse(&RecordType::parse("TYPE65280").unwrap(), text.trim()).unwrap()
        }),
    ]
}

fn names() -> impl Strategy<Value = Name> {
    let label = prop::collection::vec(any::<u8>(), 1..20);
    prop::collection::vec(label, 1..5).prop_map(|labels| Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap())
}

fn owner() -> impl Strategy<Value = Name> {
    names().prop_filter_map("too long with the zone behind it", |relative| {
        Name::parse(&format!("{relative}.example.com")).ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_and_every_type_survive_the_file(owner in owner(), data in values(), ttl in prop::option::of(0..=i32::MAX as u32)) {
        run(async {
            let file = ZoneFile::with(super::file::HEAD);
            let mut record = Record::new(owner, data);
            record.ttl = ttl.map(Ttl::Seconds);
            file.make(Change::Create(record.clone())).await;
            let listing = file.list().await;
            let listed = listing.records.get(&record.key).unwrap_or_else(|| panic!("{record}\n{}", file.text()));
            assert!(record.agrees_with(listed));
            assert_eq!(listing.records.len(), 2);
            file.make(Change::Delete(record)).await;
            assert_eq!(file.text(), super::file::HEAD.replace("41", "43"));
        });
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in prop::collection::vec(prop_oneof![
        Just("a"), Just("\\"), Just("\""), Just("("), Just(")"), Just(";"), Just("\n"), Just("\r"), Just(" "), Just("\t"), Just("@"),
        Just("."), Just("$TTL 1"), Just("$ORIGIN a."), Just("IN"), Just("A"), Just("TXT"), Just("MX"), Just("CAA"), Just("SVCB"), Just("NAPTR"),
        Just("\\# 4"), Just("10.0.0.1"), Just("1h"), Just("\u{fc}"), Just("\\300"), Just("key="), Just("@ SOA a b 1 2 3 4 5\n"),
    ], 0..40)) {
        run(async {
            let file = ZoneFile::with(text.concat());
            let before = file.bytes();
            let listed = dnsmgmt_core::provider::DnsProvider::list(&file.provider, &dnsmgmt_core::record_set::Scope::Zone).await;
            let answers = file.apply(&[alone(super::file::create("zz A 10.0.0.1"))]).await;
            if listed.is_err() {
                assert!(matches!(answers[..], [Answer::Failed(_)]), "{answers:?}");
                assert_eq!(file.bytes(), before);
            }
        });
    }
}

/// An entry of a random file: which record, and how it is laid out.
#[derive(Debug, Clone)]
struct Layout {
    owner: usize,
    value: usize,
    ttl: Option<u32>,
    class: bool,
    parentheses: bool,
    comment: bool,
    before: Before,
}

#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Comment,
    Origin,
    Ttl,
}

const OWNERS: [&str; 4] = ["a.example.com", "b.sub.example.com", "sub.example.com", "example.com"];
const VALUES: [(&str, &str); 6] = [
    ("A", "10.0.0.1"),
    ("A", "10.0.0.2"),
    ("AAAA", "fd00::1"),
    ("TXT", "\"x;(\""),
    ("TXT", "\"y\\\"\""),
    ("MX", "1 a.example.com."),
];

fn layouts() -> impl Strategy<Value = Vec<Layout>> {
    let before = prop_oneof![Just(Before::Nothing), Just(Before::Comment), Just(Before::Origin), Just(Before::Ttl)];
    let layout = (0..OWNERS.len(), 0..VALUES.len(), prop::option::of(1..4_u32), any::<[bool; 3]>(), before);
    let layout = layout.prop_map(|(owner, value, ttl, [class, parentheses, comment], before)| Layout {
        owner,
        value,
        ttl,
        class,
        parentheses,
        comment,
        before,
    });
    prop::collection::vec(layout, 0..20)
}

#[derive(Debug, Clone)]
enum Step {
    Create(usize, usize, Option<u32>),
    Delete(usize, usize),
    Replace(usize, usize, usize, Option<u32>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (owner, value, ttl) = (0..OWNERS.len(), 0..VALUES.len(), prop::option::of(1..4_u32));
    let step = prop_oneof![
        (owner.clone(), value.clone(), ttl.clone()).prop_map(|(owner, value, ttl)| Step::Create(owner, value, ttl)),
        (owner.clone(), value.clone()).prop_map(|(owner, value)| Step::Delete(owner, value)),
        (owner, value.clone(), value, ttl).prop_map(|(owner, old, new, ttl)| Step::Replace(owner, old, new, ttl)),
    ];
    prop::collection::vec(step, 1..8)
}

/// What a file holds: for each record the TTLs of its copies, in the order of the file.
type Model = BTreeMap<(usize, usize), Vec<u32>>;

/// The TTL of a record that was created without a wish: which sibling comes first and what is in force there, the model does not
/// know.
const UNKNOWN: u32 = u32::MAX;

/// Writes the file and says what it holds.
fn write(layouts: &[Layout], with_ttl: bool) -> (String, Vec<String>, Model) {
    let mut text = "@ 9 SOA localhost. hm 1 2 3 4 5\n@ 9 NS localhost.\n".to_owned();
    let (mut lines, mut model) = (Vec::new(), Model::new());
    let (mut origin, mut last_owner, mut last_ttl, mut default) = ("example.com", 3, 9, None);
    if with_ttl {
        text.push_str("$TTL 2\n");
        default = Some(2);
    }
    for layout in layouts {
        match layout.before {
            Before::Nothing => {}
            Before::Comment => text.push_str("; (\" \n\n"),
            Before::Origin => {
                origin = if origin == "example.com" { "sub.example.com" } else { "example.com" };
                text.push_str(&format!("$ORIGIN {origin}.\n"));
            }
            Before::Ttl if with_ttl => {
                default = Some(default.unwrap_or_default() % 3 + 1);
                text.push_str(&format!("$TTL {}\n", default.unwrap_or_default()));
            }
            Before::Ttl => {}
        }
        let owner = name(OWNERS[layout.owner]);
        let spelled = owner.relative_to(&name(origin)).map_or_else(|| owner.with_dot(), str::to_uppercase);
        let owner = if layout.owner == last_owner { String::new() } else { spelled };
        let ttl = layout.ttl.map_or_else(String::new, |ttl| format!(" {ttl}"));
        let class = if layout.class { " IN" } else { "" };
        let (rtype, value) = VALUES[layout.value];
        let value = if layout.parentheses { format!("( ; (\n\t{value} )") } else { value.to_owned() };
        let comment = if layout.comment { "  ; c" } else { "" };
        let line = format!("{owner}{ttl}{class} {rtype}  {value}{comment}\n");
        let line = if owner.is_empty() { format!(" {line}") } else { line };
        text.push_str(&line);
        lines.push(line);
        last_ttl = layout.ttl.unwrap_or(last_ttl);
        last_owner = layout.owner;
        let effective = layout.ttl.or(default).unwrap_or(last_ttl);
        model.entry((layout.owner, layout.value)).or_default().push(effective);
    }
    (text, lines, model)
}

fn record(owner: usize, value: usize, ttl: Option<u32>) -> Record {
    let (rtype, value) = VALUES[value];
    let mut record = Record::new(name(OWNERS[owner]), super::file::data(rtype, value));
    record.ttl = ttl.map(Ttl::Seconds);
    record
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_listed_is_what_the_model_says(layouts in layouts(), steps in steps(), with_ttl: bool) {
        run(async {
            let (text, lines, mut model) = write(&layouts, with_ttl);
            let file = ZoneFile::with(&text);
            agree(&file, &model).await;
            let mut touched = Vec::new();
            for step in steps {
                touched.extend(take(&file, &mut model, &step).await);
                agree(&file, &model).await;
            }
            let untouched = layouts.iter().zip(&lines).filter(|(layout, _)| !touched.contains(&(layout.owner, layout.value)));
            kept(&file.text(), untouched);
            // Whatever was added can be removed again.
            for (owner, value) in model.into_keys() {
                file.make(Change::Delete(record(owner, value, None))).await;
            }
            agree(&file, &Model::new()).await;
        });
    }
}

/// Makes a step in file and model, and returns which records it was about.
async fn take(file: &ZoneFile, model: &mut Model, step: &Step) -> Vec<(usize, usize)> {
    let (change, touched, expected) = match *step {
        Step::Create(owner, value, ttl) => {
            let there = model.contains_key(&(owner, value));
            if !there {
                model.insert((owner, value), vec![ttl.unwrap_or(UNKNOWN)]);
            }
            let expected = if there { "AlreadySo" } else { "Accepted" };
            (Change::Create(record(owner, value, ttl)), vec![(owner, value)], expected)
        }
        Step::Delete(owner, value) => {
            let there = model.remove(&(owner, value)).is_some();
            let expected = if there { "Accepted" } else { "AlreadySo" };
            (Change::Delete(record(owner, value, None)), vec![(owner, value)], expected)
        }
        Step::Replace(owner, old, new, ttl) => {
            let change = Change::Replace { old: record(owner, old, None), new: record(owner, new, ttl) };
            let touched = vec![(owner, old), (owner, new)];
            let expected = match model.get(&(owner, old)).cloned() {
                None => "ConditionFailed",
                Some(ttls) if old == new => {
                    let same = ttl.is_none_or(|ttl| ttls.iter().all(|own| *own == ttl));
                    // A TTL that the model does not know may be the wanted one.
                    let known = !ttls.contains(&UNKNOWN);
                    if let Some(ttl) = ttl {
                        model.insert((owner, old), vec![ttl; ttls.len()]);
                    }
                    match (same, known) {
                        (true, _) => "AlreadySo",
                        (false, true) => "Accepted",
                        (false, false) => "",
                    }
                }
                Some(ttls) => {
                    model.remove(&(owner, old));
                    let there = model.remove(&(owner, new)).unwrap_or_else(|| vec![ttls[0]]);
                    let there = if let Some(ttl) = ttl { vec![ttl; there.len()] } else { there };
                    model.insert((owner, new), there);
                    "Accepted"
                }
            };
            (change, touched, expected)
        }
    };
    let answers = file.apply(&[alone(change.clone())]).await;
    assert!(format!("{:?}", answers[0]).starts_with(expected), "{change}: {answers:?}\n{}", file.text());
    touched
}

async fn agree(file: &ZoneFile, model: &Model) {
    let listing = file.list().await;
    assert_eq!(listing.records.len(), model.len() + 1, "{}", file.text());
    for (&(owner, value), ttls) in model {
        let wanted = record(owner, value, Some(ttls[0]).filter(|ttl| *ttl != UNKNOWN));
        let listed = listing.records.get(&wanted.key).unwrap_or_else(|| panic!("{wanted}\n{}", file.text()));
        assert!(wanted.agrees_with(listed), "{wanted} {:?} {:?}\n{}", wanted.ttl, listed.ttl, file.text());
    }
}

/// Checks that the lines are in the text in their order: those with owner and TTL as they were, others with what they inherited
/// written out at most.
fn kept<'a>(text: &str, lines: impl Iterator<Item = (&'a Layout, &'a String)>) {
    let mut rest = text;
    for (layout, line) in lines {
        let inherits = line.starts_with(' ') || layout.ttl.is_none();
        let behind_ttl = if layout.class { " IN ".into() } else { format!(" {}  ", VALUES[layout.value].0) };
        let tail = match line.find(&behind_ttl) {
            Some(at) if inherits => &line[at..],
            _ => line,
        };
        let at = rest.find(tail).unwrap_or_else(|| panic!("{line:?} is not in\n{text}"));
        rest = &rest[at + tail.len()..];
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}
