//! The owner of a claim: a unique name for this process, and the proof that a process of this machine has ended.
//!
//! If several machines share a ledger there is no common lock. A claim of a process that has certainly ended need not
//! wait for its lease. For a name from another machine, boot or container nothing can be proved, and the lease
//! decides.

use std::fs;

/// The name of this process: the boot, the process namespace, the process, its start, and `chance`.
pub fn name(chance: &str) -> String {
    match (machine(), started(std::process::id())) {
        (Some(machine), Some(start)) => format!("{machine}:{}:{start}:{chance}", std::process::id()),
        _ => chance.to_owned(),
    }
}

/// Whether the process with this name ran on this machine, since its last boot, and has ended.
pub(super) fn is_gone(name: &str) -> bool {
    let parts: Vec<&str> = name.split(':').collect();
    let [boot, space, process, start, _] = parts.as_slice() else { return false };
    let (Some(here), Ok(process)) = (machine(), process.parse::<u32>()) else { return false };
    here == format!("{boot}:{space}") && started(process).is_none_or(|now| now != *start)
}

/// The boot of this machine, and the namespace of its process numbers.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let space: String = space.to_str()?.chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}:{space}", boot.trim()))
}

/// When a process started, in the kernel's ticks: process numbers are reused, start times are not. `None` if there is
/// no such process, or if it is a zombie.
fn started(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program is in parentheses and may contain any character.
    let mut rest = stat.rsplit_once(") ")?.1.split(' ');
    let state = rest.next()?;
    (!matches!(state, "Z" | "X")).then(|| rest.nth(18).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_is_not_gone_and_an_ended_process_is() {
        assert!(!is_gone(&name("chance")));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let name = format!("{}:{}:{}:x", machine().unwrap(), child.id(), started(child.id()).unwrap());
        assert!(!is_gone(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&name));
    }

    #[test]
    fn a_reused_process_number_is_not_the_same_owner() {
        let again = format!("{}:{}:1:x", machine().unwrap(), std::process::id());
        assert!(is_gone(&again));
    }

    #[test]
    fn an_owner_of_another_boot_or_container_or_without_a_machine_is_not_called_gone() {
        let (boot, space) =
            machine().unwrap().split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        for name in [format!("other:{space}:1:1:x"), format!("{boot}:1:1:1:x"), "0123456789abcdef".to_owned()]
        {
            assert!(!is_gone(&name), "{name}");
        }
    }
}
