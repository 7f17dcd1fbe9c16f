//! Content streams -> [`Ink`]: every glyph with its text and place, and what is painted around it.
//!
//! An interpreter of our own over hayro-syntax's objects and tokens. hayro-interpret was the other choice: its `Device` hides
//! the text state (font size, spacing, render mode 7, advance widths, font weight), builds outlines and colours that text does
//! not need, and maps no character collection to Unicode for embedded fonts; here a page costs little more than its tokens.

mod marked;
mod path;
mod show;
mod state;

use std::collections::HashSet;

use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, Stream};
use hayro_syntax::page::{Page, Resources};

use self::marked::{Actual, Marked};
use self::path::Path;
use self::show::glued_numbers_parted;
use self::state::{Space, State, color_space};
use super::BoundingBox;
use super::font::FontStore;
use super::graphics::{Matrix, Paint};
use super::ink::{Fill, Ink, Picture, Rule};
use super::limits::Limits;
use super::structure::{PageTags, Tag};

/// Groups of optional content that are off.
pub(super) type HiddenGroups = HashSet<ObjectIdentifier>;

/// What the file says about a page beside its content.
#[derive(Clone, Copy)]
pub(super) struct Context<'s> {
    pub(super) hidden_groups: &'s HiddenGroups,
    /// What the structure tree says about the page's marked content.
    pub(super) tags: Option<&'s PageTags>,
    pub(super) limits: &'s Limits,
}

/// Reads the content of a page.
pub(super) fn interpret(page: &Page<'_>, fonts: &mut FontStore, context: Context<'_>) -> Ink {
    let to_page = Matrix(page.initial_transform(true).as_coeffs());
    let (width, height) = page.render_dimensions();
    let visible = BoundingBox { x0: 0.0, y0: 0.0, x1: width, y1: height };
    let mut interpreter = Interpreter {
        ink: Ink::default(),
        fonts,
        hidden_groups: context.hidden_groups,
        tags: context.tags,
        tag: None,
        limits: context.limits,
        operators: 0,
        content_bytes: 0,
        order: 0,
        marked: Vec::new(),
        hidden_depth: 0,
        artifact_depth: 0,
        actual: None,
    };
    let state = State::new(to_page, visible);
    if let Some(data) = contents(page) {
        interpreter.content_bytes += data.len();
        interpreter.run(&data, page.resources(), state.clone(), 0);
    }
    interpreter.annotations(page, &state);
    interpreter.finish_actual();
    interpreter.ink
}

/// The content of a page as one stream, as PDF demands (operators may run over the parts' borders).
fn contents(page: &Page<'_>) -> Option<Vec<u8>> {
    match page.raw().get::<Object<'_>>("Contents")? {
        Object::Stream(stream) => stream.decoded_data().ok().map(|data| data.into_owned()),
        Object::Array(array) => {
            let mut all = Vec::new();
            for stream in array.iter::<Stream<'_>>() {
                if let Ok(data) = stream.decoded_data() {
                    all.extend_from_slice(&data);
                    all.push(b'\n');
                }
            }
            Some(all)
        }
        _ => None,
    }
}

struct Interpreter<'s> {
    ink: Ink,
    fonts: &'s mut FontStore,
    hidden_groups: &'s HiddenGroups,
    /// None within forms: their marked content has numbers of its own.
    tags: Option<&'s PageTags>,
    tag: Option<Tag>,
    limits: &'s Limits,
    operators: u64,
    content_bytes: usize,
    order: u32,
    marked: Vec<Marked>,
    hidden_depth: u32,
    artifact_depth: u32,
    actual: Option<Actual>,
}

impl Interpreter<'_> {
    fn run(&mut self, data: &[u8], resources: &Resources<'_>, mut state: State, depth: u32) {
        if self.content_bytes > self.limits.content_bytes {
            self.ink.limit = Some("content-size");
            return;
        }
        let marked_at_start = self.marked.len();
        let mut stack: Vec<State> = Vec::new();
        let mut path = Path::default();
        let mut clip_pending = false;
        let mut operations = TypedIter::new(data);
        let mut ends = 0;
        loop {
            // The iterator also ends at an operator with bad operands; what follows may be sound.
            let Some(operation) = operations.next() else {
                ends += 1;
                if ends > 8 {
                    break;
                }
                continue;
            };
            ends = 0;
            self.operators += 1;
            if self.operators > self.limits.operators {
                self.ink.limit = Some("operators");
                break;
            }
            if self.ink.glyphs.len() > self.limits.glyphs {
                self.ink.limit = Some("glyphs");
                break;
            }
            match operation {
                Op::SaveState(_) if stack.len() < 512 => stack.push(state.clone()),
                Op::RestoreState(_) => {
                    if let Some(saved) = stack.pop() {
                        state = saved;
                    }
                }
                Op::Transform(m) => {
                    let matrix = Matrix([m.0, m.1, m.2, m.3, m.4, m.5].map(|n| n.as_f64()));
                    state.ctm = matrix.then(&state.ctm);
                }
                Op::LineWidth(width) => state.line_width = width.0.as_f64(),
                Op::SetGraphicsState(name) => self.set_graphics_state(resources.get_ext_g_state(name.0), &mut state),

                Op::MoveTo(p) => path.move_to(p.0.as_f64(), p.1.as_f64()),
                Op::LineTo(p) => path.line_to(&state.ctm, p.0.as_f64(), p.1.as_f64()),
                Op::CubicTo(p) => {
                    path.curve_to(&state.ctm, [(p.0, p.1), (p.2, p.3), (p.4, p.5)].map(|(x, y)| (x.as_f64(), y.as_f64())))
                }
                Op::CubicStartTo(p) => {
                    let from = path.point;
                    path.curve_to(&state.ctm, [from, (p.0.as_f64(), p.1.as_f64()), (p.2.as_f64(), p.3.as_f64())]);
                }
                Op::CubicEndTo(p) => {
                    let end = (p.2.as_f64(), p.3.as_f64());
                    path.curve_to(&state.ctm, [(p.0.as_f64(), p.1.as_f64()), end, end]);
                }
                Op::ClosePath(_) => path.close(&state.ctm),
                Op::RectPath(r) => path.rectangle(&state.ctm, [r.0, r.1, r.2, r.3].map(|n| n.as_f64())),

                Op::StrokePath(_) | Op::CloseAndStrokePath(_) => {
                    self.stroke(&mut path, &state);
                    end_path(&mut path, &mut state, &mut clip_pending);
                }
                Op::FillPathNonZero(_) | Op::FillPathNonZeroCompatibility(_) | Op::FillPathEvenOdd(_) => {
                    self.fill(&mut path, &state);
                    end_path(&mut path, &mut state, &mut clip_pending);
                }
                Op::FillAndStrokeNonZero(_)
                | Op::FillAndStrokeEvenOdd(_)
                | Op::CloseFillAndStrokeNonZero(_)
                | Op::CloseFillAndStrokeEvenOdd(_) => {
                    self.fill(&mut path, &state);
                    self.stroke(&mut path, &state);
                    end_path(&mut path, &mut state, &mut clip_pending);
                }
                Op::EndPath(_) => end_path(&mut path, &mut state, &mut clip_pending),
                Op::ClipNonZero(_) | Op::ClipEvenOdd(_) => clip_pending = true,
                Op::Shading(_) => {
                    self.order += 1;
                    self.ink.fills.push(Fill {
                        bbox: state.clip,
                        paint: Paint::Unknown,
                        opaque: false,
                        exact: false,
                        order: self.order,
                    });
                }

                Op::ColorSpaceNonStroke(name) => {
                    state.fill_space = color_space(resources, name.0);
                    state.fill = state.fill_space.initial();
                }
                Op::ColorSpaceStroke(name) => {
                    state.stroke_space = color_space(resources, name.0);
                    state.stroke = state.stroke_space.initial();
                }
                Op::NonStrokeColor(c) => state.fill = state.fill_space.paint(&c.0.iter().map(|n| n.as_f32()).collect::<Vec<_>>()),
                Op::NonStrokeColorNamed(c) => {
                    state.fill = if c.1.is_some() {
                        Paint::Unknown
                    } else {
                        state.fill_space.paint(&c.0.iter().map(|n| n.as_f32()).collect::<Vec<_>>())
                    };
                }
                Op::StrokeColor(c) => {
                    state.stroke = state.stroke_space.paint(&c.0.iter().map(|n| n.as_f32()).collect::<Vec<_>>())
                }
                Op::StrokeColorNamed(c) => {
                    state.stroke = if c.1.is_some() {
                        Paint::Unknown
                    } else {
                        state.stroke_space.paint(&c.0.iter().map(|n| n.as_f32()).collect::<Vec<_>>())
                    };
                }
                Op::NonStrokeColorDeviceGray(c) => {
                    state.fill_space = Space::Device;
                    state.fill = Paint::from_components(&[c.0.as_f32()]);
                }
                Op::NonStrokeColorDeviceRgb(c) => {
                    state.fill_space = Space::Device;
                    state.fill = Paint::from_components(&[c.0, c.1, c.2].map(|n| n.as_f32()));
                }
                Op::NonStrokeColorCmyk(c) => {
                    state.fill_space = Space::Device;
                    state.fill = Paint::from_components(&[c.0, c.1, c.2, c.3].map(|n| n.as_f32()));
                }
                Op::StrokeColorDeviceGray(c) => state.stroke = Paint::from_components(&[c.0.as_f32()]),
                Op::StrokeColorDeviceRgb(c) => state.stroke = Paint::from_components(&[c.0, c.1, c.2].map(|n| n.as_f32())),
                Op::StrokeColorCmyk(c) => state.stroke = Paint::from_components(&[c.0, c.1, c.2, c.3].map(|n| n.as_f32())),

                Op::BeginText(_) => {
                    state.text = Matrix::IDENTITY;
                    state.line = Matrix::IDENTITY;
                }
                Op::EndText(_) => {}
                Op::CharacterSpacing(v) => state.character_spacing = v.0.as_f64(),
                Op::WordSpacing(v) => state.word_spacing = v.0.as_f64(),
                Op::HorizontalScaling(v) => state.stretch = v.0.as_f64() / 100.0,
                Op::TextLeading(v) => state.leading = v.0.as_f64(),
                Op::TextRise(v) => state.rise = v.0.as_f64(),
                Op::TextRenderingMode(v) => state.mode = v.0.as_i64(),
                Op::TextFont(font) => {
                    state.size = font.1.as_f64();
                    state.font = match resources.get_font(font.0) {
                        Some(dict) => self.fonts.font(&dict),
                        None => self.fonts.fallback(),
                    };
                }
                Op::NextLine(p) => state.next_line(p.0.as_f64(), p.1.as_f64()),
                Op::NextLineAndSetLeading(p) => {
                    state.leading = -p.1.as_f64();
                    state.next_line(p.0.as_f64(), p.1.as_f64());
                }
                Op::SetTextMatrix(m) => {
                    state.line = Matrix([m.0, m.1, m.2, m.3, m.4, m.5].map(|n| n.as_f64()));
                    state.text = state.line;
                }
                Op::NextLineUsingLeading(_) => {
                    let leading = state.leading;
                    state.next_line(0.0, -leading);
                }
                Op::ShowText(text) => {
                    self.order += 1;
                    self.show(&mut state, text.0);
                }
                Op::NextLineAndShowText(text) => {
                    let leading = state.leading;
                    state.next_line(0.0, -leading);
                    self.order += 1;
                    self.show(&mut state, text.0);
                }
                Op::ShowTextWithParameters(text) => {
                    state.word_spacing = text.0.as_f64();
                    state.character_spacing = text.1.as_f64();
                    let leading = state.leading;
                    state.next_line(0.0, -leading);
                    self.order += 1;
                    self.show(&mut state, text.2);
                }
                Op::ShowTexts(items) => match glued_numbers_parted(items.0.data()) {
                    None => self.show_all(&mut state, items.0),
                    Some(mended) => {
                        let mut mended = TypedIter::new(&mended);
                        if let Some(Op::ShowTexts(items)) = mended.next() {
                            self.show_all(&mut state, items.0);
                        }
                    }
                },

                Op::XObject(name) => {
                    if let Some(object) = resources.get_x_object(name.0) {
                        self.x_object(&object, resources, &state, depth);
                    }
                }
                Op::InlineImage(image) => self.image(&state, image.0.dict()),

                Op::BeginMarkedContent(tag) => self.begin_marked(tag.0.as_ref(), None, resources),
                Op::BeginMarkedContentWithProperties(tag) => self.begin_marked(tag.0.as_ref(), Some(tag.1), resources),
                Op::EndMarkedContent(_) if self.marked.len() > marked_at_start => self.end_marked(),
                _ => {}
            }
        }
        while self.marked.len() > marked_at_start {
            self.end_marked();
        }
    }

    fn set_graphics_state(&mut self, dict: Option<Dict<'_>>, state: &mut State) {
        let Some(dict) = dict else { return };
        if let Some(alpha) = dict.get::<f32>("ca") {
            state.fill_alpha = alpha;
        }
        if let Some(width) = dict.get::<f32>("LW") {
            state.line_width = f64::from(width);
        }
        match dict.get::<Object<'_>>("SMask") {
            Some(Object::Dict(_)) => state.blended = true,
            Some(Object::Name(_)) => state.blended = false,
            _ => {}
        }
        if let Some(mode) = dict.get::<Name<'_>>("BM") {
            state.blended |= !matches!(mode.as_ref(), b"Normal" | b"Compatible");
        }
        if let Some(font) = dict.get::<Array<'_>>("Font") {
            let mut items = font.iter::<Object<'_>>();
            if let (Some(Object::Dict(font)), Some(Object::Number(size))) = (items.next(), items.next()) {
                state.font = self.fonts.font(&font);
                state.size = size.as_f64();
            }
        }
    }

    fn fill(&mut self, path: &mut Path, state: &State) {
        path.finish_part();
        self.order += 1;
        let opaque = state.fill_alpha >= 0.98 && !state.blended;
        for part in &path.parts {
            let bbox = part.bbox.intersection(&state.clip);
            if bbox.is_empty() || self.ink.fills.len() >= self.limits.shapes {
                continue;
            }
            if bbox.height() <= 3.0 && bbox.width() >= 6.0 {
                self.ink.rules.push(Rule { bbox, horizontal: true });
            } else if bbox.width() <= 3.0 && bbox.height() >= 6.0 {
                self.ink.rules.push(Rule { bbox, horizontal: false });
            }
            self.ink.fills.push(Fill { bbox, paint: state.fill, opaque, exact: part.is_exact(), order: self.order });
        }
    }

    fn stroke(&mut self, path: &mut Path, state: &State) {
        path.finish_part();
        if state.stroke.looks_like(&Paint::WHITE) {
            return;
        }
        for part in &path.parts {
            for &(x0, y0, x1, y1) in &part.lines {
                let bbox =
                    BoundingBox { x0: x0.min(x1), y0: y0.min(y1), x1: x0.max(x1), y1: y0.max(y1) }.intersection(&state.clip);
                if bbox.is_empty() || self.ink.rules.len() >= self.limits.shapes {
                    continue;
                }
                if bbox.width() >= 6.0 || bbox.height() >= 6.0 {
                    self.ink.rules.push(Rule { bbox, horizontal: bbox.width() >= bbox.height() });
                }
            }
        }
    }

    fn image(&mut self, state: &State, dict: &Dict<'_>) {
        self.order += 1;
        let bbox = state.ctm.apply_to_box(0.0, 0.0, 1.0, 1.0).intersection(&state.clip);
        let masked = ["SMask", "Mask", "IM", "ImageMask", "SMaskInData"].iter().any(|key| dict.contains_key(key));
        let opaque = !masked && state.fill_alpha >= 0.98 && !state.blended && state.ctm.keeps_axes();
        if !bbox.is_empty() && self.ink.images.len() < self.limits.shapes {
            self.ink.images.push(Picture { bbox, opaque, order: self.order });
        }
    }

    fn x_object(&mut self, object: &Stream<'_>, parent: &Resources<'_>, state: &State, depth: u32) {
        let dict = object.dict();
        match dict.get::<Name<'_>>("Subtype").as_ref().map(|name| name.as_ref().to_vec()).as_deref() {
            Some(b"Image") => self.image(state, dict),
            Some(b"Form") | None => {
                if depth >= self.limits.nesting {
                    self.ink.limit = Some("nesting");
                    return;
                }
                let hides = dict.get_raw::<Dict<'_>>("OC").is_some_and(|raw| {
                    let id = raw.as_obj_ref().map(ObjectIdentifier::from);
                    self.is_group_hidden(id, dict.get::<Dict<'_>>("OC").as_ref())
                });
                let Ok(data) = object.decoded_data() else { return };
                self.content_bytes += data.len();
                let mut inner = state.clone();
                if let Some(matrix) = dict.get::<[f64; 6]>("Matrix") {
                    inner.ctm = Matrix(matrix).then(&inner.ctm);
                }
                if let Some([x0, y0, x1, y1]) = dict.get::<[f64; 4]>("BBox") {
                    inner.clip = inner.clip.intersection(&inner.ctm.apply_to_box(x0, y0, x1, y1));
                }
                let own = dict.get::<Dict<'_>>("Resources").map(Resources::new);
                self.hidden_depth += u32::from(hides);
                let tags = self.tags.take();
                self.run(&data, own.as_ref().unwrap_or(parent), inner, depth + 1);
                self.tags = tags;
                self.hidden_depth -= u32::from(hides);
            }
            Some(_) => {}
        }
    }

    /// The appearances of form fields and free-text notes: printed with the page, so part of what it says.
    fn annotations(&mut self, page: &Page<'_>, state: &State) {
        const HIDDEN: i32 = 1 << 1;
        const NO_VIEW: i32 = 1 << 5;
        let Some(annotations) = page.raw().get::<Array<'_>>("Annots") else { return };
        for annotation in annotations.iter::<Dict<'_>>().take(5_000) {
            let shown = annotation
                .get::<Name<'_>>("Subtype")
                .is_some_and(|name| matches!(name.as_ref(), b"Widget" | b"FreeText" | b"Stamp"));
            let flags = annotation.get::<i32>("F").unwrap_or(0);
            if !shown || flags & (HIDDEN | NO_VIEW) != 0 {
                continue;
            }
            let Some(normal) = annotation.get::<Dict<'_>>("AP").and_then(|appearance| appearance.get::<Object<'_>>("N")) else {
                continue;
            };
            let stream = match normal {
                Object::Stream(stream) => Some(stream),
                Object::Dict(states) => annotation.get::<Name<'_>>("AS").and_then(|name| states.get::<Stream<'_>>(name.as_ref())),
                _ => None,
            };
            let (Some(stream), Some(rect)) = (stream, annotation.get::<[f64; 4]>("Rect")) else { continue };
            let bbox = stream.dict().get::<[f64; 4]>("BBox").unwrap_or([0.0, 0.0, 1.0, 1.0]);
            let matrix = Matrix(stream.dict().get::<[f64; 6]>("Matrix").unwrap_or(Matrix::IDENTITY.0));
            let drawn = matrix.apply_to_box(bbox[0], bbox[1], bbox[2], bbox[3]);
            if drawn.is_empty() || drawn.width() <= 0.0 || drawn.height() <= 0.0 {
                continue;
            }
            let (x0, x1) = (rect[0].min(rect[2]), rect[0].max(rect[2]));
            let (y0, y1) = (rect[1].min(rect[3]), rect[1].max(rect[3]));
            let sx = (x1 - x0) / f64::from(drawn.width());
            let sy = (y1 - y0) / f64::from(drawn.height());
            let fit = Matrix([sx, 0.0, 0.0, sy, x0 - f64::from(drawn.x0) * sx, y0 - f64::from(drawn.y0) * sy]);
            let mut inner = state.clone();
            inner.ctm = fit.then(&inner.ctm);
            self.x_object(&stream, page.resources(), &inner, 0);
        }
    }
}

fn end_path(path: &mut Path, state: &mut State, clip_pending: &mut bool) {
    if std::mem::take(clip_pending) {
        path.finish_part();
        let bbox = path.parts.iter().fold(BoundingBox::NOTHING, |all, part| all.union(&part.bbox));
        state.clip = state.clip.intersection(&bbox);
    }
    *path = Path::default();
}
