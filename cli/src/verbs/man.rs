//! `tympan man`: pages for `man`.

use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};
use crate::output::{Line, Output};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Write the pages of all verbs into this folder
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  tympan man | man -l -
  tympan man --out ~/.local/share/man/man1";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let mut program = crate::command();
    program.build();
    let Some(folder) = &args.out else {
        let page = page(&program).map_err(|error| Failure::new(Exit::Lost, error.to_string()))?;
        if out.is_json() {
            out.line(&Line::new("man").with("page", "tympan").with("text", page));
        } else {
            out.raw(&page);
        }
        return Ok(Exit::Ok);
    };
    let cannot = |path: &Path, error: &std::io::Error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::Device, message)
            .code("T0813")
            .help("give a folder of your own with --out")
    };
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    let verbs = program.get_subcommands().filter(|verb| verb.get_name() != "help");
    for command in std::iter::once(&program).chain(verbs) {
        let name = command.get_display_name().unwrap_or("tympan").to_owned();
        let path = folder.join(format!("{name}.1"));
        let written = page(command).and_then(|page| std::fs::write(&path, page));
        written.map_err(|error| cannot(&path, &error))?;
        if out.is_json() {
            out.line(&Line::new("man").with("page", name).with("file", path.display().to_string()));
        } else {
            out.text(&format!("wrote {}", path.display()));
        }
    }
    Ok(Exit::Ok)
}

fn page(command: &clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
