//! seccompiler as a peer: see bench/filters/generate.h for the arguments and what is printed.
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::convert::TryInto;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

type Failure = Box<dyn std::error::Error>;

/// The lines of one policy.
struct Flat {
    otherwise: u32,
    matched: u32,
    rules: BTreeMap<i64, Vec<SeccompRule>>,
}

fn action(ret: u32) -> Result<SeccompAction, Failure> {
    match ret & 0xffff_0000 {
        0x7fff_0000 => Ok(SeccompAction::Allow),
        0x0005_0000 => Ok(SeccompAction::Errno(ret & 0xffff)),
        0x8000_0000 => Ok(SeccompAction::KillProcess),
        0x0000_0000 => Ok(SeccompAction::KillThread),
        0x7ffc_0000 => Ok(SeccompAction::Log),
        0x0003_0000 => Ok(SeccompAction::Trap),
        _ => Err(format!("no action {ret:#x}").into()),
    }
}

/// ARGUMENT:BITS:RELATION:MASK:VALUE
fn condition(word: &str) -> Result<SeccompCondition, Failure> {
    let parts: Vec<&str> = word.split(':').collect();
    let mask = u64::from_str_radix(parts[3], 16)?;
    let value = u64::from_str_radix(parts[4], 16)?;
    let (length, all) = match parts[1] {
        "64" => (SeccompCmpArgLen::Qword, u64::MAX),
        _ => (SeccompCmpArgLen::Dword, 0xffff_ffff),
    };
    let operator = match (parts[2], mask & all == all) {
        ("eq", true) => SeccompCmpOp::Eq,
        ("eq", false) => SeccompCmpOp::MaskedEq(mask),
        ("ne", true) => SeccompCmpOp::Ne,
        ("lt", true) => SeccompCmpOp::Lt,
        ("le", true) => SeccompCmpOp::Le,
        ("gt", true) => SeccompCmpOp::Gt,
        ("ge", true) => SeccompCmpOp::Ge,
        _ => return Err(format!("seccompiler has no {} under a mask", parts[2]).into()),
    };
    Ok(SeccompCondition::new(parts[0].parse()?, length, operator, value)?)
}

fn read_flat(text: &str) -> Result<Flat, Failure> {
    let mut flat = Flat { otherwise: 0, matched: 0, rules: BTreeMap::new() };
    let mut matched = None;
    let mut arches = 0;
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "otherwise" => flat.otherwise = u32::from_str_radix(words[1], 16)?,
            "arch" if arches == 1 => return Err("seccompiler makes filters for one ABI".into()),
            "arch" => arches += 1,
            "call" => {
                let ret = u32::from_str_radix(words[3], 16)?;
                if *matched.get_or_insert(ret) != ret {
                    return Err("seccompiler has two actions a filter, this needs more".into());
                }
                let chain = flat.rules.entry(words[1].parse()?).or_default();
                if words.len() > 4 {
                    let all: Result<Vec<_>, _> = words[4..].iter().map(|w| condition(w)).collect();
                    chain.push(SeccompRule::new(all?)?);
                }
            }
            _ => {}
        }
    }
    flat.matched = matched.ok_or("no rule")?;
    Ok(flat)
}

fn build(flat: &Flat) -> Result<BpfProgram, Failure> {
    let filter = SeccompFilter::new(
        flat.rules.clone(),
        action(flat.otherwise)?,
        action(flat.matched)?,
        TargetArch::x86_64,
    )?;
    Ok(filter.try_into()?)
}

/// The system's allocator behind counters of live bytes and of the most at one time.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(live, Relaxed);
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        System.dealloc(block, layout)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Of this process, in nanoseconds.
fn processor_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes the one struct.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// What is printed after "NAME <TAB> ok".
fn generate(corpus: &str, out: &str, rounds: usize, name: &str) -> Result<String, Failure> {
    let flat = read_flat(&fs::read_to_string(format!("{corpus}/{name}.flat"))?)?;
    let before = LIVE.load(Relaxed);
    MOST.store(before, Relaxed);
    let mut peak = 0;
    let mut times = String::new();
    for round in 0..rounds {
        let began = processor_time();
        let program = build(&flat)?;
        times += &format!("\t{}", processor_time() - began);
        if round == 0 {
            peak = MOST.load(Relaxed) - before;
            let bytes: Vec<u8> = program
                .iter()
                .flat_map(|i| {
                    let mut raw = i.code.to_le_bytes().to_vec();
                    raw.extend([i.jt, i.jf]);
                    raw.extend(i.k.to_le_bytes());
                    raw
                })
                .collect();
            fs::write(format!("{out}/{name}.bpf"), bytes)?;
        }
    }
    Ok(format!("{peak}{times}"))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rounds = words[2].parse().expect("ROUNDS is a number");
    for name in &words[3..] {
        match generate(&words[0], &words[1], rounds, name) {
            Ok(figures) => println!("{name}\tok\t{figures}"),
            Err(error) => println!("{name}\tcannot\t{}", error.to_string().replace('\n', " ")),
        }
    }
}
