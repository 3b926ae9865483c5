//! Something to look at, which goes to a file and from there into a viewer.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::exit::{Exit, Failure};
use crate::graph_file::is_dash;
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Whereto {
    /// Where to put it; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Overwrite a file that is there already
    #[arg(long)]
    force: bool,

    /// Show it in whatever this system shows such files in
    #[arg(long)]
    open: bool,
}

/// Where a document goes.
pub(crate) struct Document {
    path: PathBuf,
    force: bool,
    open: bool,
}

impl Document {
    /// Checked before the work is done.
    pub(crate) fn at(args: &Whereto, usual: &str) -> Result<Self, Failure> {
        let path = args.out.clone().unwrap_or_else(|| usual.into());
        let document = Self { path, force: args.force, open: args.open };
        let Self { path, force, open } = &document;
        if is_dash(path) {
            return if *open {
                let message = "what goes to standard output cannot be opened";
                Err(Failure::new(Exit::Usage, message).help("name a file with --out"))
            } else {
                Ok(document)
            };
        }
        if path.is_dir() {
            let message = format!("`{}` is a folder", path.display());
            let inside = path.join(usual);
            return Err(Failure::new(Exit::Usage, message)
                .help(format!("name a file in it: `--out {}`", inside.display())));
        }
        if !force && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        Ok(document)
    }

    /// Writes it, and says under which name.
    pub(crate) fn write(&self, text: &str, out: &mut Output) -> Result<String, Failure> {
        if is_dash(&self.path) {
            out.raw(text);
            return Ok("-".to_owned());
        }
        let shown = self.path.display().to_string();
        let mut options = OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let written = options.open(&self.path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(&self.path),
            ErrorKind::NotFound => {
                Failure::new(Exit::Device, format!("`{shown}` cannot be made: no such folder"))
                    .code("T0813")
                    .help("make the folder first, or give another place with --out")
            }
            _ => Failure::new(Exit::Device, format!("`{shown}` cannot be written: {error}"))
                .help("give a place of your own with --out"),
        })?;
        if !out.is_json() {
            out.text(&format!("wrote {shown}: {} KB", text.len().div_ceil(1000)));
        }
        Ok(shown)
    }

    /// Opens it, if that was wanted. A machine without a screen is no reason to fail.
    pub(crate) fn open(&self, path: &str, out: &mut Output) {
        if !self.open {
            return;
        }
        let mut command = if cfg!(target_os = "macos") {
            Command::new("open")
        } else if cfg!(windows) {
            let mut command = Command::new("cmd");
            command.args(["/C", "start", ""]);
            command
        } else {
            Command::new("xdg-open")
        };
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            out.warn(&format!("nothing here opens `{path}`; a browser shows it"));
        }
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(Exit::Usage, format!("`{}` exists already", path.display()))
        .code("T0811")
        .help("give another name with --out, or overwrite with --force")
}
