//! The story, scene by scene.

mod closing;
mod company;
mod losing;
mod moving;
mod opting_out;
mod reading;
mod texting;

use self::reading::Screens;
use super::Failed;
use super::stage::Stage;

/// The job of the story.
pub const JOB: &str = "1001";
/// Another job.
pub const OTHER_JOB: &str = "1002";
/// The customer of the job.
pub const CUSTOMER: &str = "+15550100123";

/// All scenes.
pub async fn play(stage: &mut Stage) -> Result<(), Failed> {
    company::set_up(stage).await?;
    let thread = company::start(stage).await?;
    let mut screens = Screens::open(stage, &thread).await?;
    reading::play(stage, &mut screens, &thread).await?;
    texting::replies(stage, &mut screens, &thread).await?;
    texting::notes(stage, &mut screens, &thread).await?;
    texting::refusals(stage, &thread).await?;
    opting_out::play(stage, &mut screens, &thread).await?;
    texting::landline(stage).await?;
    let screens = closing::play(stage, screens, &thread).await?;
    let screens = moving::play(stage, screens, &thread).await?;
    losing::play(stage, screens, &thread).await
}
