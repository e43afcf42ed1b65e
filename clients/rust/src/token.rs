//! The token of an identity, which may be renewed while the client lives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// A renewal that is under way when a token runs out may take so long.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);

/// Where the token of each call comes from.
#[derive(Clone)]
pub struct TokenSource(Kind);

#[derive(Clone)]
enum Kind {
    Fixed(Arc<str>),
    Watched(watch::Receiver<String>),
    Asked(Arc<dyn Fn() -> String + Send + Sync>),
}

/// Puts the token, and the tenant if one is named, into each call.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub(crate) tokens: TokenSource,
    pub(crate) tenant: Option<MetadataValue<Ascii>>,
}

impl TokenSource {
    /// One token for ever: when it runs out, calls are refused and streams end.
    pub fn fixed(token: impl Into<Arc<str>>) -> Self {
        Self(Kind::Fixed(token.into()))
    }

    /// The newest value of a channel. Who is told that a token has run out waits up to 10 s for another.
    pub fn watched(tokens: watch::Receiver<String>) -> Self {
        Self(Kind::Watched(tokens))
    }

    /// What `ask` answers, which is called for each call and must not block.
    pub fn asked(ask: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Kind::Asked(Arc::new(ask)))
    }

    /// The token to use now.
    pub(crate) fn now(&self) -> String {
        match &self.0 {
            Kind::Fixed(token) => token.to_string(),
            Kind::Watched(tokens) => tokens.borrow().clone(),
            Kind::Asked(ask) => ask(),
        }
    }

    /// Whether there is another token than `used`, which has run out.
    pub(crate) async fn is_renewed(&self, used: &str) -> bool {
        match &self.0 {
            Kind::Fixed(_) => false,
            Kind::Asked(ask) => ask() != used,
            Kind::Watched(tokens) => {
                let mut tokens = tokens.clone();
                let other = tokens.wait_for(|token| token != used);
                matches!(tokio::time::timeout(RENEWED_WITHIN, other).await, Ok(Ok(_)))
            }
        }
    }
}

impl<T: Into<Arc<str>>> From<T> for TokenSource {
    fn from(token: T) -> Self {
        Self::fixed(token)
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens do not go into logs.
        formatter.write_str("TokenSource")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let bearer = format!("Bearer {}", self.tokens.now());
        let mut value: MetadataValue<Ascii> =
            bearer.parse().map_err(|_| Status::unauthenticated("the token holds what no header can"))?;
        value.set_sensitive(true);
        request.metadata_mut().insert("authorization", value);
        if let Some(tenant) = &self.tenant {
            request.metadata_mut().insert("x-crewline-tenant", tenant.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_another_token_is_a_renewal() {
        assert!(!TokenSource::fixed("a").is_renewed("a").await);
        assert!(!TokenSource::asked(|| "a".to_owned()).is_renewed("a").await);
        assert!(TokenSource::asked(|| "b".to_owned()).is_renewed("a").await);

        let (renew, tokens) = watch::channel("a".to_owned());
        let tokens = TokenSource::watched(tokens);
        assert!(!tokens.is_renewed("a").await, "nobody renews it in time");
        let (renewed, ()) = tokio::join!(tokens.is_renewed("a"), async {
            renew.send_replace("b".to_owned());
        });
        assert!(renewed);
        assert_eq!(tokens.now(), "b");
    }

    #[test]
    fn a_token_is_not_printed() {
        assert!(!format!("{:?}", TokenSource::fixed("secret")).contains("secret"));
    }
}
