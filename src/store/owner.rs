//! Who holds a claim: a name for this process that no other has, and the proof that a process of this machine is gone.
//!
//! Where several machines share a ledger nobody holds a lock for all; a claim of a process that is known to be dead need
//! not wait for its lease. What cannot be proved is left to the lease: a name from another machine, another boot or
//! another container says nothing.

use std::fs;

/// The name of this process: the boot, the process namespace, the process, its start, and `chance`.
pub fn name(chance: &str) -> String {
    match (machine(), started(std::process::id())) {
        (Some(machine), Some(start)) => format!("{machine}:{}:{start}:{chance}", std::process::id()),
        _ => chance.to_owned(),
    }
}

/// Whether the process of this name ran on this machine, since its last start, and is gone.
pub(super) fn is_gone(name: &str) -> bool {
    let parts: Vec<&str> = name.split(':').collect();
    let [boot, space, process, start, _] = parts.as_slice() else { return false };
    let (Some(here), Ok(process)) = (machine(), process.parse::<u32>()) else { return false };
    here == format!("{boot}:{space}") && started(process).is_none_or(|now| now != *start)
}

/// This boot of this machine, and the namespace in which process numbers mean something.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let space: String = space.to_str()?.chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}:{space}", boot.trim()))
}

/// When a process began, in the kernel's ticks: numbers are given out again, starts are not. `None` if there is no such
/// process, or it has ended and nobody has asked for its exit code yet.
fn started(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything.
    let mut rest = stat.rsplit_once(") ")?.1.split(' ');
    let state = rest.next()?;
    (!matches!(state, "Z" | "X")).then(|| rest.nth(18).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_lives_is_not_gone_and_one_that_ended_is() {
        assert!(!is_gone(&name("chance")));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let name = format!("{}:{}:{}:x", machine().unwrap(), child.id(), started(child.id()).unwrap());
        assert!(!is_gone(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&name));
    }

    #[test]
    fn a_number_that_was_given_out_again_does_not_bring_its_owner_back() {
        let again = format!("{}:{}:1:x", machine().unwrap(), std::process::id());
        assert!(is_gone(&again));
    }

    #[test]
    fn nothing_is_said_of_another_boot_another_container_or_a_name_without_a_machine() {
        let (boot, space) =
            machine().unwrap().split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        for name in [format!("other:{space}:1:1:x"), format!("{boot}:1:1:1:x"), "0123456789abcdef".to_owned()]
        {
            assert!(!is_gone(&name), "{name}");
        }
    }
}
