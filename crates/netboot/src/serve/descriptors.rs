//! The limit of open files of the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of this process as far as the system lets it. Says so where fewer descriptors are left
/// than the limits of the configuration may need.
pub(super) fn raise(needed: usize) -> Option<String> {
    let before = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the one before holds.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..before });
    let most = getrlimit(Resource::Nofile).current;
    short(needed, most)
}

fn short(needed: usize, most: Option<u64>) -> Option<String> {
    // None is without a limit.
    let most = most.filter(|most| *most < needed as u64)?;
    Some(format!(
        "the system lets this process open {most} files at a time, and [serve.limits] may need {needed}: \
         raise the limit (LimitNOFILE= of systemd, ulimit -n), or lower theirs"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_descriptors_are_told_of() {
        assert_eq!(short(8000, None), None);
        assert_eq!(short(8000, Some(8000)), None);
        let warning = short(8000, Some(1024)).unwrap();
        assert!(warning.contains("1024 files") && warning.contains("need 8000"), "{warning}");
    }

    #[test]
    fn what_the_system_allows_is_taken() {
        let _ = raise(0);
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
    }
}
