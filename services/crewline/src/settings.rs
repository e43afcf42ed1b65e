//! `crewline config`: the configuration as it counts, and where each value comes from.

use std::path::Path;

use chassis::config::{ConfigError, Setting, Value};
use chassis::db::masked;

use crate::config::Config;

/// Prints every value as a configuration file has it, with its origin beside it, and no password.
pub fn print(file: Option<&Path>, data_dir: Option<&Path>) -> Result<(), ConfigError> {
    let settings = Config::settings(file, data_dir)?;
    let lines: Vec<String> = settings.iter().map(|setting| format!("{} = {}", setting.key, shown(&setting.value))).collect();
    let width = lines.iter().map(|line| line.chars().count()).filter(|width| *width <= MAX_WIDTH).max().unwrap_or_default();
    let mut section = "";
    for (Setting { section: of, origin, .. }, line) in settings.iter().zip(lines) {
        if of != section {
            section = of;
            println!("\n[{section}]");
        }
        println!("{line:width$}  # {origin}");
    }
    Ok(())
}

/// Longer lines do not push all origins to the right.
const MAX_WIDTH: usize = 60;

/// As TOML writes it: strings, numbers and words look there as they do in JSON.
fn shown(value: &Value) -> String {
    let value = value.as_str().map_or_else(|| value.clone(), |text| masked(text).into());
    serde_json::to_string(&value).unwrap_or_default()
}
