//! Who is on which job, as the permissions service lists it.

use std::sync::atomic::{AtomicBool, Ordering};

use crewline::demo::office::{create_person, set_permissions};
use crewline_api::permissions::v1 as pb;
use pb::{ChatAccess, JobStatus, PersonKind};

use crate::company::{Company, JOB};
use crate::running::Running;

async fn accessible_jobs(company: &Company, person: &str, page_size: i32) -> Vec<(String, ChatAccess)> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = pb::ListAccessibleJobsRequest { person_id: person.into(), page_size, page_token };
        let page = company.admin.access().list_accessible_jobs(list).await.expect("listed").into_inner();
        assert!(page.jobs.len() <= usize::try_from(page_size).expect("small"));
        found.extend(page.jobs.iter().map(|job| (job.job_id.clone(), job.access())));
        if page.next_page_token.is_empty() {
            return found;
        }
        page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn the_jobs_of_a_technician_are_those_whose_chats_they_may_read_now() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let jobs: Vec<String> = (1..=9).map(|number| format!("job-{number}")).collect();
    for job in &jobs {
        for appointment in ["1", "2"] {
            let assign = pb::AssignTechniciansRequest {
                job_id: job.clone(),
                appointment_id: appointment.into(),
                technician_ids: vec!["tina".into()],
                ..Default::default()
            };
            company.dispatch.dispatch().assign_technicians(assign).await.expect("assigned");
        }
    }
    company.set_policy(pb::AccessAfterJobEnd::ReadOnly).await;
    let ended = pb::ReportJobStatusRequest { job_id: "job-4".into(), status: JobStatus::Canceled.into(), ..Default::default() };
    company.dispatch.dispatch().report_job_status(ended).await.expect("reported");
    let mut expected = vec![(JOB.to_owned(), ChatAccess::Full)];
    expected.extend(jobs.iter().map(|job| {
        let access = if job == "job-4" { ChatAccess::View } else { ChatAccess::Full };
        (job.clone(), access)
    }));
    for page_size in [1, 3, 200] {
        assert_eq!(accessible_jobs(&company, "tina", page_size).await, expected, "pages of {page_size}");
    }
    assert_eq!(accessible_jobs(&company, "olga", 10).await, [], "the office needs no job");
    company.permit("tina", false, false).await;
    assert_eq!(accessible_jobs(&company, "tina", 10).await, []);
}

#[tokio::test]
async fn the_technicians_of_a_job_are_listed_with_what_each_may_do() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    create_person(&company.admin, "anna", "Anna", PersonKind::Technician).await.expect("a person");
    set_permissions(&company.admin, "anna", false, false).await.expect("permissions");
    company.assign("2", &["anna", "theo"]).await;
    company.unassign("1", &["theo", "tina"]).await;
    company.set_active("theo", false).await;
    let list = pb::ListJobTechniciansRequest { job_id: JOB.into() };
    let listed = company.admin.access().list_job_technicians(list).await.expect("listed").into_inner();
    let listed: Vec<(&str, ChatAccess)> =
        listed.technicians.iter().map(|found| (found.person_id.as_str(), found.access())).collect();
    assert_eq!(listed, [("anna", ChatAccess::None), ("theo", ChatAccess::None), ("vera", ChatAccess::View)]);
    let list = pb::ListJobTechniciansRequest { job_id: "unheard-of".into() };
    assert_eq!(company.admin.access().list_job_technicians(list).await.expect("listed").into_inner().technicians, []);
}

#[tokio::test]
async fn the_technicians_of_a_job_and_what_they_may_do_are_of_one_moment() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let finished = AtomicBool::new(false);
    let coming_and_going = async {
        for _ in 0..40 {
            company.unassign("1", &["tina"]).await;
            company.assign("1", &["tina"]).await;
        }
        finished.store(true, Ordering::SeqCst);
    };
    let listing = async {
        while !finished.load(Ordering::SeqCst) {
            let list = pb::ListJobTechniciansRequest { job_id: JOB.into() };
            let listed = company.admin.access().list_job_technicians(list).await.expect("listed").into_inner();
            for found in listed.technicians.iter().filter(|found| found.person_id == "tina") {
                assert_eq!(found.access(), ChatAccess::Full, "she is off the job, or on it with full access");
            }
        }
    };
    tokio::join!(coming_and_going, listing);
}
