//! The tables: how they came to be, and what of them is missing.
//!
//! `PRAGMA user_version` holds how many migrations a database has seen. After the migrations its tables, columns, indexes and
//! triggers are compared with those that the migrations make from nothing, and what is missing is added: a database that was made
//! or repaired by other hands is completed and not trusted. To make them from nothing takes longer than all else that a program
//! which finds nothing to do does, so one that holds them to the letter is told by a hash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::{Failure, RepositoryError, problem};
use crate::fnv::Fnv;

/// Every migration, in order. A released one is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
];

/// The [`hash`] of what the migrations make from nothing.
const NEWEST: u64 = 0x0ca9_cdde_0efd_408a;

/// Returns the schema version that this program makes.
pub(crate) fn newest() -> i64 {
    version_of(MIGRATIONS)
}

/// Returns how many migrations a database has seen.
pub(crate) fn version(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Refuses a database that a newer program made.
pub(crate) fn refuse_future(connection: &Connection, path: &Path, known: i64) -> Result<i64, RepositoryError> {
    let found = version(connection).map_err(|error| error.at(path, "read the schema version"))?;
    if found > known {
        return Err(RepositoryError::Future { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Returns whether a database holds the newest schema to the letter, so that nothing of it can be missing.
pub(crate) fn is_newest(connection: &Connection) -> Result<bool, Failure> {
    Ok(version(connection)? == newest() && hash(connection)? == NEWEST)
}

/// Returns a hash of the statements that make what a database holds.
fn hash(connection: &Connection) -> Result<u64, Failure> {
    let mut hash = Fnv::new();
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        hash.add(row.get::<_, String>(0)?.as_bytes());
        hash.add(&[0]);
    }
    Ok(hash.finish())
}

/// The tables with their columns, and the statements that make them and what hangs on them.
pub(crate) struct Schema {
    migrations: &'static [&'static str],
    tables: BTreeMap<String, Table>,
    /// Indexes and triggers.
    attached: BTreeMap<String, String>,
}

struct Table {
    sql: String,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    /// How `ALTER TABLE` adds it.
    declaration: String,
}

/// A part that is missing, and the statement that adds it.
struct Missing {
    what: String,
    sql: String,
}

impl Schema {
    /// Returns the newest schema.
    pub(crate) fn newest() -> Result<Self, Failure> {
        Self::of(MIGRATIONS)
    }

    /// Returns the names of the tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Returns what a database lacks of this schema, each part as a person would call it.
    pub(crate) fn lacking(&self, connection: &Connection) -> Result<Vec<String>, Failure> {
        Ok(self.missing(connection)?.into_iter().map(|part| part.what).collect())
    }

    /// Refuses a database that has tables and none of ours.
    pub(crate) fn refuse_foreign(&self, connection: &Connection, path: &Path) -> Result<(), RepositoryError> {
        let there = table_names(connection).map_err(|error| error.at(path, "read the schema"))?;
        if there.is_empty() || there.iter().any(|table| self.tables.contains_key(table)) {
            return Ok(());
        }
        Err(RepositoryError::Foreign { path: path.to_owned() })
    }

    /// Returns what the migrations make from nothing.
    fn of(migrations: &'static [&'static str]) -> Result<Self, Failure> {
        let empty = Connection::open_in_memory()?;
        for migration in migrations {
            empty.execute_batch(migration)?;
        }
        Ok(Self { migrations, ..Self::read(&empty)? })
    }

    fn read(connection: &Connection) -> Result<Self, Failure> {
        let mut schema = Self { migrations: &[], tables: BTreeMap::new(), attached: BTreeMap::new() };
        let mut statement = connection
            .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if kind == "table" {
                let columns = columns(connection, &name)?;
                schema.tables.insert(name, Table { sql, columns });
            } else {
                schema.attached.insert(name, sql);
            }
        }
        Ok(schema)
    }

    /// Brings a database to this schema, in one transaction. One that has it already is not written to.
    pub(crate) fn bring(&self, connection: &mut Connection, path: &Path) -> Result<(), RepositoryError> {
        let doing = |error: Failure| error.at(path, "bring the schema up to date");
        let version = refuse_future(connection, path, version_of(self.migrations))?;
        if version == version_of(self.migrations) && self.missing(connection).map_err(doing)?.is_empty() {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| doing(error.into()))?;
        // Another program may have done it while we waited.
        let version = refuse_future(&transaction, path, version_of(self.migrations))?;
        // A database without a version is either empty or was made by other hands: it is completed below.
        if version > 0 {
            let seen = usize::try_from(version).unwrap_or(usize::MAX).min(self.migrations.len());
            let (earlier, later) = self.migrations.split_at(seen);
            // What was removed by other hands must not keep it from becoming newer.
            Self::of(earlier).map_err(doing)?.complete(&transaction, path)?;
            for migration in later {
                transaction.execute_batch(migration).map_err(|error| doing(error.into()))?;
            }
        }
        self.complete(&transaction, path)?;
        transaction.pragma_update(None, "user_version", version_of(self.migrations)).map_err(|e| doing(e.into()))?;
        transaction.commit().map_err(|error| doing(error.into()))
    }

    fn complete(&self, transaction: &Transaction<'_>, path: &Path) -> Result<(), RepositoryError> {
        let missing = self.missing(transaction).map_err(|error| error.at(path, "read the schema"))?;
        for Missing { what, sql } in missing {
            transaction.execute_batch(&sql).map_err(|error| {
                match Failure::from(error).at(path, "complete the schema") {
                    RepositoryError::Sqlite { path, answer, .. } => {
                        RepositoryError::Incomplete { path, part: what, problem: problem(&answer) }
                    }
                    other => other,
                }
            })?;
        }
        Ok(())
    }

    /// Returns what is not there: columns before tables before what hangs on them, so that each can be added in turn.
    fn missing(&self, connection: &Connection) -> Result<Vec<Missing>, Failure> {
        let there = Self::read(connection)?;
        let mut missing = Vec::new();
        for (name, table) in &self.tables {
            let Some(actual) = there.tables.get(name) else { continue };
            let known: BTreeSet<&str> = actual.columns.iter().map(|column| column.name.as_str()).collect();
            let absent = table.columns.iter().filter(|column| !known.contains(column.name.as_str()));
            missing.extend(absent.map(|column| Missing {
                what: format!("the column {name}.{}", column.name),
                sql: format!("ALTER TABLE {name} ADD COLUMN {}", column.declaration),
            }));
        }
        let tables = self.tables.iter().filter(|(name, _)| !there.tables.contains_key(*name));
        missing
            .extend(tables.map(|(name, table)| Missing { what: format!("the table {name}"), sql: table.sql.clone() }));
        let attached = self.attached.iter().filter(|(name, _)| !there.attached.contains_key(*name));
        missing.extend(
            attached.map(|(name, sql)| Missing { what: format!("the index or trigger {name}"), sql: sql.clone() }),
        );
        Ok(missing)
    }
}

fn version_of(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).expect("a handful of migrations")
}

/// Returns the tables that a database has.
pub(crate) fn table_names(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>, Failure> {
    let mut statement =
        connection.prepare_cached(r#"SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?1)"#)?;
    let columns = statement.query_map([table], |row| {
        let (name, kind, required, default): (String, String, bool, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let required = if required { " NOT NULL" } else { "" };
        let default = default.map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
        Ok(Column { declaration: format!("{name} {kind}{required}{default}"), name })
    })?;
    Ok(columns.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE IF NOT EXISTS animals (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;";
    const SECOND: &str = "ALTER TABLE animals ADD COLUMN legs INTEGER NOT NULL DEFAULT 4;";
    const THIRD: &str = "UPDATE animals SET legs = 2 WHERE name = 'hen'; CREATE INDEX animals_legs ON animals (legs);";
    const STEPS: &[&str] = &[FIRST, SECOND, THIRD];

    fn path() -> &'static Path {
        Path::new("animals.db")
    }

    fn schema() -> Schema {
        Schema::of(STEPS).unwrap()
    }

    /// Returns a database as the first `version` migrations left it, with a hen and a cow.
    fn database(version: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..version] {
            connection.execute_batch(step).unwrap();
        }
        if version > 0 {
            connection.execute_batch("INSERT INTO animals (name) VALUES ('hen'), ('cow')").unwrap();
        }
        connection.pragma_update(None, "user_version", version_of(&STEPS[..version])).unwrap();
        connection
    }

    fn legs(connection: &Connection) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT legs FROM animals ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn every_earlier_version_becomes_the_newest_and_keeps_its_rows() {
        for earlier in 0..STEPS.len() {
            let mut connection = database(earlier);
            schema().bring(&mut connection, path()).unwrap();
            assert_eq!(version(&connection).unwrap(), 3);
            assert!(schema().missing(&connection).unwrap().is_empty(), "from version {earlier}");
            assert_eq!(legs(&connection), if earlier == 0 { vec![] } else { vec![2, 4] }, "from version {earlier}");
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_as_it_was() {
        const BROKEN: &[&str] = &[FIRST, SECOND, "UPDATE animals SET legs = 3; SELECT no_such_function();"];
        let schema = Schema { migrations: BROKEN, ..Schema::of(&BROKEN[..2]).unwrap() };
        let mut connection = database(1);
        schema.bring(&mut connection, path()).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(connection.prepare("SELECT legs FROM animals").is_err(), "the second migration is undone too");
    }

    #[test]
    fn a_database_from_the_future_is_refused() {
        let mut connection = database(3);
        connection.pragma_update(None, "user_version", 4).unwrap();
        let error = schema().bring(&mut connection, path()).unwrap_err();
        assert!(error.to_string().contains("schema version 4") && error.to_string().contains("up to 3"), "{error}");
    }

    #[test]
    fn what_is_missing_is_added_and_what_cannot_be_is_said() {
        let mut connection = database(3);
        connection.execute_batch("DROP INDEX animals_legs; ALTER TABLE animals DROP COLUMN legs").unwrap();
        schema().bring(&mut connection, path()).unwrap();
        assert_eq!(legs(&connection), [4, 4]);
        assert!(schema().missing(&connection).unwrap().is_empty());

        let mut connection = database(3);
        connection.execute_batch("ALTER TABLE animals DROP COLUMN name").unwrap();
        let error = schema().bring(&mut connection, path()).unwrap_err();
        assert!(
            matches!(&error, RepositoryError::Incomplete { part, .. } if part == "the column animals.name"),
            "{error}"
        );
    }

    #[test]
    fn the_newest_schema_has_the_hash_that_is_written_down() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(migration).unwrap();
        }
        let made = hash(&connection).unwrap();
        assert_eq!(made, NEWEST, "after a new migration NEWEST has to be {made:#018x}");
    }

    #[test]
    fn the_newest_schema_is_told_from_one_with_a_gap() {
        let made = || {
            let mut connection = Connection::open_in_memory().unwrap();
            Schema::newest().unwrap().bring(&mut connection, path()).unwrap();
            connection
        };
        assert!(is_newest(&made()).unwrap());
        for gap in [
            "DROP TABLE dns_changes",
            "DROP INDEX dns_records_key",
            "ALTER TABLE dns_records DROP COLUMN fingerprint",
            "PRAGMA user_version = 2",
            "CREATE TABLE animals (id INTEGER PRIMARY KEY)",
        ] {
            let connection = made();
            connection.execute_batch(gap).unwrap();
            assert!(!is_newest(&connection).unwrap(), "{gap}");
        }
        assert!(!is_newest(&Connection::open_in_memory().unwrap()).unwrap());
    }

    #[test]
    fn every_migration_of_ours_can_be_run_on_its_own_outcome() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..1] {
            connection.execute_batch(migration).unwrap();
            connection.execute_batch(migration).unwrap();
        }
    }
}
