//! Who plays, and how a step is told and checked.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use crewline_api::chat::v1 as pb;
use tokio::sync::mpsc;
use tonic::{Response, Status};

use super::Failed;
use super::watching::PATIENCE;
use crate::error::Error;
use crate::party::{Pair, Party, reason};
use crate::phone::{Answers, Heard, Phone};

const PHONE_HOLDS: usize = 64;

/// Everybody who takes part, on a tenant of this play alone.
pub struct Stage {
    /// The tenant.
    pub tenant: String,
    /// Makes tenants.
    pub provision: Party,
    /// The administrator, Ada.
    pub admin: Party,
    /// The dispatch system.
    pub dispatch: Party,
    /// The SMS gateway, for the customer.
    pub gateway: Party,
    /// Olga in the office.
    pub olga: Party,
    /// Technicians with full access.
    pub tina: Party,
    /// The second one.
    pub theo: Party,
    /// A technician who may only view.
    pub vera: Party,
    /// A technician of another job.
    pub nils: Party,
    pair: Pair,
    phone: Option<mpsc::Receiver<pb::OutboundText>>,
    steps: usize,
}

impl Stage {
    /// Gives everybody a token.
    pub fn new(pair: Pair) -> Result<Self, Error> {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let tenant = format!("demo-{micros}");
        Ok(Self {
            provision: pair.service("provision", &tenant)?,
            admin: pair.person("admin", "ada", &tenant)?,
            dispatch: pair.service("dispatch", &tenant)?,
            gateway: pair.service("carrier", &tenant)?,
            olga: pair.person("office", "olga", &tenant)?,
            tina: pair.person("technician", "tina", &tenant)?,
            theo: pair.person("technician", "theo", &tenant)?,
            vera: pair.person("technician", "vera", &tenant)?,
            nils: pair.person("technician", "nils", &tenant)?,
            tenant,
            pair,
            phone: None,
            steps: 0,
        })
    }

    /// How many steps were told.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Begins a scene.
    pub fn scene(&self, title: &str) {
        println!("— {title}");
    }

    /// A step that succeeded.
    pub fn done<T, E>(&mut self, who: &str, what: &str, result: Result<Response<T>, E>) -> Result<T, Failed>
    where
        crate::party::CallError: From<E>,
    {
        let answer = result.map_err(|status| Failed::Call(format!("{who} {what}"), status.into()))?.into_inner();
        self.tell(who, what);
        Ok(answer)
    }

    /// A step that had to be refused, for this reason.
    pub fn refused<T: Debug>(
        &mut self,
        who: &str,
        what: &str,
        expected: &str,
        result: Result<Response<T>, Status>,
    ) -> Result<(), Failed> {
        let seen = match result {
            Ok(answer) => format!("{:?}", answer.into_inner()),
            Err(status) => reason(&status),
        };
        self.same(who, &format!("{what}: refused with {expected}"), &expected.to_owned(), &seen)
    }

    /// A step that had to see `expected`.
    pub fn same<T: PartialEq + Debug>(&mut self, who: &str, what: &str, expected: &T, seen: &T) -> Result<(), Failed> {
        if expected != seen {
            let step = format!("{who} {what}");
            return Err(Failed::Unexpected { step, expected: format!("{expected:?}"), seen: format!("{seen:?}") });
        }
        self.tell(who, what);
        Ok(())
    }

    fn tell(&mut self, who: &str, what: &str) {
        self.steps += 1;
        println!("  {who:<17} {what}");
    }

    /// The simulated phone of the customers is switched on.
    pub fn switch_phone_on(&mut self) {
        let (phone, (rings, texts)) = (Phone::new(self.pair.clone(), &self.tenant, Answers::Nothing), mpsc::channel(PHONE_HOLDS));
        self.phone = Some(texts);
        // It ends with the play.
        tokio::spawn(phone.run(move |heard| {
            if let Heard::Text(text, _) = heard {
                // A phone that holds so many texts that nobody looked at is told by the step that waits for one.
                let _full = rings.try_send(text);
            }
        }));
    }

    /// The next text on the customer's phone is this one.
    pub async fn phone_shows(&mut self, number: &str, body: &str) -> Result<(), Failed> {
        let next = async { self.phone.as_mut()?.recv().await };
        let seen = match tokio::time::timeout(PATIENCE, next).await {
            Ok(Some(text)) => (text.contact_number, text.body),
            other => (String::new(), format!("{other:?}")),
        };
        self.same("Customer's phone", &format!("shows: {body}"), &(number.to_owned(), body.to_owned()), &seen)
    }
}
