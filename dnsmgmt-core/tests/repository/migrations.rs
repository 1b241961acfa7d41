//! Databases that an earlier version made.

use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::repository::examine;
use dnsmgmt_core::tracked::OrphanReason;

use super::{Place, file, home, managed, noon_and, record};

const FIRST: &str = include_str!("../../src/repository/migrations/1.sql");
const ROWS: &str = "
    INSERT INTO dns_settings VALUES ('owner_id', 'abc');
    INSERT INTO dns_freshness (provider, zone, refreshed_at, generation)
        VALUES ('home', 'example', '2026-01-01T12:00:00.000Z', 1);
    INSERT INTO dns_tracked_records (provider, zone, type, name, content, app_managed, is_orphaned, orphan_reason, orphaned_at)
        VALUES ('home', 'example', 'A', 'web.example', '10.0.0.1', 1, 1, 'unwanted', '2026-01-01T12:00:00.000Z'),
               ('home', 'example', 'A', 'known.example', '10.0.0.2', 0, 0, NULL, NULL);
    INSERT INTO dns_origins VALUES (1, 'file:lab');
    INSERT INTO dns_changes (run_id, provider, zone, action, name, type, content, claim, reason, after, intended_at)
        VALUES ('0000000000000007', 'home', 'example', 'create', 'web.example', 'A', '10.0.0.1', 'created', 'wanted',
                '{\"name\":\"web.example\",\"type\":\"A\",\"content\":\"10.0.0.1\"}', '2026-01-01T12:00:00.000Z');
    PRAGMA user_version = 1;";

/// Returns a database as version 1 left it.
fn version_1() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    place.sql().execute_batch(FIRST).unwrap();
    place.sql().execute_batch(ROWS).unwrap();
    place
}

#[test]
fn a_database_of_version_1_is_brought_up_to_date_and_keeps_what_it_knows() {
    let place = version_1();
    let repository = place.open();
    let tracked = managed(&repository).pop().unwrap();
    assert_eq!(tracked.record, record("web.example", "10.0.0.1"));
    assert_eq!((tracked.claim, tracked.origins), (Some(Claim::Created), [file("lab")].into()));
    let mark = tracked.orphaned.unwrap();
    assert_eq!((mark.reason, mark.since, mark.age.as_secs()), (OrphanReason::Unwanted, noon_and(0), 0));
    assert_eq!(repository.journal().unsettled(&home()).unwrap().len(), 1);
    assert_eq!(repository.owner_id().unwrap(), "abc");
    let examined = examine(&place.path()).unwrap();
    assert_eq!((examined.schema_version, examined.lacking), (examined.newest_version, vec![]));
    let sql = "SELECT claim FROM dns_tracked_records ORDER BY id";
    let connection = place.sql();
    let mut statement = connection.prepare(sql).unwrap();
    let claims: Vec<Option<String>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(claims, [Some("created".into()), None]);
}

#[test]
fn a_database_of_version_1_that_lost_a_table_is_brought_up_to_date_too() {
    for lost in ["dns_changes", "dns_records", "dns_freshness", "dns_origins"] {
        let place = version_1();
        place.sql().execute_batch(&format!("PRAGMA foreign_keys = OFF; DROP TABLE {lost}")).unwrap();
        assert_eq!(managed(&place.open()).len(), 1, "without {lost}");
        assert_eq!(examine(&place.path()).unwrap().lacking, [""; 0]);
    }
}

#[test]
fn a_lost_column_of_claims_does_not_take_away_what_is_ours() {
    let place = version_1();
    drop(place.open());
    place.sql().execute_batch("ALTER TABLE dns_tracked_records DROP COLUMN claim").unwrap();
    assert_eq!(managed(&place.open())[0].claim, Some(Claim::Created));
}
