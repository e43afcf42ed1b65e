//! `RecordsService`.

use chassis::page::Page;
use crewline_api::chat::v1 as pb;
use pb::records_service_server::RecordsService;
use tonic::{Request, Response, Status};

use crate::access::guard::Wish;
use crate::error::Error;
use crate::model::{BusinessNumber, ContactNumber};
use crate::send::Post;
use crate::store::Store;
use crate::store::endings::Target;
use crate::store::opt_outs::OptOut;
use crate::wire;

/// The service.
#[derive(Clone)]
pub struct Records(pub Post);

#[tonic::async_trait]
impl RecordsService for Records {
    async fn set_opt_out(&self, request: Request<pb::SetOptOutRequest>) -> Result<Response<pb::SetOptOutResponse>, Status> {
        let subject = super::subject(&self.0, &request)?;
        let asked = request.into_inner();
        let contact = ContactNumber::parse("contact_number", asked.contact_number)?;
        let business = BusinessNumber::parse("business_number", asked.business_number)?;
        let target = Target::Contact(contact.clone());
        let set = move |store: Store, permit| async move { store.set_opt_out(permit, contact, business, asked.opted_out).await };
        let changed = self.0.write(&subject, Wish::Start, target, set).await?;
        Ok(Response::new(pb::SetOptOutResponse { changed }))
    }

    async fn list_opt_outs(&self, request: Request<pb::ListOptOutsRequest>) -> Result<Response<pb::ListOptOutsResponse>, Status> {
        let subject = super::subject(&self.0, &request)?;
        let asked = request.into_inner();
        let contact = wire::optional_contact("contact_number", asked.contact_number.clone())?;
        let list = format!("opt-outs/{}/{}", subject.tenant, asked.contact_number);
        let page = Page::read(list, asked.page_size, &asked.page_token)?;
        let after = page.after.as_deref().and_then(|key| key.split_once('/'));
        let after = after.map(|(contact, business)| (contact.to_owned(), business.to_owned()));
        let mut found = self.0.store.opt_outs(&subject.tenant, contact.as_ref(), after, page.limit()).await?;
        let revision = self.0.access.check(&subject, Wish::Browse, None).map_err(Error::from)?;
        self.0.access.handed(&subject, revision);
        let key = |opt_out: &OptOut| format!("{}/{}", opt_out.contact.as_str(), opt_out.business.as_str());
        let next_page_token = page.cut(&mut found, key);
        let opt_out = |opt_out: OptOut| pb::OptOut {
            contact_number: opt_out.contact.as_str().to_owned(),
            business_number: opt_out.business.as_str().to_owned(),
            update_time: Some(wire::timestamp(opt_out.updated_at)),
        };
        Ok(Response::new(pb::ListOptOutsResponse { opt_outs: found.into_iter().map(opt_out).collect(), next_page_token }))
    }
}
