//! Content streams -> [`Ink`]: every glyph with its text and place, and what is painted around it.
//!
//! An interpreter of our own over hayro-syntax's objects and tokens. hayro-interpret was the other choice: its `Device` hides
//! the text state (font size, spacing, render mode 7, advance widths, font weight), builds outlines and colours that text does
//! not need, and maps no character collection to Unicode for embedded fonts; here a page costs little more than its tokens.

use std::collections::HashSet;
use std::rc::Rc;

use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, Stream, String as PdfString};
use hayro_syntax::page::{Page, Resources};

use super::font::{Code, Font, FontStore, Text};
use super::graphics::{Frame, Matrix, Paint};
use super::limits::Limits;
use super::{BoundingBox, HiddenReason};

/// Everything a page paints that matters for its text.
#[derive(Default)]
pub(super) struct Ink {
    pub(super) glyphs: Vec<Glyph>,
    pub(super) fills: Vec<Fill>,
    pub(super) rules: Vec<Rule>,
    pub(super) images: Vec<Picture>,
    /// Glyphs without a Unicode value.
    pub(super) unmapped: u32,
    /// A limit was reached: the rest of the page was not read.
    pub(super) limit: Option<&'static str>,
}

/// One shown character code.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    pub(super) text: Text,
    pub(super) frame: Frame,
    /// Along the writing direction: from the origin to the end of the advance.
    pub(super) u0: f32,
    pub(super) u1: f32,
    /// The baseline (the middle of the column for vertical writing).
    pub(super) base: f32,
    /// Above and below the baseline, both positive.
    pub(super) ascent: f32,
    pub(super) descent: f32,
    /// Font size as displayed.
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) vertical: bool,
    /// Marked as an artifact (running header, footer, page number) by a tagged file.
    pub(super) artifact: bool,
    pub(super) paint: Paint,
    pub(super) hidden: Option<HiddenReason>,
    /// Place in the painting order, shared with fills and images.
    pub(super) order: u32,
}

impl Glyph {
    /// The box on the page.
    pub(super) fn page_box(&self) -> BoundingBox {
        self.frame.box_to_page(self.u0.min(self.u1), self.base - self.ascent, self.u1.max(self.u0), self.base + self.descent)
    }
}

/// A filled area.
pub(super) struct Fill {
    pub(super) bbox: BoundingBox,
    pub(super) paint: Paint,
    pub(super) opaque: bool,
    /// Whether the box is the area, not only around it.
    pub(super) exact: bool,
    pub(super) order: u32,
}

/// A painted picture.
pub(super) struct Picture {
    pub(super) bbox: BoundingBox,
    pub(super) opaque: bool,
    pub(super) order: u32,
}

/// A straight horizontal or vertical line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) bbox: BoundingBox,
    pub(super) horizontal: bool,
}

/// Groups of optional content that are off.
pub(super) type HiddenGroups = HashSet<ObjectIdentifier>;

/// Reads the content of a page.
pub(super) fn interpret(page: &Page<'_>, fonts: &mut FontStore, hidden_groups: &HiddenGroups, limits: &Limits) -> Ink {
    let to_page = Matrix(page.initial_transform(true).as_coeffs());
    let (width, height) = page.render_dimensions();
    let visible = BoundingBox { x0: 0.0, y0: 0.0, x1: width, y1: height };
    let mut interpreter = Interpreter {
        ink: Ink::default(),
        fonts,
        hidden_groups,
        limits,
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

#[derive(Clone)]
struct State {
    ctm: Matrix,
    clip: BoundingBox,
    fill: Paint,
    stroke: Paint,
    fill_space: Space,
    stroke_space: Space,
    fill_alpha: f32,
    /// A soft mask or blend mode is set: what is painted may show what lies beneath.
    blended: bool,
    font: Option<Rc<Font>>,
    size: f64,
    character_spacing: f64,
    word_spacing: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
    mode: i64,
    text: Matrix,
    line: Matrix,
    line_width: f64,
}

impl State {
    fn new(ctm: Matrix, clip: BoundingBox) -> Self {
        Self {
            ctm,
            clip,
            fill: Paint::BLACK,
            stroke: Paint::BLACK,
            fill_space: Space::Device,
            stroke_space: Space::Device,
            fill_alpha: 1.0,
            blended: false,
            font: None,
            size: 1.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            mode: 0,
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
            line_width: 1.0,
        }
    }

    fn next_line(&mut self, tx: f64, ty: f64) {
        self.line = Matrix([1.0, 0.0, 0.0, 1.0, tx, ty]).then(&self.line);
        self.text = self.line;
    }
}

/// What the components of `sc`/`scn` mean.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Space {
    /// Grey, RGB or CMYK, by their number.
    Device,
    /// One tint of an ink that is not known: 0 is no ink.
    Tint,
    Unknown,
}

impl Space {
    fn of(object: Option<Object<'_>>) -> Self {
        match object {
            Some(Object::Name(name)) => Self::of_name(name.as_ref()),
            Some(Object::Array(array)) => match array.iter::<Object<'_>>().next() {
                Some(Object::Name(name)) => Self::of_name(name.as_ref()),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn of_name(name: &[u8]) -> Self {
        match name {
            b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK" | b"G" | b"RGB" | b"CMYK" | b"CalGray" | b"CalRGB" | b"ICCBased" => Self::Device,
            b"Separation" => Self::Tint,
            _ => Self::Unknown,
        }
    }

    fn initial(self) -> Paint {
        if self == Self::Unknown { Paint::Unknown } else { Paint::BLACK }
    }

    fn paint(self, components: &[f32]) -> Paint {
        match (self, components) {
            (Self::Device, _) => Paint::from_components(components),
            (Self::Tint, [tint]) if *tint <= 0.0 => Paint::WHITE,
            _ => Paint::Unknown,
        }
    }
}

/// An open marked-content sequence.
#[derive(Clone, Copy, Default)]
struct Marked {
    hides: bool,
    artifact: bool,
    actual: bool,
}

/// An open `/ActualText`: the glyphs from `start` on are read as `text`.
struct Actual {
    text: String,
    start: usize,
}

/// The path under construction: its subpaths as boxes.
#[derive(Default)]
struct Path {
    parts: Vec<Part>,
    current: Option<Part>,
    point: (f64, f64),
    start: (f64, f64),
}

struct Part {
    bbox: BoundingBox,
    /// Corner points so far, while the part may still be an axis-aligned rectangle.
    segments: u32,
    axis_aligned: bool,
    rectangle: bool,
    /// The straight axis-aligned pieces, for stroking.
    lines: Vec<(f32, f32, f32, f32)>,
}

impl Part {
    fn new() -> Self {
        Self { bbox: BoundingBox::NOTHING, segments: 0, axis_aligned: true, rectangle: false, lines: Vec::new() }
    }

    /// Four axis-aligned sides (a fifth may close it), or a degenerate line.
    fn is_exact(&self) -> bool {
        self.rectangle || (self.axis_aligned && (3..=5).contains(&self.segments))
    }
}

struct Interpreter<'s> {
    ink: Ink,
    fonts: &'s mut FontStore,
    hidden_groups: &'s HiddenGroups,
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
                Op::SaveState(_) => {
                    if stack.len() < 512 {
                        stack.push(state.clone());
                    }
                }
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
                Op::CubicTo(p) => path.curve_to(&state.ctm, [(p.0, p.1), (p.2, p.3), (p.4, p.5)].map(|(x, y)| (x.as_f64(), y.as_f64()))),
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
                    self.ink.fills.push(Fill { bbox: state.clip, paint: Paint::Unknown, opaque: false, exact: false, order: self.order });
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
                Op::StrokeColor(c) => state.stroke = state.stroke_space.paint(&c.0.iter().map(|n| n.as_f32()).collect::<Vec<_>>()),
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
                Op::ShowTexts(items) => {
                    match glued_numbers_parted(items.0.data()) {
                        None => self.show_all(&mut state, items.0),
                        Some(mended) => {
                            let mut mended = TypedIter::new(&mended);
                            if let Some(Op::ShowTexts(items)) = mended.next() {
                                self.show_all(&mut state, items.0);
                            }
                        }
                    }
                }

                Op::XObject(name) => {
                    if let Some(object) = resources.get_x_object(name.0) {
                        self.x_object(&object, resources, &state, depth);
                    }
                }
                Op::InlineImage(image) => self.image(&state, image.0.dict()),

                Op::BeginMarkedContent(tag) => self.begin_marked(tag.0.as_ref(), None, resources),
                Op::BeginMarkedContentWithProperties(tag) => self.begin_marked(tag.0.as_ref(), Some(tag.1), resources),
                Op::EndMarkedContent(_) => {
                    if self.marked.len() > marked_at_start {
                        self.end_marked();
                    }
                }
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

    /// Strings and the adjustments between them.
    fn show_all(&mut self, state: &mut State, items: &Array<'_>) {
        self.order += 1;
        for item in items.iter::<Object<'_>>() {
            match item {
                Object::String(text) => self.show(state, &text),
                Object::Number(number) => {
                    let shift = -number.as_f64() / 1000.0 * state.size;
                    let (tx, ty) = match &state.font {
                        Some(font) if font.vertical => (0.0, shift),
                        _ => (shift * state.stretch, 0.0),
                    };
                    state.text = Matrix([1.0, 0.0, 0.0, 1.0, tx, ty]).then(&state.text);
                }
                _ => {}
            }
        }
    }

    fn show(&mut self, state: &mut State, text: &PdfString<'_>) {
        if state.font.is_none() {
            state.font = self.fonts.fallback();
        }
        let Some(font) = state.font.clone() else { return };
        let placement = state.text.then(&state.ctm);
        if !placement.is_finite() {
            return;
        }
        let [a, b, c, d, ..] = placement.0;
        let along = a.hypot(b);
        let across = c.hypot(d);
        // The writing direction on the page, after all matrices; a negative size or stretch turns it round.
        let turned = if font.vertical { state.size < 0.0 } else { state.size * state.stretch < 0.0 };
        let sign = if turned { -1.0 } else { 1.0 };
        let frame = if font.vertical { Frame::of_direction(-c * sign, -d * sign) } else { Frame::of_direction(a * sign, b * sign) };
        // On the page y runs down, so upright text has a negative determinant in these coordinates.
        let mirrored = !font.vertical && (a * d - b * c) * state.stretch.signum() > 0.0;
        let size = (state.size.abs() * across) as f32 * font.em;
        let place = Place { frame, size, along: along as f32, across: across as f32, mirrored, font: &font };
        font.for_each_code(text.as_bytes(), |code, length, entry| {
            let spacing = state.character_spacing + if length == 1 && code == 32 { state.word_spacing } else { 0.0 };
            let advance = f64::from(entry.advance) * state.size;
            self.push_glyph(state, &place, entry, advance);
            let (tx, ty) = if font.vertical { (0.0, advance + spacing) } else { ((advance + spacing) * state.stretch, 0.0) };
            let [a, b, c, d, e, f] = state.text.0;
            state.text.0[4] = a * tx + c * ty + e;
            state.text.0[5] = b * tx + d * ty + f;
        });
    }

    fn push_glyph(&mut self, state: &State, place: &Place<'_>, entry: &Code, advance: f64) {
        if self.ink.glyphs.len() > self.limits.glyphs {
            return;
        }
        let placement = state.text.then(&state.ctm);
        let (x, y) = placement.apply(0.0, state.rise);
        let (u, base) = place.frame.from_page(x as f32, y as f32);
        let length = if place.font.vertical { advance.abs() as f32 * place.across } else { (advance * state.stretch).abs() as f32 * place.along };
        let (ascent, descent) = if place.font.vertical {
            // The column's middle is the baseline; the box is as wide as the glyph.
            let half = (entry.width.max(0.5) * place.size / 2.0).abs();
            (half, half)
        } else if place.mirrored {
            (place.font.descent * place.size, place.font.ascent * place.size)
        } else {
            (place.font.ascent * place.size, place.font.descent * place.size)
        };
        if !(u.is_finite() && base.is_finite() && length.is_finite() && ascent.is_finite()) {
            return;
        }
        if matches!(entry.text, Text::Unmapped) && self.actual.is_none() {
            self.ink.unmapped += 1;
        }
        let stroked = matches!(state.mode, 1 | 5);
        let paint = if stroked { state.stroke } else { state.fill };
        let hidden = if self.hidden_depth > 0 {
            Some(HiddenReason::OptionalContent)
        } else if matches!(state.mode, 3 | 7) {
            Some(HiddenReason::RenderMode)
        } else if state.fill_alpha <= 0.02 && !stroked {
            Some(HiddenReason::BackgroundColour)
        } else {
            None
        };
        let mut glyph = Glyph {
            text: entry.text.clone(),
            frame: place.frame,
            u0: u,
            u1: u + length,
            base,
            ascent,
            descent,
            size: place.size,
            bold: place.font.bold || state.mode == 2,
            vertical: place.font.vertical,
            artifact: self.artifact_depth > 0,
            paint: if state.fill_alpha < 0.9 && !stroked { Paint::Unknown } else { paint },
            hidden,
            order: self.order,
        };
        if hidden.is_none() {
            let bbox = glyph.page_box();
            let (x, y) = ((bbox.x0 + bbox.x1) / 2.0, (bbox.y0 + bbox.y1) / 2.0);
            let slack = 0.5 * place.size + 1.0;
            let clip = &state.clip;
            if clip.is_empty() || x < clip.x0 - slack || x > clip.x1 + slack || y < clip.y0 - slack || y > clip.y1 + slack {
                glyph.hidden = Some(HiddenReason::OffPage);
            }
        }
        self.ink.glyphs.push(glyph);
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
                let bbox = BoundingBox { x0: x0.min(x1), y0: y0.min(y1), x1: x0.max(x1), y1: y0.max(y1) }.intersection(&state.clip);
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
                self.run(&data, own.as_ref().unwrap_or(parent), inner, depth + 1);
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
            let shown = annotation.get::<Name<'_>>("Subtype").is_some_and(|name| matches!(name.as_ref(), b"Widget" | b"FreeText" | b"Stamp"));
            let flags = annotation.get::<i32>("F").unwrap_or(0);
            if !shown || flags & (HIDDEN | NO_VIEW) != 0 {
                continue;
            }
            let Some(normal) = annotation.get::<Dict<'_>>("AP").and_then(|appearance| appearance.get::<Object<'_>>("N")) else { continue };
            let stream = match normal {
                Object::Stream(stream) => Some(stream),
                Object::Dict(states) => {
                    annotation.get::<Name<'_>>("AS").and_then(|name| states.get::<Stream<'_>>(name.as_ref()))
                }
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

    fn begin_marked(&mut self, tag: &[u8], properties: Option<&Object<'_>>, resources: &Resources<'_>) {
        let mut marked = Marked { artifact: tag == b"Artifact", ..Marked::default() };
        let (id, dict) = match properties {
            Some(Object::Dict(dict)) => (None, Some(dict.clone())),
            Some(Object::Name(name)) => {
                let id = resources.properties.get_ref(name.as_ref()).map(ObjectIdentifier::from);
                (id, resources.properties.get::<Dict<'_>>(name.as_ref()))
            }
            _ => (None, None),
        };
        if tag == b"OC" {
            marked.hides = self.is_group_hidden(id, dict.as_ref());
        } else if self.actual.is_none()
            && let Some(text) = dict.as_ref().and_then(|dict| dict.get::<PdfString<'_>>("ActualText"))
        {
            marked.actual = true;
            self.actual = Some(Actual { text: super::facts::text_string(text.as_bytes()), start: self.ink.glyphs.len() });
        }
        self.hidden_depth += u32::from(marked.hides);
        self.artifact_depth += u32::from(marked.artifact);
        self.marked.push(marked);
    }

    fn end_marked(&mut self) {
        let Some(marked) = self.marked.pop() else { return };
        self.hidden_depth -= u32::from(marked.hides);
        self.artifact_depth -= u32::from(marked.artifact);
        if marked.actual {
            self.finish_actual();
        }
    }

    fn is_group_hidden(&self, id: Option<ObjectIdentifier>, dict: Option<&Dict<'_>>) -> bool {
        let is_off = |id: &ObjectIdentifier| self.hidden_groups.contains(id);
        if self.hidden_groups.is_empty() {
            return false;
        }
        let is_membership = dict.is_some_and(|dict| dict.get::<Name<'_>>("Type").is_some_and(|name| name.as_ref() == b"OCMD"));
        let Some(dict) = dict.filter(|_| is_membership) else {
            return id.as_ref().is_some_and(is_off);
        };
        let mut groups: Vec<ObjectIdentifier> = dict.get_ref("OCGs").map(ObjectIdentifier::from).into_iter().collect();
        if let Some(array) = dict.get::<Array<'_>>("OCGs") {
            groups = array.raw_iter().filter_map(|item| item.as_obj_ref()).map(ObjectIdentifier::from).collect();
        }
        if groups.is_empty() {
            return false;
        }
        let shown = match dict.get::<Name<'_>>("P").as_ref().map(|name| name.as_ref().to_vec()).as_deref() {
            Some(b"AllOn") => !groups.iter().any(is_off),
            Some(b"AnyOff") => groups.iter().any(is_off),
            Some(b"AllOff") => groups.iter().all(is_off),
            _ => !groups.iter().all(is_off),
        };
        !shown
    }

    /// Puts the replacement text in the place of the glyphs it stands for: character by character where their number agrees,
    /// else over the whole width of the first line's glyphs.
    fn finish_actual(&mut self) {
        let Some(Actual { text, start }) = self.actual.take() else { return };
        let glyphs = &mut self.ink.glyphs;
        if start >= glyphs.len() {
            return;
        }
        let characters: Vec<char> = text.chars().filter(|c| !matches!(c, '\u{feff}')).collect();
        let shown = &glyphs[start..];
        let mut read = String::new();
        shown.iter().for_each(|glyph| glyph.text.push_to(&mut read));
        if read == text {
            return;
        }
        if characters.len() == shown.len() {
            for (glyph, c) in glyphs[start..].iter_mut().zip(characters) {
                glyph.text = Text::One(c);
            }
            return;
        }
        let first = glyphs[start].clone();
        let same_line = |glyph: &&Glyph| glyph.frame == first.frame && (glyph.base - first.base).abs() < 0.5 * first.size;
        let u0 = shown.iter().filter(same_line).map(|glyph| glyph.u0).fold(f32::INFINITY, f32::min);
        let u1 = shown.iter().filter(same_line).map(|glyph| glyph.u1).fold(f32::NEG_INFINITY, f32::max);
        glyphs.truncate(start);
        if characters.is_empty() {
            return;
        }
        // One glyph per character, so that words inside the replacement part where it has spaces.
        let step = (u1 - u0) / characters.len() as f32;
        for (index, c) in characters.into_iter().enumerate() {
            let mut glyph = first.clone();
            glyph.text = Text::One(c);
            glyph.u0 = u0 + step * index as f32;
            glyph.u1 = glyph.u0 + step;
            glyphs.push(glyph);
        }
    }
}

/// How the glyphs of one shown string lie on the page.
struct Place<'f> {
    frame: Frame,
    size: f32,
    /// Page points per unit of text space, along the baseline and across it.
    along: f32,
    across: f32,
    mirrored: bool,
    font: &'f Font,
}

/// The operand of `TJ` with a space before every minus sign that stands within a number, and the operator after it: writers that
/// forget the space between two adjustments (`-33-330`) mean two. None where there is nothing to mend.
fn glued_numbers_parted(array: &[u8]) -> Option<Vec<u8>> {
    let is_glued = |at: usize| {
        at > 0 && array[at - 1].is_ascii_digit() && array.get(at + 1).is_some_and(|next| next.is_ascii_digit() || *next == b'.')
    };
    if !memchr::memchr_iter(b'-', array).any(is_glued) {
        return None;
    }
    let mut out = Vec::with_capacity(array.len() + 16);
    let (mut depth, mut escaped, mut mended) = (0_u32, false, false);
    for (at, &byte) in array.iter().enumerate() {
        if depth > 0 {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
        } else if byte == b'(' {
            depth = 1;
        } else if byte == b'-' && is_glued(at) {
            out.push(b' ');
            mended = true;
        }
        out.push(byte);
    }
    if out.first() != Some(&b'[') {
        out.insert(0, b'[');
        out.push(b']');
    }
    out.extend_from_slice(b" TJ");
    mended.then_some(out)
}

fn color_space(resources: &Resources<'_>, name: &Name<'_>) -> Space {
    match Space::of_name(name.as_ref()) {
        Space::Unknown => Space::of(resources.get_color_space(name)),
        known => known,
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

impl Path {
    const MOST_PARTS: usize = 20_000;

    fn move_to(&mut self, x: f64, y: f64) {
        self.finish_part();
        self.point = (x, y);
        self.start = (x, y);
    }

    fn line_to(&mut self, ctm: &Matrix, x: f64, y: f64) {
        let (x0, y0) = ctm.apply(self.point.0, self.point.1);
        let (x1, y1) = ctm.apply(x, y);
        let part = self.current.get_or_insert_with(Part::new);
        part.bbox.add_point(x0 as f32, y0 as f32);
        part.bbox.add_point(x1 as f32, y1 as f32);
        part.segments += 1;
        let aligned = (x1 - x0).abs() < 0.01 || (y1 - y0).abs() < 0.01;
        part.axis_aligned &= aligned;
        if aligned && part.lines.len() < 64 {
            part.lines.push((x0 as f32, y0 as f32, x1 as f32, y1 as f32));
        }
        self.point = (x, y);
    }

    fn curve_to(&mut self, ctm: &Matrix, points: [(f64, f64); 3]) {
        let part = self.current.get_or_insert_with(Part::new);
        for (x, y) in points.into_iter().chain([self.point]) {
            let (x, y) = ctm.apply(x, y);
            part.bbox.add_point(x as f32, y as f32);
        }
        part.axis_aligned = false;
        self.point = points[2];
    }

    fn close(&mut self, ctm: &Matrix) {
        let (x, y) = self.start;
        if self.current.is_some() && self.point != self.start {
            self.line_to(ctm, x, y);
        }
        self.finish_part();
        self.point = (x, y);
    }

    fn rectangle(&mut self, ctm: &Matrix, [x, y, w, h]: [f64; 4]) {
        self.finish_part();
        let bbox = ctm.apply_to_box(x, y, x + w, y + h);
        let BoundingBox { x0, y0, x1, y1 } = bbox;
        let exact = ctm.keeps_axes();
        let lines = if exact { vec![(x0, y0, x1, y0), (x1, y0, x1, y1), (x0, y1, x1, y1), (x0, y0, x0, y1)] } else { Vec::new() };
        self.current = Some(Part { bbox, segments: 4, axis_aligned: exact, rectangle: exact, lines });
        self.finish_part();
        self.point = (x, y);
        self.start = (x, y);
    }

    fn finish_part(&mut self) {
        if let Some(part) = self.current.take()
            && self.parts.len() < Self::MOST_PARTS
        {
            self.parts.push(part);
        }
    }
}
