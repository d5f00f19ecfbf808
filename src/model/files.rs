//! The files of a project.

use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics, Place};

/// A file of the project, read.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// As shown to the user, with the project's folder: `sql/gold/daily_sales.sql`.
    pub shown: PathBuf,
    /// Relative to the project: `gold/daily_sales.sql`.
    pub path: PathBuf,
    pub text: String,
}

impl TextFile {
    /// Name without folder and extension.
    pub fn stem(&self) -> String {
        self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// All files below `folder` with one of the extensions, by path. A folder that is not there has none; hidden files and
/// `dbt_packages` are left out.
pub fn read_all(root: &Path, folder: &Path, extensions: &[&str], problems: &mut Diagnostics) -> Vec<TextFile> {
    let mut paths = Vec::new();
    walk(root, folder, extensions, &mut paths, problems);
    paths.sort();
    paths.into_iter().filter_map(|path| read(root, &path, problems)).collect()
}

/// One file, by its path relative to the project.
pub fn read(root: &Path, path: &Path, problems: &mut Diagnostics) -> Option<TextFile> {
    let shown = root.join(path);
    match fs::read_to_string(&shown) {
        Ok(text) => Some(TextFile { shown, path: path.to_owned(), text }),
        Err(error) => {
            let message = match error.kind() {
                std::io::ErrorKind::InvalidData => "the file is not valid UTF-8".to_owned(),
                _ => format!("the file cannot be read: {error}"),
            };
            problems.push(Diagnostic::error(Place::start_of(shown), message));
            None
        }
    }
}

fn walk(root: &Path, folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>, problems: &mut Diagnostics) {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            let message = format!("the folder cannot be read: {error}");
            problems.push(Diagnostic::error(Place::start_of(root.join(folder)), message));
            return;
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let path = folder.join(&name);
        let name = name.to_string_lossy();
        if name.starts_with('.') || name == "dbt_packages" {
            continue;
        }
        // `metadata` follows links, so a linked folder is read like any other.
        let is_dir = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
        if is_dir {
            walk(root, &path, extensions, found, problems);
        } else if path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want)) {
            found.push(path);
        }
    }
}
