//! Scans: read by the OCR program where there is one, counted as unread where there is not. A script stands in for the program, so
//! that the tests say the same on every machine; those with the real one say so and skip where it is not installed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::context::{Finished, TestContext, fixture, fixture_argument};
use crate::scans::{Grey, rendered, scanned};

/// What the stand-in answers for a page.
const WORDS: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
1\t1\t0\t0\t0\t0\t0\t0\t620\t877\t-1\t\n\
2\t1\t1\t0\t0\t0\t60\t100\t395\t38\t-1\t\n\
5\t1\t1\t1\t1\t1\t60\t100\t80\t38\t96.1\t流動\n\
5\t1\t1\t1\t1\t2\t144\t100\t38\t38\t91.7\t性\n\
5\t1\t1\t1\t1\t3\t186\t100\t80\t38\t88.2\t風險\n\
5\t1\t1\t1\t1\t4\t280\t104\t70\t29\t93.4\tLCR\n\
5\t1\t1\t1\t1\t5\t365\t104\t90\t29\t41.0\t1l8%\n\
5\t1\t2\t1\t1\t1\t60\t300\t190\t38\t95.0\tLiquidity\n\
5\t1\t2\t1\t1\t2\t270\t300\t120\t29\t94.0\tbuffers\n";

/// Writes a stand-in for the program, with what it does to a page, and gives its path. It notes its arguments in `calls.txt`.
fn stand_in(context: &TestContext, to_a_page: &str) -> PathBuf {
    context.write("words.tsv", WORDS);
    let folder = context.path("");
    let script = format!(
        "#!/bin/sh\ncd {folder}\ncase \"$1\" in\n--version) echo 'tesseract 5.3.0'; exit;;\n--list-langs) printf 'List of available \
         languages (3):\\nchi_tra\\neng\\nosd\\n'; exit;;\nesac\necho \"$*\" >> calls.txt\n{to_a_page}\n",
        folder = folder.display()
    );
    let source = context.write("stand-in.sh", script);
    let program = context.path("stand-in");
    // Another process writes it: a program that is open for writing anywhere cannot be started.
    let copy = format!("cat {} > {program} && chmod +x {program}", source.display(), program = program.display());
    assert!(std::process::Command::new("sh").args(["-c", &copy]).status().unwrap().success());
    program
}

/// What the stand-in does when it works: it takes the picture, which must be a grey map, and prints its words.
const WORKS: &str = "test \"$(head -c 2)\" = P5 || exit 9\ncat > /dev/null\ncat words.tsv";

fn run(context: &TestContext, program: &Path, arguments: &[&str]) -> Finished {
    context.finish(context.command(arguments).env("SCRUTINEER_TESSERACT", program))
}

fn calls(context: &TestContext) -> Vec<String> {
    std::fs::read_to_string(context.path("calls.txt")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A small sheet with a black bar: what a scan is to a program that does not look at it.
fn sheet() -> Grey {
    let mut grey = Grey { width: 620, height: 877, pixels: vec![255; 620 * 877] };
    grey.pixels[620 * 400..620 * 410].fill(0);
    grey
}

fn extracted(context: &TestContext, program: &Path, files: &[&str]) -> Finished {
    let arguments: Vec<&str> =
        ["extract"].iter().chain(files).chain(&["--ocr", "auto", "--out", "text", "--json"]).copied().collect();
    run(context, program, &arguments)
}

#[test]
fn a_scan_is_read_into_words_with_boxes_and_confidence() {
    let context = TestContext::new();
    let program = stand_in(&context, WORKS);
    context.write("scan.pdf", scanned(&[sheet()], 200.0, 0));
    extracted(&context, &program, &["scan.pdf"]).expect_code(0);
    let page = &context.json("text/scan.json")["pages"][0];
    assert_eq!(page["state"], "ocr");
    assert_eq!(page["text"], "流動性風險LCR 1l8%\n\nLiquidity buffers");
    assert_eq!(
        page["ocr"],
        serde_json::json!({
            "engine": "tesseract", "version": "5.3.0", "languages": "chi_tra+eng", "confidence": 86, "words": 7, "doubtful_words": 1,
        })
    );
    let words = page["words"].as_array().unwrap();
    let texts: Vec<&str> = words.iter().map(|word| word["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["流動性風險", "LCR", "1l8%", "Liquidity", "buffers"]);
    assert_eq!(words.iter().map(|word| word["confidence"].as_u64().unwrap()).collect::<Vec<_>>(), [88, 93, 41, 95, 94]);
    // 200 pixels are 72 points.
    let at = |key: &str| words[3][key].as_f64().unwrap();
    assert!((at("x0") - 21.6).abs() < 0.1 && (at("y0") - 108.0).abs() < 0.1, "{}", words[3]);
    assert!((at("x1") - 90.0).abs() < 0.1 && (at("y1") - 121.7).abs() < 0.1, "{}", words[3]);
    assert_eq!(calls(&context), ["stdin stdout --dpi 200 -l chi_tra+eng --psm 3 tsv"]);
}

#[test]
fn text_costs_no_ocr_and_scans_are_hinted_at_where_it_is_off() {
    let context = TestContext::new();
    let program = stand_in(&context, WORKS);
    let text = fixture_argument("policy-board-minutes-2024-03.pdf");
    extracted(&context, &program, &[&text]).expect_code(0);
    assert_eq!(calls(&context), Vec::<String>::new());
    assert_eq!(context.json("text/policy-board-minutes-2024-03.json")["pages"][0]["state"], "text");
    context.write("scan.pdf", scanned(&[sheet()], 200.0, 0));
    let finished = run(&context, &program, &["extract", "scan.pdf", "--out", "text"]).expect_code(0);
    assert!(finished.stdout.contains("1 of the unread pages are scans: --ocr auto reads them"), "{}", finished.stdout);
    assert_eq!(context.json("text/scan.json")["pages"][0]["state"], "scan");
    assert_eq!(calls(&context), Vec::<String>::new());
}

#[test]
fn a_program_that_misbehaves_costs_the_page_and_is_told() {
    let context = TestContext::new();
    context.write("scan.pdf", scanned(&[sheet()], 200.0, 0));
    for (to_a_page, said) in [
        ("cat > /dev/null; echo Segmentation fault", "cannot be used: it lacks the head line"),
        ("cat > /dev/null; head -c 300 /dev/urandom", "cannot be used"),
        ("echo 'Error opening data file chi_tra.traineddata' >&2; exit 1", "Error opening data file"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let program = stand_in(&context, to_a_page);
        let finished = extracted(&context, &program, &["scan.pdf"]).expect_code(0);
        let file = &finished.json()["files"][0];
        assert_eq!((&file["unread_pages"], &file["ocr_pages"]), (&1.into(), &0.into()), "{to_a_page}");
        let warnings = file["warnings"].to_string();
        assert!(warnings.contains("page 1: the scan was not read") && warnings.contains(said), "{to_a_page}: {warnings}");
    }
    let program = context.path("stand-in");
    std::fs::remove_file(&program).unwrap();
    let finished = extracted(&context, &program, &["scan.pdf"]).expect_code(0);
    let warnings = finished.json()["files"][0]["warnings"].to_string();
    assert!(warnings.contains("p.1 is a scan and was not read"), "{warnings}");
    assert!(warnings.contains("apt install tesseract-ocr tesseract-ocr-chi-tra"), "{warnings}");
}

#[test]
fn pages_that_break_the_renderer_cost_themselves() {
    let context = TestContext::new();
    let program = stand_in(&context, WORKS);
    context.write("scan.pdf", scanned(&[sheet(), sheet()], 200.0, 0));
    for (fault, said) in [("render-crash", "signal 6"), ("render-oom", "needs more than 1024 MB of memory")] {
        let mut command = context.command(&["extract", "scan.pdf", "--ocr", "auto", "--out", "text", "--json"]);
        let finished = context.finish(command.env("SCRUTINEER_TESSERACT", &program).env("SCRUTINEER_WORKER_FAULT", fault));
        let file = finished.expect_code(0).json()["files"][0].clone();
        assert_eq!(file["unread_pages"], 2, "{file}");
        assert!(file["warnings"].to_string().contains(said), "{fault}: {file}");
    }
}

#[test]
fn a_scan_waits_for_the_program_and_is_then_read_once() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "");
    context.copy_fixture("policy-board-minutes-2024-03.pdf", "inbox/minutes.pdf");
    context.write("inbox/scan.pdf", scanned(&[sheet(), sheet()], 200.0, 0));
    let finished = context.run(&["run", &pipeline, "inbox"]).expect_code(3);
    assert!(finished.stdout.contains("unread inbox/scan.pdf: p.1"), "{}", finished.stdout);
    assert!(finished.stdout.contains("apt install tesseract-ocr tesseract-ocr-chi-tra"), "{}", finished.stdout);
    assert_eq!(context.latest_report()["inputs"]["quarantined"], 0);

    // Installed, it reads the scan; nothing else is done again.
    let program = stand_in(&context, WORKS);
    run(&context, &program, &["run", &pipeline, "inbox"]).expect_code(0);
    let report = context.latest_report();
    assert_eq!((&report["inputs"]["done"], &report["inputs"]["unchanged"]), (&1.into(), &1.into()), "{}", report["inputs"]);
    assert_eq!((&report["pages"]["ocr"], &report["pages"]["unread"]), (&2.into(), &0.into()), "{}", report["pages"]);
    assert_eq!(report["speed"]["stages"]["read"], Value::Null, "the file itself is not read again: {}", report["speed"]);
    assert!(report["warnings"].to_string().contains("the text of p.1-2 was recognised by OCR (tesseract 5.3.0)"), "{report:#}");
    let shown = run(&context, &program, &["show", "scan", "--page", "2"]).expect_code(0).stdout;
    let told = "Recognised by OCR (tesseract 5.3.0, chi_tra+eng): confidence 86 %, 1 of 7 words doubtful: 1l8%";
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains(told), "{shown}");
    let page = run(&context, &program, &["show", "scan", "--page", "2", "--json"]).expect_code(0).json();
    assert_eq!((&page["state"], &page["doubtful"][0]["text"]), (&"ocr".into(), &"1l8%".into()));
    let hits = run(&context, &program, &["search", "流動性風險", "--json"]).expect_code(0).stdout;
    assert!(hits.contains("scan"), "{hits}");

    let before = calls(&context);
    run(&context, &program, &["run", &pipeline, "inbox"]).expect_code(0);
    assert_eq!(context.latest_report()["inputs"]["unchanged"], 2);
    assert_eq!(calls(&context), before);
}

#[test]
fn a_page_that_hangs_the_program_is_tried_again_and_the_others_are_kept() {
    let context = TestContext::new();
    let pipeline = context.pipeline("test.toml", "[document]\nocr_timeout_seconds = 1\n");
    context.write("inbox/scan.pdf", scanned(&[sheet(), sheet()], 200.0, 0));
    // The first call works; later ones hang, with a child of their own.
    let hangs = format!("if [ $(wc -l < calls.txt) -gt 1 ]; then sleep 60 & wait; fi\n{WORKS}");
    let finished = run(&context, &stand_in(&context, &hangs), &["run", &pipeline, "inbox"]).expect_code(3);
    assert!(finished.stdout.contains("OCR of the page took longer than 1 s"), "{}", finished.stdout);
    assert_eq!(context.latest_report()["pages"]["ocr"], 1);
    std::fs::remove_file(context.path("calls.txt")).unwrap();
    run(&context, &stand_in(&context, WORKS), &["run", &pipeline, "inbox"]).expect_code(0);
    assert_eq!(context.latest_report()["pages"]["ocr"], 2);
    assert_eq!(calls(&context).len(), 1, "the page that was read is kept");
}

#[test]
fn the_pipeline_file_switches_ocr_off() {
    let context = TestContext::new();
    let program = stand_in(&context, WORKS);
    let pipeline = context.pipeline("test.toml", "[document]\nocr = \"off\"\nmax_unread_pages = 1\n");
    context.write("inbox/scan.pdf", scanned(&[sheet()], 200.0, 0));
    let finished = run(&context, &program, &["run", &pipeline, "inbox"]).expect_code(0);
    assert!(finished.stdout.contains("p.1 is a scan and was not read: OCR is switched off"), "{}", finished.stdout);
    assert_eq!(calls(&context), Vec::<String>::new());
    context.pipeline("wrong.toml", "[document]\nocr = \"sometimes\"\n");
    let finished = context.run(&["pipeline", "check", "wrong.toml"]).expect_code(2);
    assert!(finished.stderr.contains("ocr") && finished.stderr.contains("auto"), "{}", finished.stderr);
}

#[test]
fn doctor_tells_program_version_and_languages() {
    let context = TestContext::new();
    let ocr = |finished: Finished| {
        let checks = finished.json();
        checks.as_array().unwrap().iter().find(|check| check["name"] == "ocr").unwrap().clone()
    };
    let program = stand_in(&context, WORKS);
    let found = ocr(run(&context, &program, &["doctor", "--json"]));
    assert_eq!((&found["state"], &found["detail"]), (&"ok".into(), &"tesseract 5.3.0, languages chi_tra, eng, osd".into()));
    let missing = ocr(run(&context, Path::new("/nowhere/tesseract"), &["doctor", "--json"]));
    assert_eq!(missing["state"], "absent");
    assert!(missing["detail"].as_str().unwrap().contains("apt install tesseract-ocr tesseract-ocr-chi-tra"), "{missing}");
}

/// The real program with both languages; none, with a message, where it is not installed.
fn real_program() -> Option<&'static Path> {
    let asked = std::process::Command::new("tesseract").arg("--list-langs").output();
    let listed = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let has_both = ["eng", "chi_tra"].into_iter().all(|language| listed.lines().any(|line| line == language));
    if !has_both {
        eprintln!("skipped: tesseract with eng and chi_tra is not installed");
    }
    has_both.then_some(Path::new("tesseract"))
}

/// The words of a page with the middles of their boxes.
fn words_of(page: &Value) -> Vec<(String, f64, f64)> {
    let words = page["words"].as_array().unwrap().iter();
    let at = |word: &Value, key: &str| word[key].as_f64().unwrap();
    words
        .map(|word| {
            let middle = ((at(word, "x0") + at(word, "x1")) / 2.0, (at(word, "y0") + at(word, "y1")) / 2.0);
            (word["text"].as_str().unwrap().to_owned(), middle.0, middle.1)
        })
        .collect()
}

/// The share of native words that were recognised, and the largest distance of the boxes of those that stand on the page once.
fn agreement(native: &Value, recognised: &Value) -> (f64, f64) {
    let (native, recognised) = (words_of(native), words_of(recognised));
    let by_text = |words: &[(String, f64, f64)]| {
        let mut map: HashMap<String, Vec<(f64, f64)>> = HashMap::new();
        words.iter().for_each(|(text, x, y)| map.entry(text.clone()).or_default().push((*x, *y)));
        map
    };
    let (expected, found) = (by_text(&native), by_text(&recognised));
    let hits: usize = expected.iter().map(|(text, places)| places.len().min(found.get(text).map_or(0, Vec::len))).sum();
    let apart = expected.iter().filter_map(|(text, places)| match (places.as_slice(), found.get(text)?.as_slice()) {
        ([a], [b]) => Some((a.0 - b.0).hypot(a.1 - b.1)),
        _ => None,
    });
    (hits as f64 / native.len() as f64, apart.fold(0.0, f64::max))
}

#[test]
fn print_is_read_where_it_stands_on_a_turned_page() {
    let Some(program) = real_program() else { return };
    let context = TestContext::new();
    let upright = rendered(&fixture("policy-board-minutes-2024-03.pdf"), 0, 200.0);
    // Put on the sheet sideways, and turned back for display.
    context.write("turned.pdf", scanned(&[upright.turned_left()], 200.0, 90));
    let native = fixture_argument("policy-board-minutes-2024-03.pdf");
    let mut command = context.command(&["extract", "turned.pdf", &native, "--ocr", "auto", "--out", "text"]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    context.finish(command.env("SCRUTINEER_TESSERACT", program).env("PATH", path)).expect_code(0);
    let native = &context.json("text/policy-board-minutes-2024-03.json")["pages"][0];
    let page = &context.json("text/turned.json")["pages"][0];
    let (share, apart) = agreement(native, page);
    assert!(share > 0.97, "{share}: {}", page["text"]);
    assert!(apart < 6.0, "a word is {apart} points from its place");
}

#[test]
fn chinese_print_is_read_without_gaps() {
    let Some(program) = real_program() else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/pdf/dev/pdf/twfin_cbd73eb326.pdf");
    if !file.is_file() {
        eprintln!("skipped: {} is not there; no document with an embedded Chinese font is shipped", file.display());
        return;
    }
    let context = TestContext::new();
    context.write("scan.pdf", scanned(&[rendered(&file, 0, 200.0)], 200.0, 0));
    let native = file.to_string_lossy().into_owned();
    let mut command = context.command(&["extract", "scan.pdf", &native, "--ocr", "auto", "--out", "text"]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    context.finish(command.env("SCRUTINEER_TESSERACT", program).env("PATH", path)).expect_code(0);
    let han = |name: &str| -> String {
        let page = &context.json(&format!("text/{name}.json"))["pages"][0];
        page["text"].as_str().unwrap().chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).collect()
    };
    let text = context.json("text/scan.json")["pages"][0]["text"].as_str().unwrap().to_owned();
    let is_han = |c: &char| ('\u{4e00}'..='\u{9fff}').contains(c);
    let characters: Vec<char> = text.chars().collect();
    let gaps = characters.windows(3).filter(|three| is_han(&three[0]) && three[1] == ' ' && is_han(&three[2])).count();
    let joints = characters.windows(2).filter(|two| is_han(&two[0]) && is_han(&two[1])).count();
    assert!(gaps * 20 < joints, "{gaps} gaps, {joints} joints:\n{text}");
    let (expected, found) = (han("twfin_cbd73eb326"), han("scan"));
    let count = |text: &str| {
        text.chars().fold(HashMap::new(), |mut map: HashMap<char, usize>, c| {
            *map.entry(c).or_default() += 1;
            map
        })
    };
    let (expected, found) = (count(&expected), count(&found));
    let hits: usize = expected.iter().map(|(c, n)| n.min(found.get(c).unwrap_or(&0))).sum();
    let all: usize = expected.values().sum();
    assert!(hits * 100 >= all * 93, "{hits} of {all} characters:\n{text}");
}

/// A page with one image over it: these entries of its dictionary, and these bytes.
fn page_with_image(entries: &str, data: &[u8]) -> Vec<u8> {
    let content = "q 595 0 0 842 0 0 cm /P Do Q";
    let head = format!("<< /Type /XObject /Subtype /Image {entries} /Length {} >>\nstream\n", data.len());
    crate::scans::file(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /P 5 0 R >> >> >>"
            .to_vec(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()).into_bytes(),
        [head.as_bytes(), data, b"\nendstream"].concat(),
    ])
}

#[test]
fn pictures_that_unpack_to_gigabytes_cost_at_most_their_page() {
    let context = TestContext::new();
    let program = stand_in(&context, WORKS);
    let side = 60_000_u32;
    // JBIG2: a page of 60,000 x 60,000 pixels in thirty bytes.
    let mut jbig2 = vec![0, 0, 0, 0, 48, 0, 1, 0, 0, 0, 19];
    jbig2.extend([side, side, 0, 0].iter().flat_map(|value| value.to_be_bytes()));
    jbig2.extend([0, 0, 0]);
    // Deflate in deflate: a quarter of a gigabyte of zeros in a few hundred bytes, said to be more.
    let zeros = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 1 << 28], 1);
    let nested = miniz_oxide::deflate::compress_to_vec_zlib(&zeros, 9);
    let size = format!("/Width {side} /Height {side} /ColorSpace /DeviceRGB /BitsPerComponent 8");
    context.write("flate.pdf", page_with_image(&format!("{size} /Filter [/FlateDecode /FlateDecode]"), &nested));
    let bits = format!("/Width {side} /Height {side} /ColorSpace /DeviceGray /BitsPerComponent 1");
    context.write("jbig2.pdf", page_with_image(&format!("{bits} /Filter /JBIG2Decode"), &jbig2));
    // JPEG 2000: a code stream of that size, cut off after its head.
    let mut jpx = vec![0xff, 0x4f, 0xff, 0x51, 0, 47, 0, 0];
    jpx.extend([side, side, 0, 0, side, side, 0, 0].iter().flat_map(|value| value.to_be_bytes()));
    jpx.extend([0, 3, 7, 1, 1, 7, 1, 1, 7, 1, 1]);
    jpx.extend([
        0xff, 0x52, 0, 12, 0, 0, 0, 1, 0, 0, 4, 4, 0, 1, 0xff, 0x5c, 0, 4, 0x40, 0x40, 0xff, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
    jpx.extend([0xff, 0x93, 0, 0, 0xff, 0xd9]);
    context.write("jpx.pdf", page_with_image(&format!("/Width {side} /Height {side} /Filter /JPXDecode"), &jpx));
    context.write("sound.pdf", scanned(&[sheet()], 200.0, 0));
    let finished = extracted(&context, &program, &["flate.pdf", "jbig2.pdf", "jpx.pdf", "sound.pdf"]).expect_code(0);
    let files = finished.json()["files"].clone();
    eprintln!("{files:#}");
    // Whether such a picture is refused, or comes out blank, is the decoder's matter; the others are read, and memory stays bounded.
    for file in files.as_array().unwrap() {
        assert_eq!((&file["error"], &file["pages"]), (&Value::Null, &1.into()), "{file}");
    }
    assert_eq!(files[3]["ocr_pages"], 1, "{}", files[3]);
}
