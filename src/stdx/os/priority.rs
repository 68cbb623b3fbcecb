//! What a thread claims of the CPU.
#![expect(unsafe_code, reason = "nice has no safe form in std or nix")]

/// How much less a thread that stepped back claims than the others, in the kernel's steps of nice: a
/// tenth of the time where they compete.
const STEPS: libc::c_int = 10;

/// Makes the calling thread, and the threads it starts from now on, give way to the others of the
/// process: where a CPU has more to do than it can, they are run at once when they wake. On Linux nice
/// is a thread's own; it only ever rises here, which nobody is refused.
pub fn step_back() {
    // SAFETY: no memory is passed, and the call has no effect but on the thread's share of the CPU.
    let _ = unsafe { libc::nice(STEPS) };
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The nice value of the calling thread, field 19 of its stat file.
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("there is a /proc");
        let fields = stat.rsplit_once(") ").expect("the name is in parentheses").1;
        fields.split(' ').nth(16).and_then(|field| field.parse().ok()).expect("a number")
    }

    #[test]
    fn one_thread_steps_back_and_those_it_starts_with_it() {
        let before = niceness();
        let stepped = std::thread::spawn(|| {
            step_back();
            (niceness(), std::thread::spawn(niceness).join().expect("it only looks"))
        });
        let (own, child) = stepped.join().expect("it only steps back");
        assert_eq!((own, child), ((before + STEPS).min(19), (before + STEPS).min(19)));
        assert_eq!(niceness(), before);
    }
}
