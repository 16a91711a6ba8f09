//! How the program ends: a documented exit code, and where it failed a sentence with a next step.

use std::{fmt, process::ExitCode};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed: nothing was published, or something could not be checked.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// Done, but partial: something could not be read, and the lake says what.
    Partial,
    /// Done, and there are findings as bad as `--fail-on` says, or worse.
    Findings,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Findings => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A failure as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How the program ends.
    pub exit: Exit,
    /// What went wrong: the input and the reason.
    pub message: String,
    /// What to do about it.
    pub next_step: Option<String>,
}

impl Trouble {
    /// A failure of the work.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, message: message.to_string(), next_step: None }
    }

    /// A mistake in the command line or configuration.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string(), next_step: None }
    }

    /// The same with a next step.
    #[must_use]
    pub fn next(mut self, step: impl fmt::Display) -> Self {
        self.next_step = Some(step.to_string());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", crate::terminal::printable(&self.message))?;
        if let Some(step) = &self.next_step {
            write!(f, "\n next: {}", crate::terminal::printable(step))?;
        }
        Ok(())
    }
}
