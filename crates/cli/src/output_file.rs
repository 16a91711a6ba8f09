//! A file that is there whole or not at all.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::exit::Trouble;

/// What is written to it is in no file of its name until it is kept; dropped before, it leaves nothing.
pub(crate) struct OutputFile {
    out: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl OutputFile {
    /// Begins a file of this name. One that is there stays as it is until this one is kept.
    pub(crate) fn create(path: &Path) -> Result<Self, Trouble> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let file = tempfile::Builder::new().prefix(".kms-insights-").tempfile_in(folder).map_err(|error| trouble(path, &error))?;
        Ok(Self { out: BufWriter::new(file), path: path.to_owned() })
    }

    /// Where to write.
    pub(crate) const fn writer(&mut self) -> &mut (impl Write + Send + use<>) {
        &mut self.out
    }

    /// Gives the file its name.
    pub(crate) fn keep(mut self) -> Result<(), Trouble> {
        self.out.flush().map_err(|error| trouble(&self.path, &error))?;
        let file = self.out.into_inner().map_err(|error| trouble(&self.path, error.error()))?;
        file.persist(&self.path).map_err(|error| trouble(&self.path, &error.error))?;
        Ok(())
    }
}

/// The kind alone: the error itself names the file that is written before it gets the name asked for.
fn trouble(path: &Path, error: &io::Error) -> Trouble {
    Trouble::failed(format_args!("{}: {}", path.display(), error.kind())).next("name a file in a folder that exists and may be written")
}
