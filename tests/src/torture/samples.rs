//! Small stores, some of which do not sync their writes. Simulated power cuts must show which stores lose data.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use rusqlite::Connection;

use super::line::{Line, State, say};

/// A store of numbered values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// SQLite as Keyway uses it: write-ahead log, and a sync at each commit.
    SqliteFull,
    /// SQLite without syncs.
    SqliteOff,
    /// A file that is written under another name, synced and renamed. Then its folder is synced.
    FileSynced,
    /// As [`FileSynced`](Self::FileSynced), without the sync of the file.
    FileWithoutSync,
    /// As [`FileSynced`](Self::FileSynced), without the sync of the folder.
    FolderWithoutSync,
}

impl Sample {
    /// All samples, by the names that [`write()`] takes.
    pub const ALL: [(&str, Self); 5] = [
        ("sqlite-full", Self::SqliteFull),
        ("sqlite-off", Self::SqliteOff),
        ("file-synced", Self::FileSynced),
        ("file-without-sync", Self::FileWithoutSync),
        ("folder-without-sync", Self::FolderWithoutSync),
    ];

    /// Tells whether the store keeps its acknowledged writes.
    pub fn is_sound(self) -> bool {
        matches!(self, Self::SqliteFull | Self::FileSynced)
    }

    fn is_sqlite(self) -> bool {
        matches!(self, Self::SqliteFull | Self::SqliteOff)
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, sample)| *sample)
    }
}

/// The number of values to write.
const VALUES: u32 = 12;

/// Writes values to the sample of this name in a folder, and acknowledges each. This function runs in a traced process.
///
/// # Errors
/// Any error, as a text.
pub fn write(name: &str, folder: &Path) -> Result<(), String> {
    let sample = Sample::of(name).ok_or_else(|| format!("there is no sample {name:?}"))?;
    let connection = if sample.is_sqlite() { Some(sqlite(sample, folder).map_err(text)?) } else { None };
    for number in 0..VALUES {
        let cell = format!("v{number}");
        say(&Line::Begun { task: 0, cell, state: State::of(number.to_string()) });
        match &connection {
            Some(connection) => {
                connection.execute("INSERT INTO numbers VALUES (?1)", [number]).map_err(text)?;
            }
            None => replace(sample, folder, number).map_err(text)?,
        }
        say(&Line::Acknowledged { task: 0 });
    }
    Ok(())
}

/// Reports the content of the sample of this name in a folder.
pub fn look(name: &str, folder: &Path) -> Vec<Line> {
    let numbers = match Sample::of(name) {
        Some(sample) if sample.is_sqlite() => read_sqlite(folder),
        _ => read_file(folder),
    };
    match numbers {
        Err(fault) => vec![Line::Corrupt(fault)],
        Ok(numbers) => {
            let observed = |number: u32| Line::Observed {
                cell: format!("v{number}"),
                state: State::of(number.to_string()),
            };
            numbers.into_iter().map(observed).chain([Line::Complete]).collect()
        }
    }
}

fn sqlite(sample: Sample, folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join("numbers.db"))?;
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    let synchronous = if sample == Sample::SqliteFull { "FULL" } else { "OFF" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; CREATE TABLE numbers (number INTEGER NOT NULL);"
    ))?;
    Ok(connection)
}

fn read_sqlite(folder: &Path) -> Result<Vec<u32>, String> {
    let path = folder.join("numbers.db");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = Connection::open(path).map_err(text)?;
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'numbers'", [], |row| row.get(0))
        .map_err(text)?;
    if tables == 0 {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT number FROM numbers").map_err(text)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(text)?;
    rows.collect::<Result<_, _>>().map_err(text)
}

fn replace(sample: Sample, folder: &Path, number: u32) -> std::io::Result<()> {
    let (path, beside) = (folder.join("numbers"), folder.join(".numbers"));
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut file = File::create(&beside)?;
    file.write_all(format!("{before}{number}\n").as_bytes())?;
    if sample != Sample::FileWithoutSync {
        file.sync_all()?;
    }
    fs::rename(&beside, &path)?;
    if sample != Sample::FolderWithoutSync {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn read_file(folder: &Path) -> Result<Vec<u32>, String> {
    match fs::read_to_string(folder.join("numbers")) {
        Ok(content) => content.lines().map(|line| line.parse().map_err(text)).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(text(error)),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
