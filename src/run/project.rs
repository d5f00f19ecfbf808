//! The compiled project, compiled again only when one of its files changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::config::{self, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{self, DiagnosticSeverity, Project, ProjectEnv};

/// Folders of a dbt project that hold no source of ours.
const IGNORED_FOLDERS: [&str; 3] = ["target", "logs", "dbt_packages"];
/// A project with more files than this is a mistaken path.
const MAX_FILES: usize = 100_000;

/// The project of one process.
pub(super) struct ProjectCache {
    root: PathBuf,
    env: ProjectEnv,
    compiled: Mutex<Option<(Fingerprint, Arc<Project>)>>,
}

/// Path, size and time of change of every file.
type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl ProjectCache {
    pub fn new(config: &Config) -> Self {
        let env = ProjectEnv {
            target: config.project.target.clone(),
            vars: config.vars.clone(),
            env_var: Arc::new(config::variable),
        };
        Self { root: config.project.dir.clone(), env, compiled: Mutex::new(None) }
    }

    /// The project as its files are now.
    ///
    /// # Errors
    /// All problems of the project in one error of kind `Project`.
    pub async fn load(self: &Arc<Self>) -> Result<Arc<Project>> {
        let cache = self.clone();
        tokio::task::spawn_blocking(move || cache.load_blocking())
            .await
            .map_err(|error| Error::internal("loading the project").with_source(error))?
    }

    fn load_blocking(&self) -> Result<Arc<Project>> {
        let files = fingerprint(&self.root)?;
        if let Some((known, project)) = &*self.compiled.lock()
            && *known == files
        {
            return Ok(project.clone());
        }
        let (project, diagnostics) = model::load(&self.root, &self.env);
        if let Some(error) = model::to_error(&diagnostics) {
            return Err(error);
        }
        for warning in diagnostics.iter().filter(|found| found.severity == DiagnosticSeverity::Warning) {
            tracing::warn!(target: "lakewire::project", "{warning}");
        }
        let project = Arc::new(project);
        *self.compiled.lock() = Some((files, project.clone()));
        Ok(project)
    }
}

fn fingerprint(root: &Path) -> Result<Fingerprint> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| {
            Error::new(ErrorKind::Project, format!("cannot read project folder {}: {error}", folder.display()))
                .with_hint("set project.dir to the folder that holds dbt_project.yml")
                .with_source(error)
        })?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // follows links, as reading the files does; one that leads nowhere is not a file
            let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
            if name.starts_with('.') || (metadata.is_dir() && IGNORED_FOLDERS.contains(&&*name)) {
                continue;
            }
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files.push((entry.path(), metadata.len(), metadata.modified().ok()));
            }
            if files.len() + folders.len() > MAX_FILES {
                let message = format!("project folder {} has more than {MAX_FILES} files", root.display());
                return Err(Error::new(ErrorKind::ProgramLimitExceeded, message));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_the_fingerprint_and_build_output_does_not() {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("a.sql"), "select 1").unwrap();
        let before = fingerprint(project.path()).unwrap();
        std::fs::create_dir(project.path().join("target")).unwrap();
        std::fs::write(project.path().join("target/a.sql"), "x").unwrap();
        assert_eq!(fingerprint(project.path()).unwrap(), before);
        std::fs::write(project.path().join("a.sql"), "select 12").unwrap();
        assert_ne!(fingerprint(project.path()).unwrap(), before);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = fingerprint(Path::new("no/such/project")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Project);
        assert!(error.message().contains("no/such/project"), "{error}");
    }
}
