//! Who may do what, and what it does.

use crate::guarantee::Revocation;
use crate::lease::{Exchange, GIVEN, Holder, Lease, Stage};

use super::state::{Change, Incarnation, Kind, State, View};
use super::{Action, Fault, TTL, TwoNodes};

impl TwoNodes {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(super) fn permissions_may(&self, state: &State, actions: &mut Vec<Action>) {
        for kind in [Kind::Revocation, Kind::Regrant] {
            match state.changes[kind as usize] {
                Change { committed: true, .. } => {}
                Change { revision: None, .. } if self.has(Fault::SequenceInsteadOfLock) => actions.push(Action::Draw(kind)),
                Change { .. } => actions.push(Action::Commit(kind)),
            }
        }
        match (state.revocation, state.revoked_at()) {
            (Revocation::Waiting, Some(revision)) if !state.held_up(revision) => actions.push(Action::Stamp),
            (Revocation::InForce, _) => actions.push(Action::Return),
            _ => {}
        }
    }

    pub(super) fn node_may(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let Some(node) = state.incarnations[index].filter(|each| each.alive) else { return };
        match (node.exchange.map(|exchange| exchange.stage), node.view) {
            (Some(Stage::Granted { .. }), _) => actions.extend([Action::TakeLease(index), Action::Lose(index)]),
            (Some(_), _) => actions.extend([Action::Grant(index), Action::Lose(index)]),
            (None, Some(_)) => actions.push(Action::Renew(index)),
            (None, None) => {}
        }
        match node.view {
            None => actions.push(Action::Snapshot(index)),
            Some(view) => actions.extend(state.next_after(view.revision).map(|_| Action::Apply(index))),
        }
        if node.hands_out_by().is_some() {
            actions.push(Action::HandOver(index));
        }
        if state.incarnations.contains(&None) {
            actions.push(Action::Crash(index));
        }
        if self.has(Fault::LooksDeadIsReleased) {
            actions.push(Action::Part(index));
        }
    }

    /// A step of one node, or of the permissions service with it.
    pub(super) fn node_step(&self, state: &mut State, index: usize, action: Action) -> Option<()> {
        let mut node = state.incarnations[index]?;
        match (action, node.exchange) {
            (Action::Renew(_), None) => node.exchange = Some(Exchange::ask(node.view?.revision)),
            (Action::Grant(_), Some(Exchange { age, stage: Stage::Asked { applied } })) => {
                let revision = state.head();
                node.holder.acknowledge(applied, state.revoked_at());
                node.holder.grant(revision, TTL);
                node.exchange = Some(Exchange { age, stage: Stage::Granted { revision } });
            }
            (Action::TakeLease(_), Some(Exchange { age, stage: Stage::Granted { revision } })) => {
                node.exchange = None;
                node.lease = (age < TTL).then_some(Lease { revision, left: TTL - age }).or(node.lease);
            }
            (Action::Lose(_), _) => node.exchange = None,
            (Action::Apply(_), _) => {
                let view = node.view?;
                let (revision, kind) = state.next_after(view.revision)?;
                let has_revocation = view.has_revocation || kind == Kind::Revocation;
                node.view = Some(View { revision, allows: kind == Kind::Regrant, has_revocation });
            }
            (Action::Snapshot(_), _) => node.view = Some(state.snapshot()),
            (Action::HandOver(_), _) if node.is_able() => state.broken.note_hand_over(state.revocation),
            (Action::Crash(_), _) => {
                (node.alive, node.view, node.lease, node.exchange) = (false, None, None, None);
                node.holder.concerned &= !self.has(Fault::CrashedIsNotCounted);
                *state.incarnations.iter_mut().find(|slot| slot.is_none())? = Some(Incarnation::new());
            }
            (Action::Part(_), _) => node.holder = Holder::default(),
            _ => return None,
        }
        state.incarnations[index] = Some(node);
        Some(())
    }

    /// What makes no difference any more. While the revocation has no revision, each could be its.
    pub(super) fn forget(&self, state: &mut State) {
        let revoked_at = state.revoked_at().unwrap_or(GIVEN);
        for each in state.incarnations.iter_mut().flatten() {
            each.exchange = each.exchange.filter(|exchange| !exchange.is_granted() || exchange.age < TTL);
            each.outcome = each.outcome.filter(|_| state.revocation == Revocation::InForce);
            if self.fault.is_none() {
                each.forget(state.revocation, revoked_at);
            }
        }
        state.incarnations.sort_unstable();
    }
}
