//! The steps that bring a database's schema up to date, in order. One that has landed never changes:
//! its checksum stands in every database.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

const STEPS: [(i64, &str, &str); 13] = [
    (1, "secrets", include_str!("migrations/0001_secrets.sql")),
    (2, "consents", include_str!("migrations/0002_consents.sql")),
    (3, "replay cache", include_str!("migrations/0003_replay_cache.sql")),
    (5, "audit index", include_str!("migrations/0005_audit_index.sql")),
    (8, "audit forward", include_str!("migrations/0008_audit_forward.sql")),
    (9, "asked", include_str!("migrations/0009_asked.sql")),
    (10, "claims", include_str!("migrations/0010_claims.sql")),
    (11, "correlations", include_str!("migrations/0011_correlations.sql")),
    (12, "audit index by key", include_str!("migrations/0012_audit_index_by_key.sql")),
    (14, "pix manager", include_str!("migrations/0014_pix_manager.sql")),
    (15, "cards", include_str!("migrations/0015_cards.sql")),
    (16, "audit index by word", include_str!("migrations/0016_audit_index_by_word.sql")),
    (17, "replay appended", include_str!("migrations/0017_replay_appended.sql")),
];

// Listed here rather than found by the library's macro, which would compile the library and the
// database a second time for the compiler's own use.
pub(super) fn migrator() -> Migrator {
    let step = |(version, description, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, Cow::Borrowed(description), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(STEPS.map(step).to_vec())
}

/// The last step.
pub(super) const LAST: i64 = 17;

/// The last step that a database has; 0 where it has none.
pub(super) async fn last_step(database: &sqlx::SqlitePool) -> Result<i64, sqlx::Error> {
    let has_any: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations')")
            .fetch_one(database)
            .await?;
    if !has_any {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
        .fetch_one(database)
        .await
}

/// A new database as it was left by the programs that knew the steps up to this one.
#[cfg(test)]
pub(crate) async fn database_as_of(path: &std::path::Path, last: i64) -> sqlx::SqlitePool {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let database = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let steps = migrator().iter().filter(|step| step.version <= last).cloned().collect();
    Migrator::with_migrations(steps).run(&database).await.unwrap();
    database
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_migrations_is_a_step() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let steps = STEPS.map(|(version, name, _)| format!("{version:04}_{}.sql", name.replace(' ', "_")));
        assert_eq!(files, steps);
        assert_eq!(STEPS.last().unwrap().0, LAST);
    }
}
