//! Marked content: optional content, artifacts, replacement text.

use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, String as PdfString};
use hayro_syntax::page::Resources;

use super::Interpreter;
use crate::document::facts;
use crate::document::font::Text;
use crate::document::ink::Glyph;
use crate::document::structure::Tag;

/// An open marked-content sequence.
#[derive(Clone, Copy, Default)]
pub(super) struct Marked {
    pub(super) hides: bool,
    pub(super) artifact: bool,
    pub(super) actual: bool,
    /// The tag in force before it.
    pub(super) tag_before: Option<Tag>,
}

/// An open `/ActualText`: the glyphs from `start` on are read as `text`.
pub(super) struct Actual {
    pub(super) text: String,
    pub(super) start: usize,
}

impl Interpreter<'_> {
    pub(super) fn begin_marked(&mut self, tag: &[u8], properties: Option<&Object<'_>>, resources: &Resources<'_>) {
        let mut marked = Marked { artifact: tag == b"Artifact", tag_before: self.tag, ..Marked::default() };
        let (id, dict) = match properties {
            Some(Object::Dict(dict)) => (None, Some(dict.clone())),
            Some(Object::Name(name)) => {
                let id = resources.properties.get_ref(name.as_ref()).map(ObjectIdentifier::from);
                (id, resources.properties.get::<Dict<'_>>(name.as_ref()))
            }
            _ => (None, None),
        };
        let content = self.tags.zip(dict.as_ref().and_then(|dict| dict.get::<i32>("MCID")));
        if let Some(tag) = content.and_then(|(tags, id)| tags.tags.get(&id)) {
            self.tag = Some(*tag);
        }
        if tag == b"OC" {
            marked.hides = self.is_group_hidden(id, dict.as_ref());
        } else if self.actual.is_none() {
            let own = dict.as_ref().and_then(|dict| dict.get::<PdfString<'_>>("ActualText"));
            let text = own.map(|text| facts::text_string(text.as_bytes()));
            if let Some(text) = text.or_else(|| content.and_then(|(tags, id)| Some(tags.replacements.get(&id)?.to_string()))) {
                marked.actual = true;
                self.actual = Some(Actual { text, start: self.ink.glyphs.len() });
            }
        }
        self.hidden_depth += u32::from(marked.hides);
        self.artifact_depth += u32::from(marked.artifact);
        self.marked.push(marked);
    }

    pub(super) fn end_marked(&mut self) {
        let Some(marked) = self.marked.pop() else { return };
        self.hidden_depth -= u32::from(marked.hides);
        self.artifact_depth -= u32::from(marked.artifact);
        self.tag = marked.tag_before;
        if marked.actual {
            self.finish_actual();
        }
    }

    pub(super) fn is_group_hidden(&self, id: Option<ObjectIdentifier>, dict: Option<&Dict<'_>>) -> bool {
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
    pub(super) fn finish_actual(&mut self) {
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
