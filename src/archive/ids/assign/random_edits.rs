//! A model test of an archive over time: between two runs, any number of posts are edited, retitled, renamed, moved,
//! re-dated, deleted, replaced and restored. Each post keeps one id, and no two posts share one.

use proptest::prelude::*;

use super::tests::{day, run, titled};
use super::*;

/// A post of the model, identified by its topic.
#[derive(Debug, Clone)]
struct Story {
    topic: usize,
    title: usize,
    edits: usize,
    day: u32,
    path: String,
    is_there: bool,
    was_published: bool,
}

impl Story {
    fn new(topic: usize, day: u32, path: String) -> Self {
        Self { topic, title: 0, edits: 0, day, path, is_there: true, was_published: false }
    }

    /// Forty unique words, one in ten of which changes with each edit, between two lines that all posts share.
    fn as_post(&self) -> PostIdentity {
        let word = |at: usize| {
            let edit = if at % 10 == self.edits % 10 { self.edits } else { 0 };
            format!("topic{}word{at}edit{edit} ", self.topic)
        };
        let own: String = (0..40).map(word).collect();
        let body = format!("Dear all, here is the news.\n\n{own}\n\nUntil next week.");
        let post = super::tests::post(&self.path, day(self.day), "");
        titled(post, &format!("Title {} of {}", self.title, self.topic), &body)
    }
}

/// What happens to a post between two runs.
#[derive(Debug, Clone, Copy)]
enum Change {
    Edit,
    Retitle,
    Rename,
    Move,
    Redate,
    Delete,
    /// Another post replaces it under the same name and day.
    Replace,
    /// Another post takes its name and day, and this one is renamed.
    MakeRoom,
    Return,
    Swap,
}

const CHANGES: [Change; 10] = [
    Change::Edit,
    Change::Retitle,
    Change::Rename,
    Change::Move,
    Change::Redate,
    Change::Delete,
    Change::Replace,
    Change::MakeRoom,
    Change::Return,
    Change::Swap,
];

/// The posts of an archive, and how many topics and names have been used.
#[derive(Default)]
struct Model {
    stories: Vec<Story>,
    names: usize,
}

impl Model {
    /// Alternates between real names and names that are a date or a number.
    fn name(&mut self, day: u32) -> String {
        self.names += 1;
        if self.names.is_multiple_of(2) {
            format!("name{}.md", self.names)
        } else {
            format!("{}/2024-05-{day:02}.md", self.names)
        }
    }

    fn add(&mut self, day: u32, path: Option<String>) {
        let path = path.unwrap_or_else(|| self.name(day));
        self.stories.push(Story::new(self.stories.len(), day, path));
    }

    fn is_taken(&self, path: &str) -> bool {
        self.stories.iter().any(|story| story.is_there && story.path == path)
    }

    fn change(&mut self, at: usize, other: usize, change: Change) {
        let date = u32::try_from(at % 9).unwrap() + 1;
        let name = self.name(date);
        let story = self.stories[at].clone();
        match change {
            Change::Return => {
                let path = if self.is_taken(&story.path) { name } else { story.path };
                self.stories[at] = Story { path, is_there: true, ..self.stories[at].clone() };
            }
            _ if !story.is_there => {}
            Change::Edit => self.stories[at].edits += 1,
            Change::Retitle => self.stories[at].title += 1,
            Change::Rename => self.stories[at].path = name,
            Change::Move => {
                let path = format!("moved/{}", story.path);
                if !self.is_taken(&path) {
                    self.stories[at].path = path;
                }
            }
            Change::Redate => self.stories[at].day = story.day / 10 * 10 + date,
            Change::Delete => self.stories[at].is_there = false,
            // A file with a real name that is rewritten on the same day is the same post.
            Change::Replace if is_named_file(&story.path) => {}
            Change::Replace => {
                self.stories[at].is_there = false;
                self.add(story.day, Some(story.path));
            }
            // The same holds for a replacement on that day; on another day it is a new post.
            Change::MakeRoom if is_named_file(&story.path) && story.day > 20 => {}
            Change::MakeRoom => {
                self.stories[at].path = name;
                let later = if is_named_file(&story.path) { 10 } else { 0 };
                self.add(story.day + later, Some(story.path));
            }
            Change::Swap
                if self.stories[other].is_there
                    && story.was_published
                    && self.stories[other].was_published =>
            {
                self.stories[at].path = self.stories[other].path.clone();
                self.stories[other].path = story.path;
            }
            Change::Swap => {}
        }
    }
}

fn is_named_file(path: &str) -> bool {
    !path.contains("2024-05-")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nobody_gets_a_post_twice_and_no_new_post_is_taken_for_an_old_one(
        days in proptest::collection::vec(
            (0usize..3, proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..CHANGES.len()), 0..5)),
            1..8,
        ),
        turn in 0usize..5,
    ) {
        let mut model = Model::default();
        model.add(1, None);
        model.add(1, None);
        let mut registry = IdRegistry::default();
        let mut ids: BTreeMap<usize, String> = BTreeMap::new();
        for (more, changes) in days {
            for _ in 0..more {
                model.add(u32::try_from(model.stories.len() % 3).unwrap() + 1, None);
            }
            for (at, other, change) in changes {
                let (at, other) = (at.index(model.stories.len()), other.index(model.stories.len()));
                model.change(at, other, CHANGES[change]);
            }
            let mut there: Vec<&Story> = model.stories.iter().filter(|story| story.is_there).collect();
            let turn = turn.min(there.len());
            there.rotate_left(turn);
            let posts: Vec<PostIdentity> = there.iter().map(|story| story.as_post()).collect();
            let done = run(&registry, &posts);
            for (story, given) in there.iter().zip(&done.given) {
                let id = ids.entry(story.topic).or_insert_with(|| given.id.clone());
                prop_assert_eq!(&given.id, &*id, "{:?}", story);
            }
            model.stories.iter_mut().for_each(|story| story.was_published = ids.contains_key(&story.topic));
            let unique: BTreeSet<&String> = ids.values().collect();
            prop_assert_eq!(unique.len(), ids.len(), "no post has the id of another: {:?}", model.stories);
            let gone: BTreeSet<&str> = done.registry.tombstones().map(|(id, _)| id).collect();
            for story in &model.stories {
                let is_known = ids.get(&story.topic);
                prop_assert_eq!(is_known.is_some_and(|id| gone.contains(id.as_str())), is_known.is_some() && !story.is_there);
            }
            prop_assert_eq!(&run(&done.registry, &posts), &done, "a second run changes nothing");
            registry = IdRegistry::parse(&done.registry.to_text(), "ids.txt").unwrap();
        }
    }
}
