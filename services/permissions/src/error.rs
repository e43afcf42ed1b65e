//! Everything that can go wrong, and the one place where it becomes a status.

use chassis::db::DbError;
use chassis::refusal::Refusal;
use crewline_api::errors::v1::ErrorReason;
use sea_orm::DbErr;
use tonic::Status;

/// Why this service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request, or the caller, is not as it must be.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// There is no such tenant, or it is closed.
    #[error("no such open tenant")]
    TenantNotAllowed,
    /// There is no such thing.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// There is one already.
    #[error("the {0} exists")]
    Exists(&'static str),
    /// It has changed since it was read.
    #[error("the etag is not the present one")]
    EtagMismatch,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The tenant has as many as it may.
    #[error("the tenant holds as many {0} as it may")]
    Full(&'static str),
    /// This process is shutting down.
    #[error("draining")]
    Draining,
    /// This process serves as many watches as it may.
    #[error("too many watches")]
    TooManyWatches,
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

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Refused(refusal) => refusal,
            Error::TenantNotAllowed => Refusal::new(ErrorReason::TenantNotAllowed, "the tenant is unknown or closed"),
            Error::NotFound(_) => Refusal::new(ErrorReason::ResourceNotFound, text),
            Error::Exists(_) => Refusal::new(ErrorReason::ResourceExists, text),
            Error::EtagMismatch => Refusal::new(ErrorReason::EtagMismatch, "it has changed since the etag was read"),
            Error::KeyReused => Refusal::new(ErrorReason::IdempotencyKeyReused, text),
            Error::Full(_) => Refusal::new(ErrorReason::StorageFull, text),
            Error::Draining => Refusal::new(ErrorReason::Draining, "this process is shutting down; connect again"),
            Error::TooManyWatches => {
                Refusal::new(ErrorReason::TooManyStreams, "this process serves as many access watches as it may")
            }
            Error::TokenExpired => Refusal::new(ErrorReason::TokenExpired, "the token has run out"),
            Error::Db(error) => error.into(),
            Error::Corrupt(column) => {
                tracing::error!(column, "a row holds what nobody wrote");
                Refusal::new(ErrorReason::Internal, "something went wrong here")
            }
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
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
