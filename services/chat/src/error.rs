//! Everything that can go wrong, and the one place where it becomes a status.

use std::time::Duration;

use chassis::db::DbError;
use chassis::refusal::Refusal;
use crewline_api::errors::v1::ErrorReason;
use sea_orm::DbErr;
use tonic::Status;

use crate::access::guard::{Denial, Denied};
use crate::model::ThreadId;

/// Why this service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request, or the caller, is not as it must be.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The guard says no, or does not know.
    #[error("denied: {0}")]
    Denied(#[from] Denied),
    /// There is an open thread with this key.
    #[error("thread {0} is open for this job and number")]
    OpenThreadExists(ThreadId),
    /// Something that the call names is not there.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The customer wants no texts.
    #[error("the customer has opted out")]
    OptedOut,
    /// The message has not failed.
    #[error("the message has not failed")]
    NotFailed,
    /// The id was used for another message.
    #[error("the id was used for a message with another content")]
    IdReused,
    /// The person, or the connection, holds as many streams as one may.
    #[error("too many streams")]
    TooManyStreams,
    /// This process is shutting down, or the stream is old.
    #[error("draining")]
    Draining,
    /// The token of a stream has run out.
    #[error("the token has run out")]
    TokenExpired,
    /// The database did not do it.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A row holds what nobody wrote.
    #[error("the column {0} holds what it cannot hold")]
    Corrupt(&'static str),
}

impl Error {
    /// Whether a write that failed so may have been committed all the same.
    pub fn leaves_open(&self) -> bool {
        matches!(self, Self::Db(DbError::Unavailable(_)))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal,
            Error::Denied(Denied::Unknown) => {
                Refusal::new(ErrorReason::AccessUnknown, "there is no fresh knowledge of who may see this")
                    .retry_after(Duration::from_millis(500))
            }
            Error::Denied(Denied::No(denial)) => denied(denial),
            Error::OpenThreadExists(thread) => {
                Refusal::new(ErrorReason::OpenThreadExists, "a thread is open for this job and number")
                    .with("thread_id", thread.to_string())
            }
            Error::NotFound(what) => Refusal::new(ErrorReason::ResourceNotFound, format!("there is no such {what}")),
            Error::OptedOut => {
                Refusal::new(ErrorReason::ContactOptedOut, "the customer wants no texts from the number of this thread")
            }
            Error::NotFailed => {
                Refusal::new(ErrorReason::MessageNotFailed, "only a message that is UNDELIVERED or FAILED can be sent again")
            }
            Error::IdReused => {
                Refusal::new(ErrorReason::IdempotencyKeyReused, "the id was used for a message with another content")
            }
            Error::TooManyStreams => {
                Refusal::new(ErrorReason::TooManyStreams, "this person, or this connection, holds as many streams as one may")
            }
            Error::Draining => Refusal::new(ErrorReason::Draining, "connect again, and go on from the cursor")
                .retry_after(Duration::from_millis(500)),
            Error::TokenExpired => Refusal::new(ErrorReason::TokenExpired, "the token has run out"),
            Error::Db(error) => error.into(),
            Error::Corrupt(column) => {
                tracing::error!(column, "a row holds what nobody wrote");
                Refusal::new(ErrorReason::Internal, "something went wrong here")
            }
        }
    }
}

fn denied(denial: Denial) -> Refusal {
    match denial {
        Denial::TenantNotAllowed => Refusal::new(ErrorReason::TenantNotAllowed, "the tenant is unknown or closed"),
        Denial::PersonInactive => {
            Refusal::new(ErrorReason::PersonInactive, "the person is unknown, inactive, or without mobile access")
        }
        Denial::ChatDisabled => Refusal::new(ErrorReason::ChatDisabled, "chat is not enabled for the tenant"),
        Denial::LevelTooLow => Refusal::new(ErrorReason::ChatPermissionRequired, "the person lacks the permission for this"),
        // One answer for all, so that nobody can find out what exists.
        Denial::NoThread | Denial::NotOnJob | Denial::JobEnded | Denial::HiddenWhenClosed => {
            Refusal::new(ErrorReason::ThreadNotVisible, "there is no such thread that this person may see")
        }
        Denial::ThreadClosed => Refusal::new(ErrorReason::ThreadClosed, "the thread is closed: reopen it first"),
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Denied(Denied::No(denial))
    }
}

impl From<Denial> for Status {
    fn from(denial: Denial) -> Self {
        Error::from(denial).into()
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Refusal::from(error).into()
    }
}
