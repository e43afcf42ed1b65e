//! Who may do what, and what it does.

use crate::guarantee::Revocation;
use crate::lease::{Exchange, Holder, Lease, Outcome, Stage};

use super::state::{Asked, State};
use super::{Action, Fault, TAKEN, TTL, TakeOver};

impl TakeOver {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// It is on the session with the lock, or it only believes so where that is enough.
    fn on_the_session(&self, state: &State, index: usize, unless: Fault) -> bool {
        state.lock == Some(index) || state.replicas[index].leads && self.has(unless)
    }

    fn may_stamp(&self, state: &State, index: usize) -> bool {
        let waits = state.replicas[index].start_wait > 0 || state.held_up(index);
        state.revocation == Revocation::Waiting && !waits && self.on_the_session(state, index, Fault::DeposedLeaderStamps)
    }

    pub(super) fn replica_may(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let replica = &state.replicas[index];
        if replica.leads {
            if state.revocation == Revocation::Uncalled {
                actions.push(Action::Revoke(index));
            }
            if state.lock != Some(index) {
                actions.push(Action::StepDown(index));
            }
            if state.node.replica != index {
                actions.push(Action::Connect(index));
            }
        } else if state.lock.is_none() {
            actions.push(Action::TakeLock(index));
        }
        if self.may_stamp(state, index) {
            actions.push(Action::Stamp(index));
        }
        if replica.known < state.head() {
            actions.push(Action::Read(index));
        }
    }

    pub(super) fn wire_may(&self, state: &State, actions: &mut Vec<Action>) {
        for (slot, asked) in state.exchanges.iter().enumerate() {
            let Some(Asked { replica, exchange, .. }) = *asked else { continue };
            match exchange.stage {
                Stage::Asked { .. } if state.replicas[replica].leads => actions.extend([Action::Enter(slot), Action::Lose(slot)]),
                Stage::Asked { .. } => actions.push(Action::Lose(slot)),
                Stage::Granted { .. } => actions.extend([Action::TakeLease(slot), Action::Lose(slot)]),
                Stage::Entered { .. } | Stage::HeadRead { .. } => {
                    let may = self.on_the_session(state, replica, Fault::DeposedLeaderGrants);
                    actions.extend(may.then_some(Action::Grant(slot)));
                }
            }
        }
    }

    pub(super) fn node_may(&self, state: &State, actions: &mut Vec<Action>) {
        if state.exchanges.contains(&None) {
            actions.push(Action::Renew);
        }
        if state.node.view < state.replicas[state.node.replica].known {
            actions.push(Action::Apply);
        }
        if state.may_hand_out() {
            actions.push(Action::HandOver);
        }
    }

    pub(super) fn stamp(&self, state: &mut State, index: usize) {
        state.revocation = Revocation::InForce;
        state.answer = state.replicas[index].holder.outcome(TAKEN);
    }

    pub(super) fn take_lock(&self, state: &mut State, index: usize) {
        state.lock = Some(index);
        let replica = &mut state.replicas[index];
        (replica.leads, replica.holder) = (true, Holder::default());
        replica.start_wait = if self.has(Fault::TakeOverWithoutWaiting) { 0 } else { TTL };
    }

    /// A follower has neither leases nor streams.
    pub(super) fn step_down(&self, state: &mut State, index: usize) {
        let replica = &mut state.replicas[index];
        (replica.leads, replica.holder, replica.start_wait) = (false, Holder::default(), 0);
        for slot in &mut state.exchanges {
            *slot = slot.filter(|asked| asked.replica != index || asked.exchange.is_granted());
        }
    }

    /// The node's view goes back if the replica knows less. What it asked for on the stream before reaches it no more.
    pub(super) fn connect(&self, state: &mut State, index: usize) {
        let known = state.replicas[index].known;
        state.node.replica = index;
        if known < state.node.view {
            state.node.view = known;
            state.node.lease = state.node.lease.filter(|_| self.has(Fault::LeaseKeptAcrossResync));
        }
        for slot in &mut state.exchanges {
            if !self.has(Fault::LeaseOfAnotherStream) {
                *slot = slot.filter(|asked| !asked.exchange.is_granted()).map(|asked| Asked { same_stream: false, ..asked });
            }
        }
    }

    pub(super) fn renew(&self, state: &mut State) -> Option<()> {
        let exchange = Exchange::ask(state.node.view);
        let asked = Asked { replica: state.node.replica, same_stream: true, exchange };
        *state.exchanges.iter_mut().find(|slot| slot.is_none())? = Some(asked);
        Some(())
    }

    /// A frame arrives, or a replica goes on with its answer.
    pub(super) fn exchange(&self, state: &mut State, slot: usize, action: Action) -> Option<()> {
        let asked = state.exchanges[slot].take()?;
        let Exchange { age, stage } = asked.exchange;
        let head = state.head();
        let holder = &mut state.replicas[asked.replica].holder;
        let next = match (action, stage) {
            (Action::Enter(_), Stage::Asked { applied }) => {
                holder.acknowledge(applied, Some(TAKEN));
                Stage::Entered { left: TTL }
            }
            (Action::Grant(_), Stage::Entered { left }) => {
                holder.grant(head, left);
                Stage::Granted { revision: head }
            }
            (Action::TakeLease(_), Stage::Granted { revision }) => {
                state.node.lease = (age < TTL).then_some(Lease { revision, left: TTL - age }).or(state.node.lease);
                return Some(());
            }
            _ => return Some(()),
        };
        let asked = Asked { exchange: Exchange { age, stage: next }, ..asked };
        state.exchanges[slot] = (asked.same_stream || !asked.exchange.is_granted()).then_some(asked);
        Some(())
    }

    /// What makes no difference any more.
    pub(super) fn forget(&self, state: &mut State) {
        if self.fault.is_none() {
            state.forget();
        }
        if state.revocation == Revocation::Returned {
            state.answer = Outcome::NotCounted;
        }
        for slot in &mut state.exchanges {
            *slot = slot.filter(|asked| !asked.exchange.is_granted() || asked.exchange.age < TTL);
        }
        state.exchanges.sort_unstable();
    }
}
