//! `skysieve completions` and `skysieve man`: the command line, described for shells and for `man`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

use super::output::print;

/// Print a script that completes commands and flags in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve completions bash >~/.local/share/bash-completion/completions/skysieve
  skysieve completions zsh >\"${fpath[1]}/_skysieve\"
  skysieve completions fish >~/.config/fish/completions/skysieve.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Write a manual page for each command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve man ~/.local/share/man/man1 && man skysieve-host")]
pub struct ManArgs {
    /// The folder for the pages. It is created if needed
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the script.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "skysieve", &mut script);
    print(String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

/// Writes the pages.
///
/// # Errors
/// Returns an error if the folder can't be written to.
pub fn man(args: &ManArgs, command: Command) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    clap_mangen::generate_to(command, folder).with_context(|| folder.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
