//! Where a database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;

/// Where a database is: `sqlite://path`, or `postgres://user:password@host:port/name`. It prints neither user nor password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file, which is made if need be.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server, which must be there.
    Postgres(Box<PgConnectOptions>),
}

/// The text is no URL of a database. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a database URL must look like sqlite://path or postgres://user:password@host:port/name")]
pub struct BadDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        if let Some(path) = text.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(path.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return text.parse().map(|options| Self::Postgres(Box::new(options))).map_err(|_| BadDatabaseUrl);
        }
        Err(BadDatabaseUrl)
    }
}

/// Parameters of a URL that hold no secret; the value of any other may be one.
const HARMLESS: [&str; 13] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// A URL as it may be shown: without passwords. What is no URL is left as it is.
pub fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, parameters)| (place, Some(parameters)));
    // Up to the last @, also where a password has a / in it that should have been written as %2F.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => {
            format!("{}@{host}", user.split_once(':').map_or(user.to_owned(), |(user, _)| format!("{user}:***")))
        }
        None => place.to_owned(),
    };
    let parameters = parameters.map(|parameters| {
        let shown = parameters.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if HARMLESS.contains(&name) || name.starts_with("options[") => parameter.to_owned(),
            Some((name, _)) => format!("{name}=***"),
            None => "***".to_owned(),
        });
        format!("?{}", shown.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{place}{}", parameters.unwrap_or_default())
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite://{}", path.display()),
            Self::Postgres(options) => {
                let name = options.get_database().unwrap_or_default();
                write!(formatter, "postgres://{}:{}/{name}", options.get_host(), options.get_port())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_database_of_a_server() {
        let file: DatabaseUrl = "sqlite://data/100%/chat.db".parse().expect("a file");
        assert!(matches!(file, DatabaseUrl::Sqlite(path) if path.ends_with("100%/chat.db")));
        let server: DatabaseUrl = "postgres://ann@db.example:6432/chat".parse().expect("a server");
        assert_eq!(format!("{server:?}"), "postgres://db.example:6432/chat");
        for bad in ["", "sqlite://", "data/chat.db", "mysql://h/d", "postgres://h:port/d"] {
            assert_eq!(bad.parse::<DatabaseUrl>().err(), Some(BadDatabaseUrl), "{bad}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_passwords() {
        for (url, shown) in [
            ("postgres://ann:hunter2@h:5432/d", "postgres://ann:***@h:5432/d"),
            ("postgres://ann:hun@ter2@h/d", "postgres://ann:***@h/d"),
            ("postgres://ann:hun:ter2@h/d", "postgres://ann:***@h/d"),
            ("postgres://ann@h/d", "postgres://ann@h/d"),
            ("postgres://h/d?user=ann&password=hunter2&sslmode=require", "postgres://h/d?user=ann&password=***&sslmode=require"),
            ("postgres://h/d?p%61ssword=hunter2", "postgres://h/d?p%61ssword=***"),
            ("postgres://h/d?options[search_path]=chat", "postgres://h/d?options[search_path]=chat"),
            ("postgres://:hunter2@h", "postgres://:***@h"),
            ("sqlite://data/chat.db", "sqlite://data/chat.db"),
            ("https://ann:hunter2@media.example/a", "https://ann:***@media.example/a"),
            ("postgres://ann:12/hunter2@h/d", "postgres://ann:***@h/d"),
            ("postgres://ann:12?hunter2@h/d", "postgres://ann:12?***"),
            ("127.0.0.1:50052", "127.0.0.1:50052"),
            ("", ""),
        ] {
            assert_eq!(masked(url), shown);
        }
    }

    #[test]
    fn neither_a_url_nor_its_refusal_tells_the_password() {
        let url: DatabaseUrl = "postgres://ann:hunter2@h/d?password=hunter3".parse().expect("a server");
        assert_eq!(format!("{url:?}"), "postgres://h:5432/d");
        let refused = "postgres://ann:hunter2@h:port/d".parse::<DatabaseUrl>().expect_err("refused");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }
}
