//! The child: gives up what it does not need, then reads the file.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

use super::protocol::{self, Frame, Request, Task, VERSION};
use crate::document::render::{Rendered, render_pages};
use crate::document::{DocumentError, Limits, read_pages};

/// The `worker` command: one file from standard input, frames to standard output.
///
/// # Errors
/// Where standard input or output fail; what is wrong with the file is an answer, not an error.
pub fn serve() -> io::Result<()> {
    // A worker without a parent has nobody to work for.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let request: Request = protocol::read(&mut input)?
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "no request on standard input"))?;
    if request.version != VERSION {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the request is from another version of scrutineer"));
    }
    confine(&request.options.limits);
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    drop(input);
    rehearse_fault(&request.task, &mut output)?;
    // A panic in a parser is a crash of this file, told as such; the parent would else learn only of an exit code.
    let result = catch_unwind(AssertUnwindSafe(|| answer(bytes, &request, &mut output)));
    match result {
        Ok(result) => result,
        Err(panic) => {
            let detail = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("without a message");
            protocol::write(&mut output, &Frame::Failed(DocumentError::Crashed { detail: format!("panic: {detail}") }))
        }
    }
}

fn answer(bytes: Vec<u8>, request: &Request, output: &mut impl Write) -> io::Result<()> {
    let bytes = Arc::new(bytes);
    // A parent that is gone is noticed when the next page is written.
    let mut broken_pipe = None;
    let mut gone = |error| {
        broken_pipe = Some(error);
        DocumentError::Crashed { detail: "the parent is gone".to_owned() }
    };
    let output = std::cell::RefCell::new(output);
    let send = |frame: &Frame| protocol::write(*output.borrow_mut(), frame);
    let last = match &request.task {
        Task::Read => {
            let facts = read_pages(
                bytes,
                &request.options,
                &mut |pages| {
                    let _ = send(&Frame::Opened { version: VERSION, pages });
                },
                &mut |page| {
                    send(&Frame::Page(Box::new(page))).map_err(&mut gone)?;
                    if fault().as_deref() == Some("hang-after-page") {
                        hang();
                    }
                    Ok(())
                },
            );
            facts.map(|facts| Frame::Done(Box::new(facts)))
        }
        Task::Render(pages) => {
            let rendered = render_pages(bytes, &request.options, pages, &mut |page| {
                let frame = match page {
                    Rendered::Picture(picture) => Frame::Picture(Box::new(picture)),
                    Rendered::Broken(page, detail) => Frame::NoPicture { page, detail },
                };
                send(&frame).map_err(&mut gone)
            });
            rendered.map(|()| Frame::AllRendered)
        }
    };
    if let Some(error) = broken_pipe {
        return Err(error);
    }
    send(&last.unwrap_or_else(Frame::Failed))
}

/// Bounds memory and processor time and shuts off the file system. Best effort: an old kernel lacks landlock, and the limits may
/// be lower already.
fn confine(limits: &Limits) {
    let set = |resource, current: u64, maximum: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) });
    };
    let bound = |resource, value: u64| set(resource, value, value);
    bound(Resource::Data, limits.memory_megabytes << 20);
    // SIGXCPU at the first limit tells what happened; the second kills what ignores it.
    set(Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds + 2);
    bound(Resource::Core, 0);
    bound(Resource::Fsize, 0);
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(ABI::V5));
    if let Ok(ruleset) = ruleset.and_then(|ruleset| ruleset.create()) {
        let _ = ruleset.restrict_self();
    }
}

/// The fault to rehearse, so that the parent's answer to each can be tested: SCRUTINEER_WORKER_FAULT = hang, hang-after-page,
/// spin, crash, oom or rubbish; with `render-` before it, when pages are rendered and not before. Read by the worker alone.
fn fault() -> Option<String> {
    std::env::var("SCRUTINEER_WORKER_FAULT").ok()
}

fn hang() -> ! {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

fn rehearse_fault(task: &Task, output: &mut impl Write) -> io::Result<()> {
    let named = fault();
    let fault = match task {
        Task::Read => named.as_deref(),
        Task::Render(_) => named.as_deref().and_then(|named| named.strip_prefix("render-")),
    };
    match fault {
        Some("hang") => hang(),
        Some("crash") => std::process::abort(),
        Some("spin") => {
            let mut count = 0_u64;
            loop {
                count = std::hint::black_box(count.wrapping_add(1));
            }
        }
        Some("oom") => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(std::hint::black_box(vec![1; 16 << 20]));
            }
        }
        Some("rubbish") => output.write_all(b"this is no frame at all, and it is long enough"),
        _ => Ok(()),
    }
}
