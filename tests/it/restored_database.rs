//! A ledger in `PostgreSQL` that was dumped and restored, or whose data folder was put back: nothing is sent from it before
//! it is accepted, and nobody gets a second email.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::Duration;

use super::support::{At, Do, Ended, Postgres, Script, Server, Site, reply_line, wait_until};

const SUBSCRIBERS: usize = 40;
const ELSEWHERE: &str = "it is not the file or database that sent last";

/// A site with a ledger in its own server.
struct Scene {
    server: Postgres,
    url: String,
    relay: Server,
    site: Site,
}

impl Scene {
    /// `None` if there is no server, which is printed.
    fn new() -> Option<Self> {
        let server = Postgres::start()?;
        let slow = Do::Each(vec![Do::Wait(Duration::from_millis(20)), reply_line("250 2.0.0 ok")]);
        let relay = Server::start(Script::polite().on(At::Dot, slow));
        let url = server.database();
        let site = Site::with(relay.port(), SUBSCRIBERS, 2, &format!("[store]\nurl = \"{url}\"\n"));
        Some(Self { server, url, relay, site })
    }

    /// Starts a run and waits until the relay has taken `emails`.
    fn sends(&self, emails: usize) -> Child {
        let run = self.site.start(&["send"]);
        self.has_taken(emails);
        run
    }

    fn has_taken(&self, emails: usize) {
        wait_until("enough is sent", || self.relay.accepted().len() >= emails);
    }

    fn uses(&self, url: &str) {
        let config = std::fs::read_to_string(self.site.path("config.toml")).unwrap();
        let (before, _) = config.split_once("[store]").unwrap();
        self.site.write("config.toml", &format!("{before}[store]\nurl = \"{url}\"\n"));
    }

    /// Nothing is sent, with `reason`; after the ledger was accepted, nothing is sent either, and all of it is consistent.
    fn refuses(&self, reason: &str) {
        let taken = self.relay.accepted();
        let refused = self.site.run_now(&["send"]);
        assert_eq!(refused.code, 1, "{}", refused.output);
        assert!(refused.output.contains(reason) && refused.output.contains("help: "), "{}", refused.output);
        let adopted = self.site.run_now(&["ledger", "adopt-restored", "--reason", "a test restored it"]);
        assert_eq!(adopted.code, 0, "{}", adopted.output);
        let next = self.site.run_now(&["send"]);
        assert!([0, 3].contains(&next.code), "{}", next.output);
        assert_eq!(self.relay.accepted(), taken, "it was sent from a restored ledger");
        assert_eq!(self.site.run_now(&["ledger", "verify"]).code, 0);
    }

    /// The run finishes the issue.
    fn finishes(&self) -> Ended {
        let ended = self.site.run_now(&["send"]);
        assert!([0, 3].contains(&ended.code), "{}", ended.output);
        let taken = self.relay.accepted();
        let each: BTreeSet<&String> = taken.iter().collect();
        assert_eq!(each.len(), taken.len(), "an email was sent twice");
        ended
    }
}

fn kill(mut run: Child) {
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn f26_a_dump_that_is_restored_as_another_database_sends_nothing_and_the_original_goes_on() {
    let Some(scene) = Scene::new() else { return };
    kill(scene.sends(10));
    let dump = scene.server.dump(&scene.url);
    let copy = scene.server.database();
    Postgres::restore(&dump, &copy);
    scene.uses(&copy);
    let taken = scene.relay.accepted();
    let refused = scene.site.run_now(&["send"]);
    assert_eq!(refused.code, 1, "{}", refused.output);
    assert!(refused.output.contains(ELSEWHERE) && refused.output.contains("--moved"), "{}", refused.output);
    assert_eq!(scene.relay.accepted(), taken);
    scene.uses(&scene.url);
    scene.finishes();
    scene.uses(&copy);
    scene.refuses("its epoch is");
}

#[test]
fn f26_a_dump_that_is_restored_into_another_server_sends_nothing_until_it_is_accepted() {
    let (Some(scene), Some(other)) = (Scene::new(), Postgres::start()) else { return };
    kill(scene.sends(10));
    let copy = other.database();
    Postgres::restore(&scene.server.dump(&scene.url), &copy);
    scene.uses(&copy);
    scene.refuses(ELSEWHERE);
}

#[test]
fn f26_a_dump_from_during_a_run_that_is_restored_into_its_own_database_is_refused() {
    let Some(scene) = Scene::new() else { return };
    let run = scene.sends(5);
    let dump = scene.server.dump(&scene.url);
    scene.has_taken(15);
    kill(run);
    Postgres::restore(&dump, &scene.url);
    // The epoch is that of the fence, but the tables are not those that sent last.
    scene.refuses(ELSEWHERE);
}

#[test]
fn f26_a_database_server_whose_data_folder_is_put_back_is_behind_the_fence() {
    let Some(scene) = Scene::new() else { return };
    kill(scene.sends(5));
    let older = scene.server.back_up();
    scene.finishes();
    scene.server.go_back_to(older);
    scene.refuses("but the fence is at");
}
