//! Which system calls the server keeps once its ports are open.
//!
//! An attacker who gets to run code in the server finds no `execve`, `ptrace` or `mount`, no new kind of
//! socket, no memory that is both written and run, and no kernel interface that the server has no use for.
//! The list is what the program, its runtime and the C library call, and the near relatives of those calls
//! that another version of the C library may choose instead. A call that is not on it fails with `EPERM`.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Calls whose arguments do not matter.
const CALLS: &[libc::c_long] = &[
    // Files: read what is served, write leases.
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_writev,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_linkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    // A lease log that root makes belongs to the owner of its folder.
    libc::SYS_fchown,
    libc::SYS_utimensat,
    libc::SYS_umask,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    // Sockets; `socket` itself is below.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendfile,
    libc::SYS_splice,
    // SIOCGIF… and SIOCSARP, FIONBIO and TCGETS.
    libc::SYS_ioctl,
    libc::SYS_pipe2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // Memory; `mmap` and `mprotect` are below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mincore,
    // Threads and time; `clone` is below. `clone3` is refused by a filter that comes first.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_get_robust_list,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_membarrier,
    libc::SYS_prctl,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setattr,
    libc::SYS_sched_getattr,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_getpriority,
    libc::SYS_setpriority,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals: handlers, and the one that `abort` sends.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Questions about itself and the machine.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getcpu,
];

/// Older forms of the same calls, which only x86-64 has.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// Kinds of sockets: IPv4, IPv6, the socket of the service manager, and what the kernel knows of interfaces.
const FAMILIES: [i32; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

/// Refuses every other system call to this thread, and to the threads that it makes from now on.
///
/// Returns what was done, as a text for the log; a machine or kernel without such filters is no error.
pub(super) fn restrict() -> Result<&'static str, Error> {
    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok("makes any system call: there is no filter for this processor");
    };
    // A filter cannot look at the flags of `clone3`. Where that call is unknown, the C library makes
    // threads by `clone`, so the kernel's answer to an unknown call is given.
    let unknown = SeccompAction::Errno(Errno::ENOSYS as u32);
    let clone3 = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    let first = compile(SeccompFilter::new(clone3, SeccompAction::Allow, unknown, target)?)?;
    let refused = SeccompAction::Errno(Errno::EPERM as u32);
    let second = compile(SeccompFilter::new(rules()?, refused, SeccompAction::Allow, target)?)?;
    for filter in [&first, &second] {
        match apply_filter(filter) {
            // EINVAL: the kernel was built without filters. ENOSYS: without seccomp. EPERM, EACCES: another
            // filter, such as that of a container, refuses to add one.
            Err(Error::Seccomp(error))
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES)
                ) =>
            {
                return Ok(
                    "makes any system call that it may: no filter can be added here (seccomp)",
                );
            }
            applied => applied?,
        }
    }
    Ok("makes only the system calls that serving needs (seccomp)")
}

fn compile(filter: SeccompFilter) -> Result<BpfProgram, BackendError> {
    filter.try_into()
}

/// Call → the arguments with which it is allowed; no rule allows any.
fn rules() -> Result<BTreeMap<libc::c_long, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<_, _> =
        CALLS.iter().chain(OLDER).map(|&call| (call, Vec::new())).collect();
    let families = FAMILIES.map(|family| argument(0, SeccompCmpOp::Eq, family));
    rules.insert(libc::SYS_socket, families.into_iter().collect::<Result<_, _>>()?);
    let unix = argument(0, SeccompCmpOp::Eq, libc::AF_UNIX)?;
    rules.insert(libc::SYS_socketpair, vec![unix]);
    // The program is mapped; nothing more becomes executable.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let not_executable = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
        rules.insert(call, vec![argument(2, not_executable, 0)?]);
    }
    // A thread, but no process and no namespace.
    let looked_at = libc::CLONE_THREAD
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    let flags = SeccompCmpOp::MaskedEq(u64::from(looked_at.cast_unsigned()));
    rules.insert(libc::SYS_clone, vec![argument(0, flags, libc::CLONE_THREAD)?]);
    Ok(rules)
}

fn argument(number: u8, compare: SeccompCmpOp, value: i32) -> Result<SeccompRule, BackendError> {
    let value = u64::from(value.cast_unsigned());
    let condition = SeccompCondition::new(number, SeccompCmpArgLen::Dword, compare, value)?;
    SeccompRule::new(vec![condition])
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::net::{TcpListener, UdpSocket};
    use std::process::Command;
    use std::thread;

    use rustix::net::{AddressFamily, SocketType, socket};
    use tempfile::NamedTempFile;

    use super::*;

    /// Runs `work` in a thread that has the filters. They end with that thread.
    fn restricted<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let confined = scope.spawn(|| {
                let done = restrict().unwrap();
                assert!(done.starts_with("makes only"), "{done}");
                work()
            });
            confined.join().unwrap()
        })
    }

    fn refused<T>(result: Result<T, impl Into<io::Error>>) -> bool {
        result.is_err_and(|error| error.into().raw_os_error() == Some(libc::EPERM))
    }

    #[test]
    fn no_program_is_started() {
        assert!(restricted(|| refused(Command::new("true").status())));
    }

    #[test]
    fn no_other_kind_of_socket_is_opened() {
        restricted(|| {
            for family in [AddressFamily::PACKET, AddressFamily::VSOCK, AddressFamily::CAN] {
                assert!(refused(socket(family, SocketType::RAW, None)), "{family:?}");
            }
        });
    }

    #[test]
    fn no_name_changes_its_owner_and_the_root_stays() {
        restricted(|| {
            assert!(refused(std::os::unix::fs::chroot("/")));
            assert!(refused(std::os::unix::fs::chown("/", None, None)));
        });
    }

    #[test]
    fn what_serving_needs_goes_on() {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "served").unwrap();
        restricted(|| {
            let mut text = String::new();
            std::fs::File::open(file.path()).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "served");
            UdpSocket::bind("127.0.0.1:0").unwrap();
            TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
            nix::ifaddrs::getifaddrs().unwrap();
            // The allocator maps a block of this size by itself.
            assert_eq!(
                vec![1_u8; 64 << 20].iter().map(|&byte| u64::from(byte)).sum::<u64>(),
                64 << 20
            );
            // A thread inherits the filters and may make others.
            let inner = thread::spawn(|| refused(Command::new("true").status()));
            assert!(inner.join().unwrap());
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                tokio::fs::metadata("/").await.unwrap();
            });
        });
    }
}
