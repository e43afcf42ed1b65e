//! The red mark beside the job: it comes with the customer's text, and each person's own reading clears it.

use crate::demo::Failed;
use crate::demo::calls::{read, text, threads_of_job};
use crate::demo::inbox::Inbox;
use crate::demo::stage::Stage;
use crate::demo::watching::Watching;

/// What people have on their screens.
pub struct Screens {
    /// Tina's stream of the thread.
    pub tina: Watching,
    /// Theo's.
    pub theo: Watching,
    /// Olga's, in the office.
    pub olga: Watching,
    /// Tina's inbox on her phone.
    pub tinas_phone: Inbox,
    /// The same on her tablet.
    pub tinas_tablet: Inbox,
    /// Theo's inbox.
    pub theos_phone: Inbox,
}

impl Screens {
    /// All are opened.
    pub async fn open(stage: &mut Stage, thread: &str) -> Result<Self, Failed> {
        stage.scene("Everybody opens the app; Tina on two devices");
        let (tina, theo, olga) = (stage.tina.clone(), stage.theo.clone(), stage.olga.clone());
        Ok(Self {
            tinas_phone: stage.inbox("Tina's phone", &tina).await?,
            tinas_tablet: stage.inbox("Tina's tablet", &tina).await?,
            theos_phone: stage.inbox("Theo's phone", &theo).await?,
            tina: stage.watch("Tina", &tina, thread).await?,
            theo: stage.watch("Theo", &theo, thread).await?,
            olga: stage.watch("Olga (office)", &olga, thread).await?,
        })
    }

    /// All three see this message next.
    pub async fn see(&mut self, stage: &mut Stage, body: &str) -> Result<(), Failed> {
        for stream in [&mut self.tina, &mut self.theo, &mut self.olga] {
            stage.sees(stream, body).await?;
        }
        Ok(())
    }
}

/// The scenes.
pub async fn play(stage: &mut Stage, screens: &mut Screens, thread: &str) -> Result<(), Failed> {
    stage.scene("The customer texts: everybody on the job sees it, and a red mark beside the job");
    let question = "When will you be here?";
    stage.done("Customer", &format!("texts: {question}"), text(&stage.gateway, "1", question).await)?;
    screens.see(stage, question).await?;
    stage.has_mark(&mut screens.tinas_phone, 1).await?;
    stage.has_mark(&mut screens.tinas_tablet, 1).await?;
    stage.has_mark(&mut screens.theos_phone, 1).await?;

    stage.scene("Theo reads: his mark goes, Tina's stays");
    stage.done("Theo", "reads the thread", read(&stage.theo, thread).await)?;
    stage.has_mark(&mut screens.theos_phone, 0).await?;
    let hello = "Hello?";
    stage.done("Customer", &format!("texts: {hello}"), text(&stage.gateway, "2", hello).await)?;
    screens.see(stage, hello).await?;
    stage.has_mark(&mut screens.theos_phone, 1).await?;
    stage.has_mark(&mut screens.tinas_phone, 2).await?;
    stage.has_mark(&mut screens.tinas_tablet, 2).await?;

    stage.scene("Tina reads on her tablet: the mark goes on her phone, too, and Theo's stays");
    stage.done("Tina", "reads the thread", read(&stage.tina, thread).await)?;
    stage.has_mark(&mut screens.tinas_tablet, 0).await?;
    stage.has_mark(&mut screens.tinas_phone, 0).await?;
    let list = stage.done("Theo", "lists the threads of the job", threads_of_job(&stage.theo).await)?;
    stage.same("Theo", "has 1 unread there", &1, &list.job_unread_count)
}
