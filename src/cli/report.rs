//! The end of a batch for people: the same figures as `runs/RUN/report.json`.

use std::fmt::Write as _;

use super::terminal::harmless;
use crate::config::UiLanguage;
use crate::pipeline::report::Report;

/// Lists longer than this are cut, with a word on where the whole is.
const LONGEST_LIST: usize = 20;

/// The report as text, in the reader's language.
pub(super) fn render(report: &Report, language: UiLanguage) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, report, language);
    out
}

fn write(out: &mut String, report: &Report, language: UiLanguage) -> std::fmt::Result {
    let say = |english, chinese| language.pick(english, chinese);
    let (inputs, pages, sentences, flags, delivery) =
        (&report.inputs, &report.pages, &report.sentences, &report.flags, &report.delivery);
    writeln!(
        out,
        "{} {}  {}–{}  {} {}  exit {}",
        say("Run", "執行"),
        report.run,
        clock(&report.started),
        clock(&report.ended),
        say("pipeline", "流程"),
        report.pipeline,
        report.exit
    )?;
    write!(out, "{} {} = {} {}", say("Inputs", "輸入"), inputs.total, say("done", "完成"), inputs.done)?;
    let states = [
        (say("unchanged", "未變更"), inputs.unchanged),
        (say("duplicate", "重複"), inputs.duplicate),
        (say("quarantined", "隔離"), inputs.quarantined),
        (say("failed", "失敗"), inputs.failed),
        (say("not started", "未開始"), inputs.not_started),
    ];
    for (name, count) in states.into_iter().filter(|(_, count)| *count > 0) {
        write!(out, " · {name} {count}")?;
    }
    if inputs.skipped > 0 {
        write!(out, "  ({} {})", inputs.skipped, say("other files not read", "個其他檔案未讀"))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "{} {}: {} {} · OCR {} · {} {} · {} {}",
        say("Pages", "頁數"),
        thousands(pages.total),
        say("text", "文字"),
        thousands(pages.text),
        thousands(pages.ocr),
        say("blank", "空白"),
        thousands(pages.blank),
        say("unread", "無法讀取"),
        thousands(pages.unread)
    )?;
    for input in report.input_states.iter().filter(|input| !input.unread_pages.is_empty()).take(LONGEST_LIST) {
        let list: Vec<String> = input.unread_pages.iter().take(LONGEST_LIST).map(|page| format!("p.{page}")).collect();
        let more = if input.unread_pages.len() > LONGEST_LIST { "…" } else { "" };
        writeln!(out, "  {} {}: {}{more}", say("unread", "無法讀取"), harmless(&input.path), list.join(" "))?;
    }
    writeln!(
        out,
        "{} {}: {} {} · {} {} · {} {} · {} {}",
        say("Generated", "生成"),
        sentences.generated,
        say("supported", "有來源支持"),
        sentences.supported,
        say("contradicted", "與來源牴觸"),
        sentences.contradicted,
        say("not-found", "查無依據"),
        sentences.not_found,
        say("not-checkable", "無法核對"),
        sentences.not_checkable
    )?;
    writeln!(
        out,
        "  → {} {} · {} {} · {} {}   {} {} ({})",
        say("released", "採用"),
        sentences.released,
        say("replaced", "改為摘錄"),
        sentences.replaced,
        say("dropped", "刪除"),
        sentences.dropped,
        say("Quoted", "原文摘錄"),
        sentences.quoted,
        say("not counted", "不計入")
    )?;
    if sentences.uncited > 0 {
        let thrown_away = say("thrown away unread, as they cite nothing", "未引用來源而捨棄");
        writeln!(out, "  {thrown_away} {}", sentences.uncited)?;
    }
    writeln!(
        out,
        "{} {} → {} {} · {} {} · {} {} · {} {}",
        say("Flags", "風險訊號"),
        flags.live,
        say("new", "新增"),
        flags.new,
        say("updated", "更新"),
        flags.updated,
        say("withdrawn", "撤回"),
        flags.withdrawn,
        say("in review", "待覆核"),
        flags.in_review
    )?;
    writeln!(
        out,
        "{} {} {} · {} {} · {} {} · {} {}",
        say("Delivery", "送案"),
        say("queued", "本次排入"),
        delivery.queued,
        say("ok", "已送達"),
        delivery.delivered,
        say("waiting", "等待"),
        delivery.pending + delivery.retry,
        say("dead", "失敗"),
        delivery.dead
    )?;
    write_speed(out, report, language)?;
    for input in report.input_states.iter().filter(|input| matches!(input.state.as_str(), "quarantined" | "failed")) {
        let state = if input.state == "failed" { say("FAILED", "失敗") } else { say("QUARANTINE", "隔離") };
        let reason = input.reason.as_deref().unwrap_or("unknown");
        let message = input.message.as_deref().unwrap_or_default();
        write!(out, "{state:<10}  {}  {reason}: {}", harmless(&input.path), harmless(message))?;
        match &input.remedy {
            Some(remedy) => writeln!(out, "\n            → {}", harmless(remedy))?,
            None => writeln!(out)?,
        }
    }
    for warning in report.warnings.iter().take(LONGEST_LIST) {
        writeln!(out, "{:<10}  {}", say("WARNING", "警告"), harmless(warning))?;
    }
    if report.warnings.len() > LONGEST_LIST {
        let more = report.warnings.len() - LONGEST_LIST;
        writeln!(out, "            {} {more} {}", say("and", "另有"), say("more in report.json", "項見 report.json"))?;
    }
    if let Some(checkpoint) = &report.checkpoint {
        writeln!(out, "{}  {}  seq {}", say("Checkpoint", "檢核點"), checkpoint.path, thousands_wide(checkpoint.sequence))?;
    }
    Ok(())
}

fn write_speed(out: &mut String, report: &Report, language: UiLanguage) -> std::fmt::Result {
    let speed = &report.speed;
    write!(
        out,
        "{} {:.0} s · {:.1} {}",
        language.pick("Time", "時間"),
        speed.seconds,
        speed.pages_per_second,
        language.pick("pages/s", "頁/秒")
    )?;
    if let Some(memory) = speed.peak_memory_mb {
        write!(out, " · {} {memory} MB", language.pick("peak memory", "記憶體高點"))?;
    }
    for (stage, figures) in speed.stages.iter().filter(|(_, figures)| figures.pages > 0) {
        write!(out, " · {stage} {:.1}", figures.pages_per_second)?;
    }
    writeln!(out)
}

/// `2026-11-27T22:00:05Z` as `22:00`.
fn clock(time: &str) -> &str {
    time.get(11..16).unwrap_or(time)
}

fn thousands(count: u32) -> String {
    thousands_wide(u64::from(count))
}

fn thousands_wide(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_in_thousands() {
        assert_eq!([0, 999, 1000, 61_240, 1_234_567].map(thousands_wide), ["0", "999", "1,000", "61,240", "1,234,567"]);
    }
}
