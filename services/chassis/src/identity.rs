//! Who calls: what a verified token says, and which RPCs are for such a caller.

use std::time::SystemTime;

use crewline_api::errors::v1::ErrorReason;
use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::refusal::Refusal;

/// The metadata key by which the bearer of a token for several tenants names one.
pub const TENANT_HEADER: &str = "x-crewline-tenant";

/// A caller whose token has been verified.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The `sub` of the token: unique within a tenant and kind.
    pub subject: String,
    /// The kind of the token; what it means is the service's.
    pub kind: String,
    /// What a service is allowed to do.
    pub scopes: Vec<String>,
    /// The tenants that the token names; `*` for all.
    pub tenants: Vec<String>,
    /// When the token runs out.
    pub expires_at: SystemTime,
}

/// One kind of caller that an RPC is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The kind of token.
    pub kind: &'static str,
    /// The scope that the token must hold besides.
    pub scope: Option<&'static str>,
}

/// Which RPC is for whom. An RPC that is not in the table does not exist.
#[derive(Clone, Copy, Debug)]
pub struct Callers(pub &'static [(&'static str, &'static [Caller])]);

impl Caller {
    /// Any token of this kind.
    pub const fn kind(kind: &'static str) -> Self {
        Self { kind, scope: None }
    }

    /// A token of this kind that holds this scope.
    pub const fn scoped(kind: &'static str, scope: &'static str) -> Self {
        Self { kind, scope: Some(scope) }
    }
}

impl Callers {
    /// For whom the RPC with this path (`/package.Service/Method`) is; `None` if there is no such RPC.
    pub fn of(&self, path: &str) -> Option<&'static [Caller]> {
        self.0.iter().find(|(rpc, _)| *rpc == path).map(|(_, callers)| *callers)
    }
}

impl Identity {
    /// Takes the identity that the identity layer has put into the request.
    pub fn of<T>(request: &Request<T>) -> Result<&Identity, Refusal> {
        let missing = || Refusal::new(ErrorReason::TokenInvalid, "the call carries no verified token");
        request.extensions().get::<Identity>().ok_or_else(missing)
    }

    /// Whether this caller is one of `callers`.
    pub fn is_one_of(&self, callers: &[Caller]) -> bool {
        callers.iter().any(|caller| self.is(*caller))
    }

    /// Whether this caller is such a one.
    pub fn is(&self, caller: Caller) -> bool {
        self.kind == caller.kind && caller.scope.is_none_or(|scope| self.scopes.iter().any(|held| held == scope))
    }

    /// Whether the token names this tenant.
    pub fn names(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|named| named == "*" || named == tenant)
    }

    /// The tenant that the call is for: the token's only one, or the one of several that the metadata names.
    pub fn tenant<'a>(&'a self, metadata: &'a MetadataMap) -> Result<&'a str, Refusal> {
        let asked = match metadata.get(TENANT_HEADER) {
            Some(value) => Some(value.to_str().map_err(|_| Refusal::invalid(TENANT_HEADER, "must be ASCII"))?),
            None => None,
        };
        match (asked, self.tenants.as_slice()) {
            (None, [only]) if only != "*" => Ok(only),
            (None, _) => Err(Refusal::invalid(TENANT_HEADER, "must name one of the token's tenants")),
            (Some(tenant), _) if self.names(tenant) => Ok(tenant),
            (Some(_), _) => Err(Refusal::new(ErrorReason::TenantNotAllowed, "the token does not name this tenant")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(tenants: &[&str]) -> Identity {
        Identity {
            subject: "sam".into(),
            kind: "service".into(),
            scopes: vec!["carrier".into()],
            tenants: tenants.iter().map(|&tenant| tenant.to_owned()).collect(),
            expires_at: SystemTime::UNIX_EPOCH,
        }
    }

    fn naming(tenant: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert(TENANT_HEADER, tenant.parse().expect("ascii"));
        metadata
    }

    #[test]
    fn a_token_of_one_tenant_needs_no_header_and_cannot_name_another() {
        let one = identity(&["acme"]);
        assert_eq!(one.tenant(&MetadataMap::new()).expect("its own"), "acme");
        assert_eq!(one.tenant(&naming("globex")).expect_err("foreign").reason(), ErrorReason::TenantNotAllowed);
    }

    #[test]
    fn a_token_of_several_tenants_must_name_one_of_them() {
        for several in [identity(&["acme", "globex"]), identity(&["*"])] {
            assert_eq!(several.tenant(&MetadataMap::new()).expect_err("none").reason(), ErrorReason::InvalidField);
            assert_eq!(several.tenant(&naming("globex")).expect("named"), "globex");
        }
    }

    #[test]
    fn a_scoped_caller_needs_both_the_kind_and_the_scope() {
        let carrier = identity(&["acme"]);
        assert!(carrier.is(Caller::scoped("service", "carrier")));
        assert!(carrier.is(Caller::kind("service")));
        assert!(!carrier.is(Caller::scoped("service", "dispatch")));
        assert!(!carrier.is(Caller::scoped("office", "carrier")));
    }
}
