//! The life of a store.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::{self, Problem, Specification, WRITES};
use super::settings::is_letter_of;
use crate::replay::convection::call::{Call, KeyName, key_set};
use crate::replay::convection::node::{Node, bytes};
use crate::replay::oracle::version::Version;
use crate::replay::{Class, Demand, Ruling};

const REFUSED_VALUE: &[Class] = &[Class::Invalid, Class::Unsupported];
const UNREADABLE: &[Class] = &[Class::Corrupt, Class::WrongKey];

/// What stands in the file.
#[derive(Clone, Debug)]
enum File {
    Absent,
    Unreadable { is_empty: bool },
    Document { node: Node, sealed_by: KeyName, upstream: Counts },
}

/// Reads and writes as upstream counts them: in each handle by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    reads: i64,
    writes: i64,
}

#[derive(Clone, Debug)]
struct Handle {
    reading: Vec<KeyName>,
    sealing: KeyName,
    initial_settings: Node,
    deleted: bool,
    /// Reads that no write has stored yet.
    unwritten: i64,
    upstream: Counts,
}

/// A store and its handles.
#[derive(Debug)]
pub(in crate::replay::convection) struct Model {
    plugin: String,
    specification: Specification,
    name_fits: bool,
    file: File,
    file_name: String,
    handles: BTreeMap<String, Handle>,
    current: String,
    /// The decision that first made the store another one than upstream's.
    departed: Option<&'static str>,
}

type Answer = Option<Ruling>;

impl Model {
    pub(in crate::replay::convection) fn new(plugin: &str, folder: &str, store: &str) -> Self {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        Self {
            plugin: plugin.to_owned(),
            specification: Specification::named(plugin),
            name_fits: (1..=128).contains(&store.len())
                && !store.starts_with('.')
                && store.bytes().all(allowed),
            file: File::Absent,
            file_name: format!("{folder}/{store}"),
            handles: BTreeMap::new(),
            current: String::new(),
            departed: None,
        }
    }

    /// What decisions demand of the next operation.
    pub(in crate::replay::convection) fn step(&mut self, call: Call<'_>) -> Answer {
        match call.operation {
            "open" => return self.open(call),
            "use" => {
                call.text(0).unwrap_or_default().clone_into(&mut self.current);
                return None;
            }
            _ if !self.handles.contains_key(&self.current) => return self.refused(None, &[Class::NoHandle]),
            _ => {}
        }
        match call.operation {
            "rotate" => self.rotate(call.text(0).unwrap_or_default()),
            "ls" => self.ls(),
            "file" => self.file(),
            "internal" => None,
            // A lock that stays would be a `close` that did not run.
            "locked" => self.said(Some("C13"), Demand::Exactly(false.into())),
            "raw_write" | "truncate" | "remove_file" | "patch_doc" | "put_doc" => self.outside(call),
            _ => match call.bound(&self.plugin) {
                None => self.refused(None, &[Class::Invalid]),
                Some(arguments) => self.bound(call.operation, &arguments),
            },
        }
    }

    fn bound(&mut self, operation: &str, arguments: &[Value]) -> Answer {
        match operation {
            "initialize" => self.initialize(),
            "create" | "modify" => self.put(operation == "create", arguments),
            "destroy" => self.destroy(&arguments[0]),
            "get" => self.get(&arguments[0]),
            "list" => self.list(),
            "info" => self.info(),
            "configure" if arguments[1].is_null() => self.read_settings(&arguments[0]),
            "configure" => self.write_settings(&arguments[0], &arguments[1]),
            "marked_for_delete" => self.delete(),
            _ => None,
        }
    }

    fn said(&self, decision: Option<&'static str>, demand: Demand) -> Answer {
        decision.or(self.departed).map(|decision| Ruling::new(decision, demand))
    }

    fn refused(&self, decision: Option<&'static str>, classes: &'static [Class]) -> Answer {
        self.said(decision, Demand::Refused(classes))
    }

    /// From here on the store is another one than upstream's.
    fn depart(&mut self, decision: &'static str) {
        self.departed.get_or_insert(decision);
    }

    /// A change that did not happen here, and may have upstream.
    fn change_refused(&mut self, problem: Problem) -> Answer {
        let answer = self.refused(problem.decision, problem.classes);
        if let Some(decision) = problem.decision {
            self.depart(decision);
        }
        answer
    }

    fn handle(&mut self) -> &mut Handle {
        self.handles.get_mut(&self.current).expect("looked for in `step`")
    }

    fn open(&mut self, call: Call<'_>) -> Answer {
        let [name, set] = [0, 1].map(|at| call.text(at).unwrap_or_default());
        name.clone_into(&mut self.current);
        let Some(keys) = key_set(if set.is_empty() { "old" } else { set }) else {
            return self.refused(None, &[Class::Unsupported]);
        };
        if keys.is_empty() {
            return self.refused(None, &[Class::Invalid]);
        }
        if !self.name_fits {
            self.depart("C9");
            return self.refused(Some("C9"), &[Class::Invalid]);
        }
        let mut initial_settings = self.specification.initial();
        if let Some(given) = call.arguments.get(2).filter(|given| !given.is_null()) {
            let given = Node::from_input(given);
            let broken =
                given.as_ref().map_or(Some("C10"), |given| self.specification.broken_decision(given));
            if let Some(decision) = broken {
                self.depart(decision);
                return self.refused(Some(decision), &[Class::Invalid]);
            }
            initial_settings = self.specification.in_force(&given.unwrap_or(initial_settings));
        }
        let sealing = keys[0];
        let handle = Handle {
            reading: keys,
            sealing,
            initial_settings,
            deleted: false,
            unwritten: 0,
            upstream: Counts::default(),
        };
        self.handles.insert(name.to_owned(), handle);
        self.said(None, Demand::done())
    }

    /// What a reader finds before it looks at the document.
    fn unsealed(&mut self) -> Result<Node, Problem> {
        let handle = self.handle().clone();
        if handle.deleted {
            return Err(Problem::new(Some("C13"), &[Class::Deleted]));
        }
        match &self.file {
            File::Absent => Err(Problem::new(None, &[Class::NotInitialized])),
            File::Unreadable { .. } => Err(Problem::new(None, UNREADABLE)),
            File::Document { sealed_by, .. } if !handle.reading.contains(sealed_by) => {
                Err(Problem::new(None, &[Class::WrongKey]))
            }
            File::Document { node, .. } => Ok(node.clone()),
        }
    }

    /// Reads the document, and counts that.
    fn read(&mut self) -> Result<Node, Problem> {
        let node = self.unsealed()?;
        if let Some(mut problem) = document::problem(&self.specification, &node) {
            if problem.only_counters && self.handle().upstream.reads != 0 {
                // Upstream looks at them once for each handle.
                problem.decision = Some("H18");
            }
            return Err(problem);
        }
        self.count_read();
        Ok(node)
    }

    fn count_read(&mut self) {
        let File::Document { upstream: stored, .. } = self.file else { return };
        let handle = self.handle();
        handle.unwritten += 1;
        if handle.upstream.reads == 0 {
            handle.upstream = stored;
        }
        handle.upstream.reads += 1;
    }

    fn write(&mut self, mut node: Node, sealed_by: KeyName) {
        let stored = Version::read(&text_at(&node, "metadata", "version")).expect("it was read");
        let running = Version::read(WRITES).expect("a version");
        let counts = counts(&node);
        let handle = self.handle();
        let (reads, writes) = (counts.reads.max(0) + handle.unwritten, counts.writes.max(0) + 1);
        handle.unwritten = 0;
        handle.upstream.writes += 1;
        let upstream = handle.upstream;
        set_counts(&mut node, reads, writes);
        let metadata = self.metadata();
        if running.compare(&stored).is_lt() {
            // The newest version that wrote stays.
            let version = text_at(&node, "metadata", "version");
            node.set(&["metadata"], Some(metadata));
            node.set(&["metadata", "version"], Some(Node::Text(version)));
            self.depart("H9");
        } else {
            node.set(&["metadata"], Some(metadata));
        }
        if let Node::Table(sections) = &node
            && sections
                .iter()
                .any(|(name, _)| !["metadata", "config", "store", "stats"].contains(&name.as_str()))
        {
            // Upstream drops what it does not know.
            self.depart("C6");
        }
        self.file = File::Document { node, sealed_by, upstream };
    }

    fn metadata(&self) -> Node {
        let text = |text: &str| Node::Text(text.to_owned());
        Node::Table(vec![
            ("version".to_owned(), text(WRITES)),
            ("compatibility".to_owned(), text(">=:1.0,<:2.0")),
            (
                "plugin".to_owned(),
                Node::Table(vec![
                    ("name".to_owned(), text(self.specification.name)),
                    ("type".to_owned(), text("Secret")),
                ]),
            ),
        ])
    }

    fn initialize(&mut self) -> Answer {
        let classes: &'static [Class] = match (self.unsealed(), &self.file) {
            (Err(problem), _) if problem.decision.is_some() => return self.change_refused(problem),
            (_, File::Absent) => {
                let settings = self.handle().initial_settings.clone();
                let sealing = self.handle().sealing;
                let mut node = Node::Table(vec![
                    ("metadata".to_owned(), self.metadata()),
                    ("config".to_owned(), settings),
                    ("store".to_owned(), Node::Table(Vec::new())),
                    ("stats".to_owned(), Node::Table(Vec::new())),
                ]);
                set_counts(&mut node, 1, 0);
                self.handle().upstream.reads += 1;
                self.write(node, sealing);
                return self.said(None, Demand::done());
            }
            (Err(problem), _) => problem.classes,
            (Ok(node), _) => match document::problem(&self.specification, &node) {
                Some(problem) if !problem.only_settings => &[Class::AlreadyExists, Class::Corrupt],
                _ => &[Class::AlreadyExists],
            },
        };
        // It never overwrites.
        self.depart("C4");
        self.refused(Some("C4"), classes)
    }

    fn put(&mut self, is_new: bool, arguments: &[Value]) -> Answer {
        let Some(name) = arguments[0].as_str() else {
            return self.change_refused(Problem::new(Some("C6"), &[Class::Invalid]));
        };
        let names_fit = (1..=1024).contains(&name.len()) && !name.chars().any(char::is_control);
        if is_new && !names_fit {
            return self.change_refused(Problem::new(Some("C9"), &[Class::Invalid]));
        }
        let is_generated = self.specification.generates && arguments[1].is_null();
        let given = Node::from_input(&arguments[1]);
        if given.is_none() && !is_generated {
            return self.change_refused(Problem::new(Some("C6"), REFUSED_VALUE));
        }
        let length = arguments.get(2).filter(|length| is_generated && !length.is_null());
        let letters = arguments.get(3).filter(|letters| is_generated && !letters.is_null());
        let has_type = |length: &Value| length.as_u64().is_some_and(|length| u32::try_from(length).is_ok());
        if length.is_some_and(|length| !has_type(length))
            || letters.is_some_and(|letters| !letters.is_string())
        {
            // Neither a number of characters nor the name of an alphabet.
            return self.change_refused(Problem::new(Some("C11"), &[Class::Invalid]));
        }
        let mut node = match self.read() {
            Ok(node) => node,
            Err(mut problem) => {
                if is_generated {
                    // Upstream looks at the recipe first, with the settings that it has in memory.
                    problem.decision = problem.decision.or(Some("C11"));
                }
                return self.change_refused(problem);
            }
        };
        let value = if let Some(value) = given {
            value
        } else {
            let settings =
                self.specification.in_force(node.get("config").unwrap_or(&Node::Table(Vec::new())));
            let made = Specification::password(
                &settings,
                length.and_then(Value::as_i64),
                letters.and_then(Value::as_str),
            );
            match made {
                Some((length, letters)) => generated(length, &letters),
                None => return self.change_refused(Problem::new(Some("C11"), &[Class::Invalid])),
            }
        };
        match (node.get("store").and_then(|store| store.get(name)).is_some(), is_new) {
            (true, true) => return self.refused(None, &[Class::AlreadyExists]),
            (false, false) => return self.refused(None, &[Class::NotFound]),
            _ => node.set(&["store", name], Some(value)),
        };
        let sealing = self.handle().sealing;
        self.write(node, sealing);
        self.said(None, Demand::Exactly(true.into()))
    }

    /// A name that is no text. Upstream reads before it looks for it.
    fn no_name(&mut self) -> Answer {
        let unwritten = self.handle().unwritten;
        let _ = self.read();
        self.handle().unwritten = unwritten;
        self.refused(Some("C6"), &[Class::Invalid])
    }

    fn destroy(&mut self, name: &Value) -> Answer {
        let Some(name) = name.as_str() else { return self.no_name() };
        match self.read() {
            Err(problem) => self.change_refused(problem),
            Ok(mut node) => {
                if !node.set(&["store", name], None) {
                    return self.refused(None, &[Class::NotFound]);
                }
                let sealing = self.handle().sealing;
                self.write(node, sealing);
                self.said(None, Demand::Exactly(true.into()))
            }
        }
    }

    fn get(&mut self, name: &Value) -> Answer {
        let Some(name) = name.as_str() else { return self.no_name() };
        match self.read() {
            Err(problem) => self.refused(problem.decision, problem.classes),
            Ok(node) => match node.get("store").and_then(|store| store.get(name)) {
                None => self.refused(None, &[Class::NotFound]),
                Some(value) => {
                    let value = value.to_json();
                    let decision = value.get("$generated").map(|_| "C11");
                    self.said(decision, like(value))
                }
            },
        }
    }

    fn list(&mut self) -> Answer {
        match self.read() {
            Err(problem) => self.refused(problem.decision, problem.classes),
            Ok(node) => {
                let Some(Node::Table(secrets)) = node.get("store") else { return None };
                let names: Value = secrets.iter().map(|(name, _)| Value::from(name.as_str())).collect();
                // Python's writer moves tables behind all else.
                let moves = secrets.iter().any(|(_, value)| match value {
                    Node::Table(_) => true,
                    Node::Array(items) => items.iter().any(|item| matches!(item, Node::Table(_))),
                    _ => false,
                });
                self.said(moves.then_some("C15"), Demand::Exactly(names))
            }
        }
    }

    fn info(&mut self) -> Answer {
        match self.read() {
            Err(problem) => self.refused(problem.decision, problem.classes),
            Ok(node) => {
                let stored = counts(&node);
                let (unwritten, upstream) = (self.handle().unwritten, self.handle().upstream);
                // A number below zero says nothing.
                let reads = if stored.reads < 0 { 0 } else { stored.reads + unwritten };
                let ours = Counts { reads, writes: stored.writes.max(0) };
                let secrets =
                    if let Some(Node::Table(secrets)) = node.get("store") { secrets.len() } else { 0 };
                let info = json!({
                    "metadata": projected(&self.metadata().to_json()),
                    "stats": { "secret_count": secrets, "reads": ours.reads, "writes": ours.writes },
                });
                self.said((ours != upstream).then_some("C12"), Demand::Exactly(info))
            }
        }
    }

    /// Upstream answers from memory: before there is a store, and what another handle stored only
    /// after it read something. It does not count either.
    fn read_settings(&mut self, name: &Value) -> Answer {
        let node = match self.read_uncounted_upstream() {
            Ok(node) => node,
            Err(problem) => return self.refused(problem.decision.or(Some("C10")), problem.classes),
        };
        let settings =
            self.specification.in_force(node.get("config").unwrap_or(&Node::Table(Vec::new()))).to_json();
        match (name.is_null(), name.as_str()) {
            (true, _) => self.said(Some("C10"), Demand::Exactly(settings)),
            (false, Some(path)) => match looked_up(&settings, path) {
                Some(value) => self.said(Some("C10"), Demand::Exactly(value.clone())),
                None => self.refused(Some("C10"), &[Class::NotFound]),
            },
            (false, None) => self.refused(Some("C10"), &[Class::Invalid]),
        }
    }

    fn read_uncounted_upstream(&mut self) -> Result<Node, Problem> {
        let before = self.handle().upstream;
        let node = self.read();
        self.handle().upstream = before;
        node
    }

    /// Upstream cannot write settings.
    fn write_settings(&mut self, name: &Value, value: &Value) -> Answer {
        let node = match self.read_uncounted_upstream() {
            Ok(node) => node,
            Err(problem) => return self.refused(problem.decision.or(Some("C10")), problem.classes),
        };
        let mut settings = node.get("config").cloned().unwrap_or(Node::Table(Vec::new()));
        settings = self.specification.in_force(&settings);
        let changed = match (name.as_str(), Node::from_input(value)) {
            (_, None) => false,
            (None, Some(value)) => {
                settings = value;
                name.is_null()
            }
            (Some(path), Some(value)) => settings.set(&path.split('.').collect::<Vec<_>>(), Some(value)),
        };
        if !changed || self.specification.broken_decision(&settings).is_some() {
            return self.refused(Some("C10"), &[Class::Invalid]);
        }
        self.depart("C10");
        let before = self.handle().upstream;
        self.count_read();
        let mut node = node;
        let settings = self.specification.in_force(&settings);
        node.set(&["config"], Some(settings.clone()));
        let sealing = self.handle().sealing;
        self.write(node, sealing);
        self.handle().upstream = before;
        self.said(Some("C10"), Demand::Exactly(settings.to_json()))
    }

    fn rotate(&mut self, set: &str) -> Answer {
        let Some(new) = key_set(set) else { return self.refused(None, &[Class::Unsupported]) };
        if new.is_empty() {
            // Upstream has made its copy by then.
            // There is no ring without keys, whatever the store is.
            let answer = self.refused(Some("C8"), &[Class::Invalid]);
            self.depart("C7");
            return answer;
        }
        if self.handle().deleted {
            return self.refused(Some("C13"), &[Class::Deleted]);
        }
        if matches!(self.file, File::Absent) {
            let old = self.handle().reading.clone();
            self.handle().reading = new.into_iter().chain(old).collect();
            return self.refused(None, &[Class::NotInitialized]);
        }
        // Upstream reads with the new keys alone.
        let works_upstream = match &self.file {
            File::Document { sealed_by, .. } => new.contains(sealed_by),
            _ => false,
        };
        let old = self.handle().reading.clone();
        self.handle().reading = new.iter().copied().chain(old).collect();
        match self.read() {
            Err(problem) => {
                let answer = self.refused(problem.decision, problem.classes);
                // Its copy stays, and its handle has the new keys.
                self.depart("C7");
                answer
            }
            Ok(node) => {
                self.write(node, new[0]);
                let handle = self.handle();
                handle.sealing = new[0];
                handle.reading = new;
                if works_upstream {
                    return self.said(None, Demand::Exactly(true.into()));
                }
                self.depart("C7");
                self.said(Some("C7"), Demand::Exactly(true.into()))
            }
        }
    }

    fn delete(&mut self) -> Answer {
        let problem = match self.unsealed() {
            // Upstream finds no file.
            Err(problem) if problem.decision == Some("C13") => return self.said(Some("C13"), Demand::done()),
            Err(_) if matches!(self.file, File::Absent) => {
                self.depart("C13");
                self.handle().deleted = true;
                return self.said(Some("C13"), Demand::done());
            }
            Err(problem) => Some(problem),
            Ok(node) => {
                document::problem(&self.specification, &node).filter(|problem| !problem.only_settings)
            }
        };
        if let Some(problem) = problem {
            // Upstream looks at nothing.
            self.depart("C13");
            return self.refused(Some("C13"), problem.classes);
        }
        self.file = File::Absent;
        self.handle().deleted = true;
        self.said(None, Demand::done())
    }

    fn ls(&self) -> Answer {
        let files = if matches!(self.file, File::Absent) { json!([]) } else { json!([self.file_name]) };
        self.said(None, Demand::Exactly(files))
    }

    fn file(&self) -> Answer {
        let mode = "0o600";
        match &self.file {
            File::Absent => self.said(None, Demand::Exactly(json!({ "exists": false }))),
            File::Unreadable { is_empty: true } => {
                self.said(None, Demand::Exactly(json!({ "exists": true, "empty": true, "mode": mode })))
            }
            File::Unreadable { is_empty: false } => {
                let holds = |file: &Value| {
                    file["exists"] == true && file["empty"] == false && file["mode"] == "0o600"
                };
                self.said(None, Demand::answer("a file that is not empty", holds))
            }
            File::Document { node, sealed_by, upstream } => {
                let mut content = node.to_json();
                content["metadata"] = projected(&content["metadata"]);
                let file = json!({
                    "exists": true, "empty": false, "mode": mode,
                    "decrypts_with": if sealed_by.0 == b'o' { "old" } else { "new" },
                    "content": content,
                });
                let counted = document::problem(&self.specification, node).is_none();
                let differs = counted && counts(node) != *upstream;
                let makes_passwords = content_has_generated(&file);
                let decision = makes_passwords.then_some("C11").or(differs.then_some("C12"));
                self.said(decision, like(file))
            }
        }
    }

    /// What happens to the file behind the plugin's back.
    fn outside(&mut self, call: Call<'_>) -> Answer {
        match (call.operation, &mut self.file) {
            ("raw_write", file) => {
                let Some(bytes) = call.arguments.first().and_then(bytes) else {
                    return self.refused(None, &[Class::Invalid]);
                };
                *file = File::Unreadable { is_empty: bytes.is_empty() };
            }
            ("put_doc", file) => {
                let node = call.arguments.first().and_then(Node::from_input)?;
                let upstream = counts(&node);
                *file = File::Document { node, sealed_by: (b'o', 0), upstream };
            }
            (_, File::Absent) => return self.refused(None, &[Class::NotInitialized]),
            ("truncate", file) => {
                *file = File::Unreadable { is_empty: call.arguments.first() == Some(&json!(0)) }
            }
            ("remove_file", file) => *file = File::Absent,
            ("patch_doc", File::Document { node, upstream, sealed_by }) => {
                // Whoever patches seals with the first key of the set.
                sealed_by.1 = 0;
                let path: Vec<_> = call
                    .arguments
                    .first()
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                node.set(&path, call.arguments.get(1).and_then(Node::from_input));
                if path.first() == Some(&"stats") {
                    *upstream = counts(node);
                }
            }
            _ => return self.refused(None, UNREADABLE),
        }
        self.said(None, Demand::done())
    }
}

/// A metadata block with what does not belong to the plugin alone: not its author, its date and
/// its description.
pub(in crate::replay::convection) fn projected(metadata: &Value) -> Value {
    let Some(block) = metadata.as_object() else { return metadata.clone() };
    let mut kept = serde_json::Map::new();
    for key in ["version", "compatibility"] {
        kept.extend(block.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let plugin = block.get("plugin").map(|plugin| match plugin.as_object() {
        Some(plugin) => plugin
            .iter()
            .filter(|(key, _)| *key != "description")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        None => plugin.clone(),
    });
    kept.extend(plugin.map(|plugin| ("plugin".to_owned(), plugin)));
    Value::Object(kept)
}

fn text_at(node: &Node, section: &str, name: &str) -> String {
    match node.get(section).and_then(|section| section.get(name)) {
        Some(Node::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn counts(node: &Node) -> Counts {
    let count = |name| match node.get("stats").and_then(|stats| stats.get(name)) {
        Some(Node::Integer(count)) => count.parse().unwrap_or(0),
        _ => 0,
    };
    Counts { reads: count("reads"), writes: count("writes") }
}

fn set_counts(node: &mut Node, reads: i64, writes: i64) {
    node.set(&["stats", "reads"], Some(Node::Integer(reads.to_string())));
    node.set(&["stats", "writes"], Some(Node::Integer(writes.to_string())));
}

fn looked_up<'a>(settings: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(settings, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// A password of which only length and letters are known.
fn generated(length: i64, letters: &str) -> Node {
    let recipe = vec![
        ("length".to_owned(), Node::Integer(length.to_string())),
        ("letters".to_owned(), Node::Text(letters.to_owned())),
    ];
    Node::Table(vec![("$generated".to_owned(), Node::Table(recipe))])
}

fn content_has_generated(value: &Value) -> bool {
    match value {
        Value::Object(entries) => {
            entries.iter().any(|(key, value)| key == "$generated" || content_has_generated(value))
        }
        Value::Array(items) => items.iter().any(content_has_generated),
        _ => false,
    }
}

/// Exactly this value, with passwords in the places of their recipes.
fn like(wanted: Value) -> Demand {
    if !content_has_generated(&wanted) {
        return Demand::Exactly(wanted);
    }
    Demand::answer(format!("like {wanted}"), move |value| is_like(&wanted, value))
}

fn is_like(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Object(recipe), Value::String(password)) if recipe.len() == 1 => {
            recipe.get("$generated").is_some_and(|recipe| {
                let letters = recipe["letters"].as_str().unwrap_or_default();
                i64::try_from(password.chars().count()).ok() == recipe["length"].as_i64()
                    && password.chars().all(|character| is_letter_of(letters, character) == Some(true))
            })
        }
        (Value::Object(wanted), Value::Object(value)) => {
            wanted.len() == value.len()
                && wanted
                    .iter()
                    .all(|(key, wanted)| value.get(key).is_some_and(|value| is_like(wanted, value)))
        }
        (wanted, value) => crate::replay::adapter::same(wanted, value),
    }
}
