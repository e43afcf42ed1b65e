//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::token::Grant;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::backup::{self, BackupArgs};
use crate::config::Config;
use crate::error::Error;
use crate::phone::screen::{self, PhoneArgs};
use crate::restore::{self, RestoreArgs};
use crate::{demo, keys, serve, settings, verify};

/// Technicians text with the customer of the job they are on, in the thread that the office uses.
#[derive(Debug, Parser)]
#[command(name = "crewline", version, about)]
pub struct Cli {
    /// A configuration file; what it leaves out has its default.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Where databases and keys are kept.
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run both services, or one alone (the default command).
    Serve {
        /// Which.
        #[arg(long, value_enum, default_value_t = Role::All)]
        role: Role,
    },
    /// Play the story against the running pair, or one that is started for it, and check every step.
    Demo,
    /// Stand in for the SMS gateway and the customers' phones: show what a tenant sends, text what is typed.
    Phone(PhoneArgs),
    /// Compare the chat database with its event log, also while the service runs: messages, counters and texts out must be its fold.
    Verify,
    /// Copy the embedded databases, also while the services run, and check the copy.
    Backup(BackupArgs),
    /// Put a backup in the place of the embedded databases, and list what access that brings back. The services must not run.
    Restore(RestoreArgs),
    /// Print the configuration as it counts, with where each value comes from.
    Config,
    /// Make a token.
    Token(TokenArgs),
    /// Make a signing key and the public key that goes with it. Existing files are left as they are.
    Keygen {
        /// The private key: who has it can be anybody.
        #[arg(long)]
        signing_key: PathBuf,
        /// The public key, for processes that only check tokens.
        #[arg(long)]
        verifying_key: PathBuf,
    },
}

/// Which services a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Both.
    All,
    /// The permissions service.
    Permissions,
    /// The chat service.
    Chat,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// The kind of caller: technician, office, admin, operator or service.
    #[arg(long, value_parser = ["technician", "office", "admin", "operator", "service"])]
    kind: String,
    /// Who: the person, or the name of the service.
    #[arg(long)]
    subject: String,
    /// The tenants, or * for all; a person has one.
    #[arg(long = "tenant", required = true)]
    tenants: Vec<String>,
    /// What a service may do: dispatch, carrier, enforce or provision.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// How long the token is good: 30s, 15m, 12h.
    #[arg(long, default_value = "12h")]
    ttl: String,
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> Result<(), Error> {
        let config = Config::read(self.config.as_deref(), self.data_dir.as_deref())?;
        match self.command.unwrap_or(Command::Serve { role: Role::All }) {
            Command::Serve { role } => runtime()?.block_on(serve::until_terminated(config, role)),
            Command::Demo => runtime()?.block_on(demo::play(config)),
            Command::Phone(args) => runtime()?.block_on(screen::play(config, args)),
            Command::Verify => runtime()?.block_on(verify::chat(&config)),
            Command::Backup(args) => runtime()?.block_on(backup::take(&config, &args)),
            Command::Restore(args) => runtime()?.block_on(restore::run(&config, &args)),
            Command::Config => Ok(settings::print(self.config.as_deref(), self.data_dir.as_deref())?),
            Command::Token(args) => {
                let lifetime = parse_ttl(&args.ttl).ok_or(Error::Ttl)?;
                let (kind, subject, tenants, scopes) = (args.kind, args.subject, args.tenants, args.scopes);
                let signer = keys::signer(&config, Clock::system())?;
                println!("{}", signer.sign(&Grant { subject, kind, tenants, scopes, lifetime })?);
                Ok(())
            }
            Command::Keygen { signing_key, verifying_key } => keys::generate(&config, &signing_key, &verifying_key),
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)
}

fn parse_ttl(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "s" => amount,
        "m" => amount.checked_mul(60)?,
        "h" => amount.checked_mul(3600)?,
        _ => return None,
    };
    (1..=366 * 24 * 3600).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_ttl_is_a_number_and_a_unit() {
        assert_eq!(parse_ttl("12h"), Some(Duration::from_secs(12 * 3600)));
        assert_eq!(parse_ttl("90s"), Some(Duration::from_secs(90)));
        for wrong in ["", "h", "12", "0s", "-1h", "12d", "999999999999h"] {
            assert_eq!(parse_ttl(wrong), None, "{wrong}");
        }
    }
}
