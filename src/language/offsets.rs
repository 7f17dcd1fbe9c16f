//! Between bytes, which the product uses inside, and Unicode code points, which its JSON interfaces use.

use super::Span;

/// Where the code points of a text start.
#[derive(Clone, Debug)]
pub struct CodePoints {
    /// The byte at which each code point starts, then the length in bytes. None where the text is ASCII: bytes are code points.
    starts: Option<Vec<u32>>,
    length: u32,
}

impl CodePoints {
    /// Measures `text`.
    pub fn new(text: &str) -> Self {
        let length = text.len() as u32;
        let starts = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at as u32).chain([length]).collect());
        Self { starts, length }
    }

    /// The code points of a span of bytes: start and end, half open. An end inside a character counts as the border before it,
    /// an end outside the text as the end of the text.
    pub fn span_to_code_points(&self, span: Span) -> (u32, u32) {
        (self.code_point(span.start), self.code_point(span.end))
    }

    /// The bytes of a range of code points; ends outside the text count as its end.
    pub fn span_to_bytes(&self, start: u32, end: u32) -> Span {
        Span { start: self.byte(start), end: self.byte(end.max(start)) }
    }

    /// The number of code points in the text.
    pub fn count(&self) -> u32 {
        self.starts.as_ref().map_or(self.length, |starts| starts.len() as u32 - 1)
    }

    fn code_point(&self, byte: u32) -> u32 {
        let byte = byte.min(self.length);
        match &self.starts {
            None => byte,
            Some(starts) => starts.partition_point(|start| *start <= byte).saturating_sub(1) as u32,
        }
    }

    fn byte(&self, code_point: u32) -> u32 {
        match &self.starts {
            None => code_point.min(self.length),
            Some(starts) => starts.get(code_point as usize).copied().unwrap_or(self.length),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chinese_text_counts_characters() {
        let text = "淨利 12% 🙂";
        let points = CodePoints::new(text);
        assert_eq!(points.count(), 8);
        let at = text.find("12%").unwrap();
        assert_eq!(points.span_to_code_points(Span::new(at..at + 3)), (3, 6));
        assert_eq!(points.span_to_bytes(3, 6).of(text), "12%");
        assert_eq!(points.span_to_bytes(7, 99).of(text), "🙂");
        assert_eq!(points.span_to_code_points(Span { start: 1, end: 9999 }), (0, 8));
    }

    proptest! {
        #[test]
        fn both_ways(text in "\\PC{0,30}", first in 0usize..40, second in 0usize..40) {
            let points = CodePoints::new(&text);
            let count = text.chars().count();
            prop_assert_eq!(points.count() as usize, count);
            let (start, end) = (first.min(second).min(count), first.max(second).min(count));
            let span = points.span_to_bytes(start as u32, end as u32);
            let expected: String = text.chars().skip(start).take(end - start).collect();
            prop_assert_eq!(span.of(&text), expected);
            prop_assert_eq!(points.span_to_code_points(span), (start as u32, end as u32));
        }
    }
}
