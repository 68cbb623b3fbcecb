//! The process as the system sees it: background, pid file, supervisor, title, limits, OOM score.
mod background;
mod checks;
mod limits;
mod oom;
mod pid_file;
mod supervise;
mod title;

pub use background::{current_umask, detach_from_terminal, set_dumpable};
pub use checks::{SystemChecks, check_system};
pub use limits::{Adjusted, RESERVED_FDS, TooFewFiles, adjust_open_files};
pub use oom::{OomClass, OomScore};
pub use pid_file::PidFile;
pub use supervise::{Supervised, Supervisor};
pub use title::{DEFAULT_TEMPLATE, ProcTitle, TitleFacts, expand_title, listen_addr};
