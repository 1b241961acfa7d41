//! The tables as people read them.

use dnsmgmt_core::record_set::Scope;

use super::{Place, home, listing, noon_and, record};

/// Returns how SQLite would answer, in one line.
fn plan(place: &Place, query: &str) -> String {
    let connection = place.sql();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
    let count = statement.parameter_count();
    let lines =
        statement.query_map(rusqlite::params_from_iter(vec!["x"; count]), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[test]
fn queries_use_the_indexes() {
    let place = Place::new();
    drop(place.open());
    let key = "provider = ?1 AND zone = ?2";
    for (query, index) in [
        (format!("SELECT * FROM dns_records WHERE {key}"), "dns_records_key (provider=? AND zone=?)"),
        (
            format!("SELECT * FROM dns_records WHERE {key} AND name = ?3"),
            "dns_records_key (provider=? AND zone=? AND name=?)",
        ),
        (
            format!("DELETE FROM dns_records WHERE {key} AND generation <> ?3 AND name = ?4"),
            "dns_records_key (provider=? AND zone=? AND name=?)",
        ),
        (
            format!("DELETE FROM dns_opaque_entries WHERE {key} AND name = ?3"),
            "dns_opaque_entries_name (provider=? AND zone=? AND name=?)",
        ),
        (
            format!("SELECT * FROM dns_tracked_records WHERE {key} AND name = ?3"),
            "dns_tracked_records_key (provider=? AND zone=? AND name=?)",
        ),
        (
            format!("SELECT * FROM dns_tracked_records WHERE {key} AND is_orphaned = 1 ORDER BY orphaned_at"),
            "dns_tracked_records_orphans (provider=? AND zone=?)",
        ),
        (
            format!(
                "UPDATE dns_tracked_records SET is_orphaned = 1 WHERE {key} AND name = ?3 AND type = ?4 AND content = ?5"
            ),
            "dns_tracked_records_key (provider=? AND zone=? AND name=? AND type=? AND content=?)",
        ),
        (
            format!("SELECT * FROM dns_tracked_records WHERE {key} AND app_managed = 1 ORDER BY name, type, content"),
            "dns_tracked_records_ours (provider=? AND zone=?)",
        ),
        ("SELECT tracked_id FROM dns_origins WHERE origin = ?1".into(), "dns_origins_origin (origin=?)"),
        ("SELECT * FROM dns_changes WHERE run_id = ?1 ORDER BY id".into(), "dns_changes_run (run_id=?)"),
        ("SELECT * FROM dns_changes WHERE name = ?1 ORDER BY id".into(), "dns_changes_name (name=?)"),
        (
            format!("SELECT * FROM dns_changes WHERE {key} AND settled_at IS NULL ORDER BY id"),
            "dns_changes_unsettled (provider=? AND zone=?)",
        ),
        (
            "SELECT tracked_id FROM dns_origins WHERE origin >= ?2 AND origin < ?3".into(),
            "dns_origins_origin (origin>? AND origin<?)",
        ),
        (
            "SELECT count(*) FROM dns_tracked_records AS t WHERE provider = ?1 AND app_managed = 1
                 AND EXISTS (SELECT 1 FROM dns_origins WHERE tracked_id = t.id AND instr(origin, ':') > 0)"
                .into(),
            "dns_tracked_records_ours (provider=?)",
        ),
        (
            format!(
                "SELECT before FROM dns_changes WHERE {key} AND before IS NOT NULL
                     AND id > coalesce((SELECT change_id FROM dns_freshness WHERE {key}), 0)"
            ),
            "SEARCH dns_changes USING INTEGER PRIMARY KEY (rowid>?)",
        ),
        ("SELECT name FROM dns_held_plans WHERE plan_id = ?1".into(), "dns_held_plans_plan (plan_id=?)"),
        (format!("DELETE FROM dns_held_plans WHERE {key}"), "PRIMARY KEY (provider=? AND zone=?)"),
        ("DELETE FROM dns_changes WHERE settled_at < ?1".into(), "dns_changes_settled (settled_at<?)"),
        (
            "SELECT * FROM resource_usages WHERE container_id = ?1 ORDER BY sampled_at".into(),
            "resource_usages_container (container_id=?)",
        ),
    ] {
        let plan = plan(&place, &query);
        assert!(plan.contains(index), "{query}: {plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}

#[test]
fn what_is_tracked_is_taken_over_by_a_look_for_each_tracked_record() {
    let place = Place::new();
    drop(place.open());
    let query = "UPDATE dns_records AS r SET tracked_at = t.tracked_at FROM dns_tracked_records AS t
        WHERE t.provider = ?1 AND t.zone = ?2 AND r.provider = ?1 AND r.zone = ?2
            AND r.name = +t.name AND r.type = +t.type AND r.content = +t.content AND r.tracked_at IS NULL";
    let plan = plan(&place, query);
    let tracked = plan.find("SEARCH t USING INDEX dns_tracked_records_key (provider=? AND zone=?)");
    let cached =
        plan.find("SEARCH r USING INDEX dns_records_key (provider=? AND zone=? AND name=? AND type=? AND content=?)");
    assert!(tracked.is_some() && tracked < cached, "{plan}");
}

#[test]
fn a_name_is_found_by_a_step_for_each_zone() {
    let place = Place::new();
    drop(place.open());
    let query = "WITH RECURSIVE zones (p, z) AS (
            SELECT * FROM (SELECT provider, zone FROM dns_tracked_records ORDER BY provider, zone LIMIT 1)
            UNION ALL
            SELECT n.provider, n.zone FROM zones CROSS JOIN dns_tracked_records AS n ON n.id = coalesce(
                (SELECT id FROM dns_tracked_records WHERE provider = p AND zone > z ORDER BY zone LIMIT 1),
                (SELECT id FROM dns_tracked_records WHERE provider > p ORDER BY provider, zone LIMIT 1))
        )
        SELECT content FROM zones CROSS JOIN dns_tracked_records WHERE provider = p AND zone = z AND name = ?1";
    let plan = plan(&place, query);
    for part in [
        "SEARCH n USING INTEGER PRIMARY KEY (rowid=?)",
        "dns_tracked_records_key (provider=? AND zone>?)",
        "dns_tracked_records_key (provider>?)",
        "dns_tracked_records_key (provider=? AND zone=? AND name=?)",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn orphans_everywhere_are_read_from_their_index_alone() {
    let place = Place::new();
    drop(place.open());
    let query = "SELECT content FROM dns_tracked_records WHERE is_orphaned = 1 ORDER BY provider, zone, orphaned_at";
    assert_eq!(plan(&place, query), "SCAN dns_tracked_records USING INDEX dns_tracked_records_orphans");
    let query = "DELETE FROM dns_tracked_records
        WHERE is_orphaned = 1 AND orphan_reason = 'gone' AND app_managed = 0 AND orphaned_at < ?1";
    let plan = plan(&place, query);
    assert!(plan.starts_with("SCAN dns_tracked_records USING INDEX dns_tracked_records_orphans"), "{plan}");
}

#[test]
fn a_zone_without_a_record_has_a_row_that_says_when_it_was_listed() {
    let place = Place::new();
    place.open().refresh(&home(), &Scope::Zone, &listing([]), noon_and(0)).unwrap();
    place.open().refresh(&home(), &Scope::Zone, &listing([record("a.example", "10.0.0.1")]), noon_and(1)).unwrap();
    let sql = "SELECT provider, zone, refreshed_at FROM dns_freshness";
    let row: (String, String, String) =
        place.sql().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(row, ("home".into(), "example".into(), "2026-01-01T12:00:01.000Z".into()));
}
