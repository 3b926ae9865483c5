//! `tympan completions`: what a shell completes.

use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::{Line, Output};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

const AFTER: &str = "\
Examples:
  tympan completions bash > ~/.local/share/bash-completion/completions/tympan
  tympan completions zsh > ~/.zfunc/_tympan
  tympan completions fish > ~/.config/fish/completions/tympan.fish";

pub(crate) fn run(args: &Args, out: &mut Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "tympan", &mut script);
    let script = String::from_utf8_lossy(&script);
    if out.is_json() {
        let line = Line::new("completions").with("shell", args.shell.to_string());
        out.line(&line.with("text", script.as_ref()));
    } else {
        out.raw(&script);
    }
    Exit::Ok
}
