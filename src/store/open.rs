//! Opens the store and refuses to start with weaker durability than asked for.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::replay_cache::Takes;
use super::schema;

/// A failure of the store. The text names no value.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("store: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("store: schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database does not keep what it acknowledges.
    #[error("store: durability is `{found}`, needed is `{needed}`")]
    Durability {
        /// What it is set to.
        found: String,
        /// What is needed.
        needed: &'static str,
    },
    /// The database's file cannot be made the owner's alone.
    #[error("store: {path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// Its schema is another program's.
    #[error(
        "store: its schema is of step {found}, this program's of {ours}: ask the program that keeps it, \
         or start the broker of this one"
    )]
    OtherVersion {
        /// The last step it has.
        found: i64,
        /// Our last step.
        ours: i64,
    },
    /// Something stored cannot be read back.
    #[error("store: unreadable: {0}")]
    Unreadable(String),
    /// What was written together failed together.
    #[error("{0}")]
    Together(Arc<StoreError>),
}

/// The store: one writer, several readers. Clones share them.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) writer: SqlitePool,
    pub(super) reader: SqlitePool,
    pub(super) takes: Arc<Takes>,
}

impl Store {
    /// Opens (and creates) the database at `sqlite:path`, brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be opened, migrated, or is not durable.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        if !options.get_filename().as_os_str().is_empty() && !url.contains(":memory:") {
            keep_to_the_owner(options.get_filename())?;
        }
        // A connection is tested when it is given back; to do so again when it is taken would cost every
        // statement a second way to the database's thread.
        let pool = || SqlitePoolOptions::new().test_before_acquire(false);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        schema::migrator().run(&writer).await?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&writer).await?;
        if synchronous < 2 {
            return Err(StoreError::Durability {
                found: format!("synchronous={synchronous}"),
                needed: "FULL",
            });
        }
        let reader = pool().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, reader, takes: Arc::default() })
    }

    /// Opens a database that is there, to read only: nothing is brought up to date, so that a broker of
    /// another version goes on with it.
    ///
    /// # Errors
    /// When it cannot be opened, or is of another version.
    pub async fn open_for_reading(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(Duration::from_secs(5));
        let reader = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        let found = schema::last_step(&reader).await?;
        let ours = schema::LAST;
        if found != ours {
            return Err(StoreError::OtherVersion { found, ours });
        }
        Ok(Self { writer: reader.clone(), reader, takes: Arc::default() })
    }

    /// Opens a database file.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_file(path: &Path) -> Result<Self, StoreError> {
        Self::open(&format!("sqlite:{}", path.display())).await
    }

    /// The random bytes kept under a name, made on first use (decisions A1: 16 bytes, the namespace
    /// of every UUIDv5).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secret(&self, name: &str) -> Result<[u8; 16], StoreError> {
        let fresh = uuid::Uuid::new_v4().into_bytes();
        sqlx::query("INSERT INTO secret (name, bytes) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(fresh.as_slice())
            .execute(&self.writer)
            .await?;
        let kept: Vec<u8> = sqlx::query_scalar("SELECT bytes FROM secret WHERE name = $1")
            .bind(name)
            .fetch_one(&self.writer)
            .await?;
        kept.try_into().map_err(|_| StoreError::Unreadable(format!("secret `{name}`")))
    }
}

/// Makes the database's file where it is missing, and takes it from everybody but its owner: it names
/// patients. SQLite gives the files it lays beside it (`-wal`, `-shm`) the same mode.
fn keep_to_the_owner(path: &Path) -> Result<(), StoreError> {
    let failed = |why| StoreError::File { path: path.to_owned(), why };
    let made = OpenOptions::new().create(true).append(true).mode(OWNERS_ALONE).open(path);
    drop(made.map_err(failed)?);
    for beside in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        let Ok(found) = std::fs::metadata(&name) else { continue };
        if found.permissions().mode() & OTHERS != 0 {
            match std::fs::set_permissions(&name, Permissions::from_mode(OWNERS_ALONE)) {
                // Somebody else's file, or a file system without modes: who gave it to us decides.
                Err(why) if matches!(why.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                    tracing::warn!(%why, path = %Path::new(&name).display(), "the store's file may be read by others than its owner");
                }
                changed => changed.map_err(failed)?,
            }
        }
    }
    Ok(())
}

const OTHERS: u32 = 0o077;

const OWNERS_ALONE: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_files_are_the_owners_alone_also_those_of_an_older_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.db");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let store = Store::open_file(&path).await.unwrap();
        store.secret("namespace").await.unwrap();
        let mut names = Vec::new();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(
                file.metadata().unwrap().permissions().mode() & 0o777,
                0o600,
                "{:?}",
                file.file_name()
            );
            names.push(file.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["k.db", "k.db-shm", "k.db-wal"]);
    }

    #[tokio::test]
    async fn reading_changes_nothing_and_leaves_another_versions_database_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.db");
        let url = format!("sqlite:{}", path.display());
        assert!(Store::open_for_reading(&url).await.is_err() && !path.exists());
        schema::database_as_of(&path, 15).await.close().await;
        let refused = Store::open_for_reading(&url).await;
        assert!(matches!(refused, Err(StoreError::OtherVersion { found: 15, .. })), "{refused:?}");
        Store::open(&url).await.unwrap().writer.close().await;
        let store = Store::open_for_reading(&url).await.unwrap();
        assert_eq!(store.audit_position().await.unwrap().next, 0);
        assert!(store.clear_audit_index().await.is_err());
    }

    #[tokio::test]
    async fn a_secret_is_made_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.db");
        let first = Store::open_file(&path).await.unwrap().secret("namespace").await.unwrap();
        let again = Store::open_file(&path).await.unwrap().secret("namespace").await.unwrap();
        assert_eq!(first, again);
    }
}
