//! Who may do what, and what it does.

use crate::guarantee::Revocation;
use crate::lease::{Exchange, GIVEN, Holder, Lease, Outcome, Revision, Stage};

use super::state::{Asked, Message, State, Write};
use super::{Action, Fault, INCARNATIONS, MARGIN, OneNode, TAKEN, TTL};

impl OneNode {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The guard: there is a lease, the view is at least the lease's, and in it the technician has access.
    pub fn may_hand_out(&self, state: &State) -> bool {
        let (Some(view), Some(lease)) = (state.node.view, state.node.lease) else { return false };
        view == GIVEN && (view >= lease.revision || self.has(Fault::GrantWithoutRevision))
    }

    fn may_hand_over(&self, state: &State) -> bool {
        if self.asks_early() { state.node.agreed } else { self.may_hand_out(state) }
    }

    fn asks_early(&self) -> bool {
        self.has(Fault::CheckBeforeFetch) || self.has(Fault::GuardAtEnqueue)
    }

    /// What the node's next renewal acknowledges.
    fn applied(&self, state: &State) -> Option<Revision> {
        let view = state.node.view?;
        if self.has(Fault::AckBeforePublish) && state.node.received {
            return Some(state.head());
        }
        let pinned = state.write.is_some_and(|write| write.pinned) && !self.has(Fault::PermitNotPinned);
        Some(if pinned { GIVEN } else { view })
    }

    fn may_stamp(&self, state: &State) -> bool {
        let starting = state.start_wait > 0 && !self.has(Fault::RestartWithoutWaiting);
        let waits = starting || (0..INCARNATIONS).any(|incarnation| state.held_up_by(incarnation));
        state.revocation == Revocation::Waiting && (!waits || self.has(Fault::NoCommitWait))
    }

    fn may_return(&self, state: &State) -> bool {
        state.revocation == Revocation::InForce || state.revocation == Revocation::Waiting && self.has(Fault::RepeatReturnsEarly)
    }

    /// For so long a node uses a lease for which it asked so many ticks ago.
    fn usable(&self, age: u8) -> u8 {
        let margin = if self.has(Fault::NoMargin) { 0 } else { MARGIN };
        let age = if self.has(Fault::DatedFromReceipt) { 0 } else { age };
        TTL.saturating_sub(margin + age)
    }

    pub(super) fn permissions_may(&self, state: &State, actions: &mut Vec<Action>) {
        if state.revocation == Revocation::Uncalled {
            actions.push(Action::Revoke);
        }
        if self.may_stamp(state) {
            actions.push(Action::Stamp);
        }
        if self.may_return(state) {
            actions.push(Action::Return);
        }
        actions.push(Action::RestartPermissions);
    }

    pub(super) fn wire_may(&self, state: &State, actions: &mut Vec<Action>) {
        for (slot, asked) in state.exchanges.iter().enumerate() {
            match asked.map(|asked| asked.exchange.stage) {
                Some(Stage::Asked { .. }) if self.has(Fault::HeadReadBeforeEntry) => actions.push(Action::ReadHead(slot)),
                Some(Stage::Asked { .. }) => actions.extend([Action::Enter(slot), Action::Lose(slot)]),
                Some(Stage::Entered { .. } | Stage::HeadRead { .. }) => actions.push(Action::Grant(slot)),
                Some(Stage::Granted { .. }) => actions.extend([Action::TakeLease(slot), Action::Lose(slot)]),
                None => {}
            }
        }
    }

    pub(super) fn node_may(&self, state: &State, actions: &mut Vec<Action>) {
        match state.node.view {
            None => actions.push(Action::Snapshot),
            Some(view) => {
                actions.push(Action::Resync);
                if state.exchanges.contains(&None) {
                    actions.push(Action::Renew);
                }
                if view < state.head() {
                    actions.push(Action::Apply);
                    actions.extend(self.has(Fault::AckBeforePublish).then_some(Action::Receive));
                }
            }
        }
        if state.node.incarnation + 1 < INCARNATIONS {
            actions.push(Action::CrashNode);
        }
    }

    pub(super) fn people_may(&self, state: &State, actions: &mut Vec<Action>) {
        let allowed = self.may_hand_out(state);
        if state.revocation >= Revocation::InForce && state.message == Message::Old {
            actions.push(Action::Post);
        }
        if allowed && self.asks_early() {
            actions.push(Action::AskEarly);
        }
        if self.may_hand_over(state) {
            actions.push(Action::HandOver);
        }
        match state.write {
            None => actions.extend(allowed.then_some(Action::BeginWrite)),
            Some(_) => {
                actions.extend([Action::Commit, Action::Abort]);
                actions.extend(self.has(Fault::PermitEndsAtDeadline).then_some(Action::EndPermit));
            }
        }
    }

    /// The revocation commits.
    pub(super) fn revoke(&self, state: &mut State) {
        state.revocation = Revocation::Waiting;
        if self.has(Fault::RanOutIsForgotten) {
            for incarnation in 0..INCARNATIONS {
                state.holders[incarnation].concerned &= state.held_up_by(incarnation);
            }
        }
    }

    pub(super) fn renew(&self, state: &mut State) -> Option<()> {
        let exchange = Exchange::ask(self.applied(state)?);
        let incarnation = state.node.incarnation;
        *state.exchanges.iter_mut().find(|slot| slot.is_none())? = Some(Asked { incarnation, exchange });
        Some(())
    }

    /// A frame arrives, or the permissions service goes on with its answer.
    pub(super) fn exchange(&self, state: &mut State, slot: usize, action: Action) -> Option<()> {
        let Asked { incarnation, exchange: Exchange { age, stage } } = state.exchanges[slot].take()?;
        let next = match (action, stage) {
            (Action::Enter(_), Stage::Asked { applied }) => {
                self.acknowledge(state, incarnation, applied);
                Stage::Entered { left: TTL }
            }
            (Action::ReadHead(_), Stage::Asked { applied }) => {
                self.acknowledge(state, incarnation, applied);
                Stage::HeadRead { head: state.head() }
            }
            (Action::Grant(_), Stage::Entered { left }) => {
                let last_sent = state.holders[incarnation].applied;
                let revision = if self.has(Fault::GrantWithoutHeadRead) { last_sent } else { state.head() };
                state.holders[incarnation].grant(revision, left);
                Stage::Granted { revision }
            }
            (Action::Grant(_), Stage::HeadRead { head }) => {
                state.holders[incarnation].grant(head, TTL);
                Stage::Granted { revision: head }
            }
            (Action::TakeLease(_), Stage::Granted { revision }) => {
                let left = self.usable(age);
                state.node.lease = (left > 0).then_some(Lease { revision, left }).or(state.node.lease);
                return Some(());
            }
            _ => return Some(()),
        };
        let asked = Asked { incarnation, exchange: Exchange { age, stage: next } };
        let arrives = incarnation == state.node.incarnation || !asked.exchange.is_granted();
        state.exchanges[slot] = arrives.then_some(asked);
        Some(())
    }

    fn acknowledge(&self, state: &mut State, incarnation: usize, applied: Revision) {
        if self.has(Fault::RestartReleasesLeases) {
            state.holders[..incarnation].fill(Holder::default());
        }
        let revoked_at = state.revoked_at();
        state.holders[incarnation].acknowledge(applied, revoked_at);
    }

    pub(super) fn begin_write(&self, state: &mut State) {
        state.write = Some(Write { incarnation: state.node.incarnation, pinned: true, late: state.returned() });
    }

    /// What makes no difference any more.
    pub(super) fn forget(&self, state: &mut State) {
        if self.fault.is_none() {
            let revocation = state.revocation;
            state.exchanges.iter_mut().flatten().for_each(|asked| asked.exchange.forget(revocation, TAKEN));
            state.holders.iter_mut().for_each(|holder| holder.forget(revocation, TAKEN));
            if revocation >= Revocation::InForce {
                state.start_wait = 0;
            }
        }
        if state.returned() && state.write.is_none() {
            state.answer = [Outcome::NotCounted; INCARNATIONS];
        }
        for slot in &mut state.exchanges {
            *slot = slot.filter(|asked| !asked.exchange.is_granted() || self.usable(asked.exchange.age) > 0);
        }
        state.exchanges.sort_unstable();
    }
}
