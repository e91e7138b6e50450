//! `skysieve token`: makes, lists and revokes users' tokens.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::filters::refused;
use super::filters::show::{one_line, table, text_of};
use super::output::{print, print_line, tell};
use super::remote::{ListArgs, RemoteArgs};
use crate::http_client::segment;

/// Make, list and revoke the tokens with which users come to a host.
///
/// An author sees and changes filters of their own, a viewer sees all and changes nothing, an operator may do everything.
/// Only operators make tokens. All hosts with the same registry know a token, and that it was revoked, within a second.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  export SKYSIEVE_TOKEN_FILE=operator.token                         the first operator's token
  skysieve token new --user ada --role author > ada.token           a token for Ada, shown this once
  skysieve token new --user wall --role viewer --expires 90d --note 'the screen in the control room'
  skysieve token list --server http://node1:8080
  skysieve token revoke 1f2e3d4c5b6a
  skysieve token whoami --token-file ada.token                      whose token is it?")]
pub struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token, and print it: it is not shown again
    New(NewArgs),
    /// List all tokens, without the secrets in them
    List(ListArgs),
    /// Revoke a token
    Revoke(RevokeArgs),
    /// Say whose token is used, and what may be done with it
    Whoami(ListArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Whose it is to be: letters, digits, '.', '_', '-', '@' and '+'
    #[arg(long, value_name = "NAME")]
    user: String,
    /// What they may do with it
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(["author", "operator", "viewer"]))]
    role: String,
    /// When it expires: how long from now (30d, 12h), a day or a time (2027-05-09T03:00:00Z, in UTC) [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print the host's answer as JSON, with the token in it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The token's id: what is between the two _ of a token
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
}

/// Does what the command line asks for.
///
/// # Errors
/// Returns an error if the host refuses it or gives no answer.
pub fn run(args: TokenArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::New(args) => new(&args)?,
        Action::List(ListArgs { remote, json }) => {
            let tokens: Value = remote.client()?.get("/api/v1/tokens").map_err(refused)?;
            output(json, &tokens, list);
        }
        Action::Revoke(RevokeArgs { id, remote, json }) => {
            let path = format!("/api/v1/tokens/{}", segment(&id));
            let token: Value = remote.client()?.delete(&path).map_err(refused)?;
            output(json, &token, |token| format!("{}: revoked\n", described(token)));
        }
        Action::Whoami(ListArgs { remote, json }) => {
            let whoami: Value = remote.client()?.get("/api/v1/whoami").map_err(refused)?;
            output(json, &whoami, who);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn new(args: &NewArgs) -> anyhow::Result<()> {
    let NewArgs { user, role, expires, note, .. } = args;
    let body = json!({"user": user, "role": role, "expires": expires, "note": note}).to_string();
    let created: Value = args.remote.client()?.post("/api/v1/tokens", body.as_bytes()).map_err(refused)?;
    // Nothing but the token goes to stdout, so that it can be written into a file.
    tell(format_args!("{}; this is the only time that it is shown", described(&created)));
    output(args.json, &created, |created| format!("{}\n", text_of(&created["token"])));
    Ok(())
}

fn output(json: bool, answer: &Value, shown: impl FnOnce(&Value) -> String) {
    match json {
        true => print_line(answer),
        false => print(shown(answer)),
    }
}

fn field(value: &Value) -> String {
    one_line(&text_of(value))
}

fn described(token: &Value) -> String {
    format!("token {} of {} ({})", field(&token["id"]), field(&token["user"]), field(&token["role"]))
}

fn list(tokens: &Value) -> String {
    let mut rows = vec![["ID", "USER", "ROLE", "CREATED", "EXPIRES", "BY", "NOTE"].map(String::from)];
    for token in tokens.as_array().into_iter().flatten() {
        let mut expires = field(&token["expires"]);
        if token["expired"] == true {
            expires.push_str(" (expired)");
        }
        let [id, user, role, created, by, note] =
            ["id", "user", "role", "created", "by", "note"].map(|name| field(&token[name]));
        rows.push([id, user, role, created, expires, by, note]);
    }
    table(&rows)
}

fn who(whoami: &Value) -> String {
    let mut text = format!("{}: {}\n", field(&whoami["user"]), field(&whoami["role"]));
    for (name, value) in [("token", &whoami["token"]), ("expires", &whoami["expires"])] {
        if !value.is_null() {
            text.push_str(&format!("{name:<8} {}\n", field(value)));
        }
    }
    if let Some(limits) = whoami["limits"].as_object() {
        let limits: Vec<String> =
            limits.iter().map(|(name, most)| format!("{} {}", most, name.replace('_', " "))).collect();
        text.push_str(&format!("limits   {}\n", limits.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_a_line_each() {
        let token = json!({"id": "1f2e3d4c5b6a", "user": "ada", "role": "author", "created": "2026-05-09T03:00:00Z",
            "expires": "2026-05-10T03:00:00Z", "expired": true, "by": "operator", "note": "a\u{1b}[2Jb"});
        let expected = "\
ID            USER  ROLE    CREATED               EXPIRES                         BY        NOTE
1f2e3d4c5b6a  ada   author  2026-05-09T03:00:00Z  2026-05-10T03:00:00Z (expired)  operator  a [2Jb
";
        assert_eq!(list(&json!([token])), expected);
        assert_eq!(described(&token), "token 1f2e3d4c5b6a of ada (author)");
    }

    #[test]
    fn limits_are_told() {
        let limits = json!({"bytes": 1024, "filters": 100, "uploads_per_hour": 120});
        let whoami =
            json!({"user": "ada", "role": "author", "token": "1f2e3d4c5b6a", "expires": null, "limits": limits});
        let expected = "ada: author\ntoken    1f2e3d4c5b6a\nlimits   1024 bytes, 100 filters, 120 uploads per hour\n";
        assert_eq!(who(&whoami), expected);
    }
}
