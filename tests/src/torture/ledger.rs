//! The ledger: a model of the state that a check must find.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Line, State};

/// A writer with at most one operation in progress: a task of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writer {
    /// The process.
    pub process: u32,
    /// Its task.
    pub task: u32,
}

/// A fault that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An acknowledged write is missing, or a removed value is back.
    Lost(String),
    /// A value cannot be read, or was never written.
    Corrupt(String),
    /// An effect that should happen once happened twice.
    Doubled(String),
    /// A target does not accept the key that the store has for it.
    LockedOut(String),
}

impl Finding {
    /// Puts `what`, the preceding event, in front of the message.
    #[must_use]
    pub fn after(self, what: &str) -> Self {
        match self {
            Self::Lost(text) => Self::Lost(format!("{what}: {text}")),
            Self::Corrupt(text) => Self::Corrupt(format!("{what}: {text}")),
            Self::Doubled(text) => Self::Doubled(format!("{what}: {text}")),
            Self::LockedOut(text) => Self::LockedOut(format!("{what}: {text}")),
        }
    }
}

/// A model of the cells: for each cell, the states in which a check may find it.
///
/// A cell holds one value, such as a store, a secret, or the keys of a store. The name of a cell is a path; the cells
/// below an absent cell are absent too.
#[derive(Debug, Default)]
pub struct Ledger {
    cells: BTreeMap<String, Cell>,
    acknowledged: u64,
}

#[derive(Debug)]
struct Cell {
    /// The state that the last check found.
    settled: State,
    /// The last acknowledged state of each writer since the last check.
    last: BTreeMap<Writer, State>,
    /// The state that each writer may have written by an operation that was neither acknowledged nor refused.
    pending: BTreeMap<Writer, State>,
    /// The acknowledged state of each version, for a cell with versions.
    chain: BTreeMap<u64, State>,
}

impl Cell {
    fn new() -> Self {
        Self {
            settled: State::Absent,
            last: BTreeMap::new(),
            pending: BTreeMap::new(),
            chain: BTreeMap::new(),
        }
    }

    /// Tells whether the cell is written by compare-and-set, so that each version has one author.
    fn is_chain(&self) -> bool {
        let states = self.chain.values().chain(self.pending.values());
        states.into_iter().any(|state| state.version().is_some()) || self.settled.version().is_some()
    }

    /// Tells whether a reader may find this state.
    ///
    /// With one writer, the state must be the writer's last acknowledged state. With several writers that do not read
    /// before they write, it may be the last acknowledged state of any of these writers. If nothing was acknowledged
    /// since the last check, the state must be the one that this check found. In each case, the state of a write that
    /// was neither acknowledged nor refused is possible, too.
    fn allows(&self, found: &State) -> bool {
        let is_found = |state: &State| state.is_same_value(found);
        let before =
            if self.last.is_empty() { is_found(&self.settled) } else { self.last.values().any(is_found) };
        before || self.pending.values().any(is_found)
    }

    /// Returns the reason why a cell with versions cannot have the state `found`, or `None` if it can.
    fn chain_fault(&self, found: &State) -> Option<String> {
        let Some(there) = found.version() else {
            let was = self.settled.version().is_some() || !self.chain.is_empty();
            return was.then(|| "it is gone".to_owned());
        };
        let settled = self.settled.version().unwrap_or(0);
        let newest = self.chain.last_key_value().map_or(settled, |(version, _)| *version);
        if there < newest {
            return Some(format!("version {newest} was acknowledged"));
        }
        for version in settled + 1..=there {
            let pending = || self.pending.values().find(|state| state.version() == Some(version));
            match self.chain.get(&version).or_else(pending) {
                None => return Some(format!("version {version} was never written")),
                Some(state) if version == there && !self.has_author(version, found) => {
                    return Some(format!("version {version} should be {state}"));
                }
                Some(_) => {}
            }
        }
        (there == settled && !self.settled.is_same_value(found)).then(|| format!("it was {}", self.settled))
    }

    fn has_author(&self, version: u64, found: &State) -> bool {
        match self.chain.get(&version) {
            Some(state) => state.is_same_value(found),
            None => self
                .pending
                .values()
                .any(|state| state.version() == Some(version) && state.is_same_value(found)),
        }
    }
}

impl Ledger {
    /// Records the lines that a process printed. Returns the faults that they report, and contradictions to earlier
    /// lines.
    pub fn record(&mut self, process: u32, lines: &[Line]) -> Vec<Finding> {
        let mut under_way: BTreeMap<u32, String> = BTreeMap::new();
        let mut findings = Vec::new();
        for line in lines {
            match line {
                Line::Begun { task, cell, state } => {
                    let pending = &mut self.cells.entry(cell.clone()).or_insert_with(Cell::new).pending;
                    pending.insert(Writer { process, task: *task }, state.clone());
                    under_way.insert(*task, cell.clone());
                }
                Line::Acknowledged { task } | Line::Refused { task } => {
                    let writer = Writer { process, task: *task };
                    let cell = under_way.remove(task).and_then(|cell| self.cells.get_mut(&cell));
                    let Some((cell, state)) = cell
                        .and_then(|cell| Some((cell.pending.remove(&writer)?, cell)))
                        .map(|(state, cell)| (cell, state))
                    else {
                        continue;
                    };
                    if matches!(line, Line::Refused { .. }) {
                        continue;
                    }
                    self.acknowledged += 1;
                    match state.version() {
                        None => {
                            cell.last.insert(writer, state);
                        }
                        Some(version) => {
                            if let Some(other) = cell.chain.insert(version, state.clone()) {
                                findings.push(Finding::Lost(format!(
                                    "version {version} was acknowledged twice: {other} and {state}"
                                )));
                            }
                        }
                    }
                }
                Line::Lost(what) => findings.push(Finding::Lost(what.clone())),
                Line::Corrupt(what) => findings.push(Finding::Corrupt(what.clone())),
                Line::Doubled(what) => findings.push(Finding::Doubled(what.clone())),
                Line::LockedOut(what) => findings.push(Finding::LockedOut(what.clone())),
                Line::Observed { .. } | Line::Note(_) | Line::Complete => {}
            }
        }
        findings
    }

    /// Records the lines of a check, and compares them with the model.
    ///
    /// If the check did not complete and has not reported a fault, its early end is a finding, with `ending` in the
    /// message.
    pub fn record_check(&mut self, process: u32, lines: &[Line], ending: &str) -> Vec<Finding> {
        let mut findings = self.record(process, lines);
        if lines.last() != Some(&Line::Complete) {
            if findings.is_empty() {
                findings.push(Finding::Corrupt(format!("the check ended early{ending}")));
            }
            return findings;
        }
        let found = lines.iter().filter_map(|line| match line {
            Line::Observed { cell, state } => Some((cell.clone(), state.clone())),
            _ => None,
        });
        findings.extend(self.settle(&found.collect()));
        findings
    }

    /// Compares the model with the result of a check, and continues from this result.
    pub fn settle(&mut self, found: &BTreeMap<String, State>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let names: BTreeSet<String> = self.cells.keys().chain(found.keys()).cloned().collect();
        let mut gone: Vec<String> = Vec::new();
        for name in names {
            if gone.iter().any(|gone| is_below(&name, gone)) {
                self.cells.remove(&name);
                continue;
            }
            let state = found.get(&name).cloned().unwrap_or(State::Absent);
            let known = self.cells.contains_key(&name);
            let cell = self.cells.entry(name.clone()).or_insert_with(Cell::new);
            if !known {
                findings.push(Finding::Corrupt(format!("{name} is {state}, which was never written")));
            } else if cell.is_chain() {
                findings.extend(
                    cell.chain_fault(&state)
                        .map(|fault| Finding::Lost(format!("{name} is {state}, but {fault}"))),
                );
            } else if !cell.allows(&state) {
                findings.push(Finding::Lost(format!("{name} is {state}, but should be {}", cell.wanted())));
            }
            if state == State::Absent {
                self.cells.remove(&name);
                gone.push(name);
            } else {
                *cell = Cell { settled: state, ..Cell::new() };
            }
        }
        findings
    }

    /// Returns the number of acknowledged operations.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Returns the state in which the last check found a cell, if the ledger knows the cell.
    pub fn settled(&self, cell: &str) -> Option<&State> {
        self.cells.get(cell).map(|cell| &cell.settled)
    }
}

impl Cell {
    fn wanted(&self) -> String {
        let before = if self.last.is_empty() { vec![self.settled.to_string()] } else { texts(&self.last) };
        [before, texts(&self.pending)].concat().join(" or ")
    }
}

fn texts(states: &BTreeMap<Writer, State>) -> Vec<String> {
    states.values().map(ToString::to_string).collect()
}

fn is_below(name: &str, cell: &str) -> bool {
    name.strip_prefix(cell).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{Finding, Ledger};
    use crate::torture::line::{Line, State};
    use std::collections::BTreeMap;

    fn begun(task: u32, cell: &str, state: State) -> Line {
        Line::Begun { task, cell: cell.into(), state }
    }

    fn written(task: u32, cell: &str, state: State) -> [Line; 2] {
        [begun(task, cell, state), Line::Acknowledged { task }]
    }

    fn found(cells: &[(&str, State)]) -> BTreeMap<String, State> {
        cells.iter().map(|(cell, state)| ((*cell).to_owned(), state.clone())).collect()
    }

    fn verdict(lines: &[Line], cells: &[(&str, State)]) -> Vec<Finding> {
        let mut ledger = Ledger::default();
        let mut findings = ledger.record(1, lines);
        findings.extend(ledger.settle(&found(cells)));
        findings
    }

    fn is_lost(findings: &[Finding]) -> bool {
        matches!(findings, [Finding::Lost(_)])
    }

    #[test]
    fn an_acknowledged_write_must_be_there() {
        let lines = written(0, "a", State::of("t1"));
        assert!(verdict(&lines, &[("a", State::of("t1"))]).is_empty());
        assert!(is_lost(&verdict(&lines, &[])));
        assert!(is_lost(&verdict(&lines, &[("a", State::of("t0"))])));
    }

    #[test]
    fn a_write_under_way_may_be_there() {
        let lines = [&written(0, "a", State::of("t1"))[..], &[begun(0, "a", State::of("t2"))]].concat();
        for token in ["t1", "t2"] {
            assert!(verdict(&lines, &[("a", State::of(token))]).is_empty());
        }
        assert!(is_lost(&verdict(&lines, &[("a", State::of("t3"))])));
        assert!(is_lost(&verdict(&lines, &[])));
    }

    #[test]
    fn a_refused_write_must_not_be_there() {
        let lines = [begun(0, "a", State::of("t1")), Line::Refused { task: 0 }];
        assert!(verdict(&lines, &[]).is_empty());
        assert!(is_lost(&verdict(&lines, &[("a", State::of("t1"))])));
    }

    #[test]
    fn a_destroyed_value_must_not_be_back() {
        let lines = [written(0, "a", State::of("t1")), written(0, "a", State::Absent)].concat();
        assert!(verdict(&lines, &[]).is_empty());
        assert!(is_lost(&verdict(&lines, &[("a", State::of("t1"))])));
    }

    #[test]
    fn a_value_that_was_never_written_is_corrupt() {
        assert!(matches!(verdict(&[], &[("a", State::of("t1"))])[..], [Finding::Corrupt(_)]));
    }

    #[test]
    fn of_those_who_overwrite_each_other_the_last_of_any_stands() {
        let lines = [
            written(0, "a", State::of("t1")),
            written(1, "a", State::of("u1")),
            written(0, "a", State::of("t2")),
        ]
        .concat();
        for (token, fits) in [("t2", true), ("u1", true), ("t1", false)] {
            assert_eq!(verdict(&lines, &[("a", State::of(token))]).is_empty(), fits, "{token}");
        }
    }

    #[test]
    fn versions_have_one_author_each_and_no_gaps() {
        let at = |token: &str, version| State::versioned(token, version);
        let lines = [written(0, "a", at("t1", 1)), written(1, "a", at("u2", 2))].concat();
        assert!(verdict(&lines, &[("a", at("u2", 2))]).is_empty());
        assert!(is_lost(&verdict(&lines, &[("a", at("t1", 1))])), "an older version");
        assert!(is_lost(&verdict(&lines, &[("a", at("t1", 2))])), "another value");
        assert!(is_lost(&verdict(&lines, &[("a", at("u3", 3))])), "a token that was never written");
        assert!(is_lost(&verdict(&lines, &[])), "gone");
        let under_way = [&lines[..], &[begun(0, "a", at("t3", 3))]].concat();
        assert!(verdict(&under_way, &[("a", at("t3", 3))]).is_empty());
        assert!(verdict(&under_way, &[("a", at("u2", 2))]).is_empty());
        let twice = [&lines[..], &written(2, "a", at("v2", 2))].concat();
        assert!(is_lost(&verdict(&twice, &[("a", at("v2", 2))])), "two writers have the same version");
        let gap = [&lines[..], &written(0, "a", at("t4", 4))].concat();
        assert!(is_lost(&verdict(&gap, &[("a", at("t4", 4))])), "version 3 was never written");
    }

    #[test]
    fn a_cell_below_an_absent_one_is_absent_too() {
        let made = [written(0, "s", State::of("s")), written(0, "s/a", State::of("t1"))].concat();
        let cut_short = [&made[..], &[begun(0, "s", State::Absent)]].concat();
        assert!(verdict(&cut_short, &[]).is_empty(), "a deletion includes the content");
        assert!(verdict(&cut_short, &[("s", State::of("s")), ("s/a", State::of("t1"))]).is_empty());
        assert!(is_lost(&verdict(&cut_short, &[("s", State::of("s"))])), "half deleted");
        assert!(is_lost(&verdict(&made, &[])), "a creation counts once");
    }

    #[test]
    fn the_next_round_begins_with_the_found_values() {
        let mut ledger = Ledger::default();
        ledger.record(1, &[begun(0, "a", State::of("t1"))]);
        assert!(ledger.settle(&found(&[("a", State::of("t1"))])).is_empty());
        assert_eq!(ledger.settled("a"), Some(&State::of("t1")));
        assert!(is_lost(&ledger.settle(&found(&[]))), "a value does not vanish by itself");
    }
}
