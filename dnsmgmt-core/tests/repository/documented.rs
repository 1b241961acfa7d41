//! `docs/database.md`, taken at its word.

use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::lease::{Memory, Remembered};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, PlanId, Reason, Step};
use dnsmgmt_core::provider::{Change, RunId};
use dnsmgmt_core::record::{RecordData, RecordType};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::repository::{DnsRepositoryManager, MARKING_JOB};
use dnsmgmt_core::tracked::OrphanReason;
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

use super::{Place, home, listing, noon_and, ours, record};

const TEXT: &str = include_str!("../../../docs/database.md");

/// Returns a database with an orphan of ours, a record that is only known, and a change.
fn place() -> Place {
    let place = Place::new();
    let mut repository = place.open();
    let (web, foreign) = (record("web.example", "10.0.0.1"), record("foreign.example", "10.0.0.2"));
    let mut tracking = ours("lab.toml");
    tracking.metadata.insert("note".into(), json!("mine"));
    repository.track_record(&home(), &web, &tracking, noon_and(0)).unwrap();
    repository.synchronize(&home(), &listing([web.clone(), foreign]), noon_and(1)).unwrap();
    look(&mut repository, 100);
    repository.mark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted, noon_and(2)).unwrap();
    look(&mut repository, 190);
    let step = Step {
        change: Change::Create(web.clone()),
        claim: Claim::ByHand,
        reason: Reason::Requested,
        origins: [].into(),
        notes: Vec::new(),
    };
    repository.intend(RunId(1), &home(), [&step], noon_and(3)).unwrap();
    repository.refresh(&home(), &Scope::Zone, &repository_listing(&repository), noon_and(4)).unwrap();
    repository.hold(PlanId(1), &home(), [(&web.key, Reason::Unwanted)], noon_and(4)).unwrap();
    repository.check_endpoint(&home(), "/etc/zone", noon_and(4)).unwrap();
    repository
        .see_daemons(&[("unix:///run/docker.sock".into(), Origin::of_source("docker", "one"))], noon_and(4))
        .unwrap();
    lease(&mut repository);
    place
}

/// Lets a heartbeat be seen, and be seen again a minute later.
fn lease(repository: &mut DnsRepositoryManager) {
    let member = Member { domain: Name::parse("all.example").unwrap(), address: "10.0.0.7".parse().unwrap() };
    let value = RecordData::parse(&RecordType::Txt, "1,web-01").unwrap();
    let values = [(value, Duration::ZERO)].into();
    let seen = Remembered { first_seen: noon_and(1), values, missing: None, was_kept: true };
    repository.remember_leases(&home(), &Memory::new(), &[(member, seen)].into()).unwrap();
    for seconds in [100, 160] {
        let moment = Moment { now: noon_and(2), boot: "a".into(), running: Duration::from_secs(seconds) };
        repository.look_at_leases(&home(), &moment, None, true).unwrap();
    }
}

fn look(repository: &mut DnsRepositoryManager, seconds: u64) {
    let moment = Moment { now: noon_and(2), boot: "a".into(), running: Duration::from_secs(seconds) };
    repository.look(&home(), MARKING_JOB, &moment, None, true).unwrap();
}

fn repository_listing(repository: &DnsRepositoryManager) -> dnsmgmt_core::record_set::Listing {
    repository.provider_cache().get_records(&home()).unwrap().unwrap().listing
}

fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Vec<String> = (0..columns)
            .map(|index| match row.get(index).unwrap() {
                Value::Text(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Null => "NULL".into(),
                other => format!("{other:?}"),
            })
            .collect();
        Ok(values.join(" "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_examples_answer_as_they_say() {
    let place = place();
    let connection = place.sql();
    let queries: Vec<&str> = TEXT.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let answers = [
        vec![
            "foreign.example A 10.0.0.2 NULL 2026-01-01T12:00:04.000Z",
            "web.example A 10.0.0.1 NULL 2026-01-01T12:00:04.000Z",
        ],
        vec!["home example web.example A 10.0.0.1"],
        vec!["foreign.example A 10.0.0.2"],
        vec!["web.example A 10.0.0.1 unwanted 2026-01-01T12:00:02.000Z"],
        vec!["web.example A 10.0.0.1 90"],
        vec!["A 10.0.0.1 file:lab.toml"],
        vec!["home example 2026-01-01T12:00:04.000Z"],
        vec!["web.example note mine"],
        vec!["2026-01-01T12:00:03.000Z create A 10.0.0.1 requested never settled"],
        vec!["0000000000000001 home web.example A 10.0.0.1 unwanted"],
        vec!["all.example 10.0.0.7 \"1,web-01\" 60"],
        vec!["home example /etc/zone 2026-01-01T12:00:04.000Z"],
        vec!["unix:///run/docker.sock docker:one 1 2026-01-01T12:00:04.000Z"],
    ];
    assert_eq!(queries.len(), answers.len());
    for (query, answer) in queries.into_iter().zip(answers) {
        let rows = rows(&connection, query);
        assert_eq!(rows.len(), answer.len(), "{query}");
        assert!(rows.iter().zip(&answer).all(|(row, expected)| row.starts_with(expected)), "{query}: {rows:?}");
    }
}

#[test]
fn every_table_and_column_is_described() {
    let place = place();
    let sql = "SELECT m.name || '.' || c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
               WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let columns = rows(&place.sql(), sql);
    assert!(columns.len() > 50);
    for column in columns {
        let (table, column) = column.split_once('.').unwrap();
        assert!(TEXT.contains(&format!("`{table}`")) && TEXT.contains(&format!("`{column}`")), "{table}.{column}");
    }
}

#[test]
fn every_column_of_the_published_data_model_is_there() {
    let place = place();
    let both = "id provider record_id type name content ttl proxied is_orphaned orphaned_at tracked_at updated_at";
    for (table, more) in [("dns_records", "fingerprint last_refreshed"), ("dns_tracked_records", "first_seen metadata")]
    {
        let columns = both.split(' ').chain(more.split(' ')).collect::<Vec<_>>().join(", ");
        assert_eq!(rows(&place.sql(), &format!("SELECT {columns} FROM {table}")).len(), 2);
    }
}
