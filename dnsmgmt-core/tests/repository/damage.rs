//! Files that are not as they should be.

use std::fs;
use std::path::Path;

use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError, Tracking, back_up, examine};

use super::{Place, home, listing, noon_and, record};

/// Opens a file that must be refused and must be the same octets afterwards.
fn refused(path: &Path) -> RepositoryError {
    let before = fs::read(path).unwrap();
    let error = DnsRepositoryManager::open(path).map(drop).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    error
}

/// Makes a database with many records, all of it in the file itself.
fn filled(place: &Place) -> Vec<u8> {
    let mut repository = place.open();
    let records = (0..2000).map(|index| record(&format!("n{index}.example"), "10.0.0.1"));
    repository.refresh(&home(), &Scope::Zone, &listing(records), noon_and(0)).unwrap();
    repository.track_record(&home(), &record("n1.example", "10.0.0.1"), &Tracking::default(), noon_and(0)).unwrap();
    drop(repository);
    fs::read(place.path()).unwrap()
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    fs::write(place.path(), "not a database\n".repeat(500)).unwrap();
    let error = refused(&place.path());
    assert!(matches!(error, RepositoryError::Damaged { .. }), "{error}");
    assert_eq!(examine(&place.path()).unwrap().problems.len(), 1);
}

#[test]
fn a_database_with_a_damaged_schema_is_refused_and_kept() {
    let place = Place::new();
    let mut octets = filled(&place);
    octets[100..2000].fill(0x5a);
    fs::write(place.path(), &octets).unwrap();
    let error = refused(&place.path());
    assert!(matches!(error, RepositoryError::Damaged { .. }), "{error}");
    assert!(!examine(&place.path()).unwrap().problems.is_empty());
}

#[test]
fn damage_in_the_middle_is_found_by_an_examination_and_never_read_as_nothing() {
    let place = Place::new();
    let octets = filled(&place);
    for page in 1..octets.len() / 4096 {
        let mut broken = octets.clone();
        broken[page * 4096..(page + 1) * 4096].fill(0x5a);
        fs::write(place.path(), &broken).unwrap();
        let examined = examine(&place.path());
        assert!(examined.is_err() || !examined.unwrap().problems.is_empty(), "page {page}");
        // A start does not look at everything. What it reads is whole or an error.
        if let Ok(repository) = DnsRepositoryManager::open(&place.path())
            && let Ok(cached) = repository.provider_cache().get_records(&home())
        {
            let cached = cached.map_or(0, |cached| cached.listing.records.len());
            assert!(cached == 2000, "page {page}: {cached} records");
        }
    }
}

#[test]
fn a_truncated_database_is_found_out() {
    let place = Place::new();
    let octets = filled(&place);
    fs::write(place.path(), &octets[..octets.len() / 2]).unwrap();
    assert!(!examine(&place.path()).unwrap().problems.is_empty());
}

#[test]
fn a_database_from_the_future_or_of_another_program_is_refused_and_kept() {
    let place = Place::new();
    drop(place.open());
    place.sql().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = refused(&place.path());
    assert!(matches!(error, RepositoryError::Future { found: 99, .. }), "{error}");
    let foreign = Place::new();
    fs::create_dir_all(foreign.path().parent().unwrap()).unwrap();
    foreign.sql().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let error = refused(&foreign.path());
    assert!(matches!(error, RepositoryError::Foreign { .. }), "{error}");
}

#[test]
fn a_database_made_without_a_column_heals_itself() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    // As somebody made it by hand, without a version.
    let without_limit = "CREATE TABLE resource_usages (id INTEGER PRIMARY KEY, container_id TEXT, container_name TEXT,
        sampled_at TEXT, cpu_usage REAL, memory_usage INTEGER);
        INSERT INTO resource_usages (container_id, memory_usage) VALUES ('abc', 5)";
    place.sql().execute_batch(without_limit).unwrap();
    assert!(examine(&place.path()).unwrap().lacking.contains(&"the column resource_usages.memory_limit".into()));
    drop(place.open());
    assert_eq!(examine(&place.path()).unwrap().lacking, [""; 0]);
    let row: (i64, Option<i64>) = place
        .sql()
        .query_row("SELECT memory_usage, memory_limit FROM resource_usages", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(row, (5, None));
}

#[test]
fn every_column_index_and_trigger_that_can_be_lost_comes_back() {
    let place = Place::new();
    filled(&place);
    let parts: Vec<(String, String)> = place
        .sql()
        .prepare("SELECT type, name FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(parts.len() > 10);
    for (kind, name) in parts {
        place.sql().execute_batch(&format!("DROP {kind} {name}")).unwrap();
        assert_eq!(examine(&place.path()).unwrap().lacking, [format!("the index or trigger {name}")]);
        drop(place.open());
        assert_eq!(examine(&place.path()).unwrap().lacking, [""; 0]);
    }
    for column in ["fingerprint", "last_refreshed", "comment", "generation", "updated_at"] {
        place.sql().execute_batch(&format!("ALTER TABLE dns_records DROP COLUMN {column}")).unwrap();
        let mut repository = place.open();
        let all = repository.provider_cache().get_records(&home()).unwrap().unwrap().listing;
        assert_eq!(all.records.len(), 2000);
        repository.refresh(&home(), &Scope::Zone, &all, noon_and(1)).unwrap();
    }
}

#[test]
fn a_column_that_rows_cannot_do_without_is_an_error_that_names_it() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    let old = "CREATE TABLE dns_records (id INTEGER PRIMARY KEY, name TEXT, content TEXT);
               INSERT INTO dns_records (name, content) VALUES ('a', 'b')";
    place.sql().execute_batch(old).unwrap();
    let error = DnsRepositoryManager::open(&place.path()).unwrap_err();
    assert!(
        matches!(&error, RepositoryError::Incomplete { part, .. } if part.starts_with("the column dns_records.")),
        "{error}"
    );
    assert_eq!(examine(&place.path()).unwrap().schema_version, 0, "nothing was done by halves");
}

#[test]
fn a_row_that_cannot_be_read_is_an_error_that_names_it() {
    let place = Place::new();
    filled(&place);
    let spoil = "UPDATE dns_records SET content = 'nonsense' WHERE name = 'n7.example' RETURNING id";
    let spoilt: i64 = place.sql().query_row(spoil, [], |row| row.get(0)).unwrap();
    let error = place.open().provider_cache().get_records(&home()).unwrap_err();
    assert!(matches!(&error, RepositoryError::Row { table: "dns_records", id, .. } if *id == spoilt), "{error}");
}

#[cfg(unix)]
#[test]
fn the_file_and_its_folder_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let _open = place.open();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        let mut path = place.path().into_os_string();
        path.push(suffix);
        assert_eq!(mode(Path::new(&path)), 0o600, "{path:?}");
    }
}

#[test]
fn a_backup_is_complete_and_never_overwrites() {
    let place = Place::new();
    filled(&place);
    let repository = place.open();
    let target = place.0.path().join("copy.db");
    back_up(&place.path(), &target).unwrap();
    let copy = DnsRepositoryManager::open(&target).unwrap();
    assert_eq!(copy.owner_id().unwrap(), repository.owner_id().unwrap());
    assert_eq!(
        copy.provider_cache().get_records(&home()).unwrap(),
        repository.provider_cache().get_records(&home()).unwrap()
    );
    drop(copy);
    let before = fs::read(&target).unwrap();
    assert!(matches!(back_up(&place.path(), &target), Err(RepositoryError::File { .. })));
    assert_eq!(fs::read(&target).unwrap(), before);
    let missing = place.0.path().join("no/such.db");
    assert!(back_up(&missing, &place.0.path().join("other.db")).is_err());
    let left: Vec<_> = fs::read_dir(place.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("unfinished")), "{left:?}");
}

#[test]
fn a_damaged_database_has_no_backup() {
    let place = Place::new();
    let mut octets = filled(&place);
    let middle = octets.len() / 2 / 4096 * 4096;
    octets[middle..middle + 4096].fill(0x5a);
    fs::write(place.path(), octets).unwrap();
    let target = place.0.path().join("copy.db");
    assert!(back_up(&place.path(), &target).is_err());
    assert!(!target.exists());
}
