//! PDFs that are nothing but pictures: what a scanner makes.

use std::path::Path;
use std::sync::Arc;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

/// A grey picture, one byte per pixel.
#[derive(Clone)]
pub struct Grey {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Grey {
    /// Turned to the left by a quarter.
    pub fn turned_left(&self) -> Self {
        let columns = (0..self.width).rev();
        let pixels = columns.flat_map(|x| (0..self.height).map(move |y| self.pixels[y * self.width + x])).collect();
        Self { width: self.height, height: self.width, pixels }
    }
}

/// A page of a file (from 0) as a scanner would see it.
pub fn rendered(file: &Path, page: usize, dots_per_inch: f32) -> Grey {
    let pdf = Pdf::new(Arc::new(std::fs::read(file).unwrap())).unwrap();
    let scale = dots_per_inch / 72.0;
    let pixmap = render(
        &pdf.pages()[page],
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE },
    );
    Grey {
        width: usize::from(pixmap.width()),
        height: usize::from(pixmap.height()),
        pixels: pixmap.data_as_u8_slice().chunks_exact(4).map(|pixel| pixel[1]).collect(),
    }
}

/// A file with one picture per page, each over the whole of its sheet, displayed after a turn by `rotate` degrees.
pub fn scanned(pages: &[Grey], dots_per_inch: f32, rotate: u32) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|index| format!("{} 0 R", 3 + 3 * index)).collect();
    let mut objects: Vec<Vec<u8>> = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count {} /Kids [{}] >>", pages.len(), kids.join(" ")).into_bytes(),
    ];
    for (index, grey) in pages.iter().enumerate() {
        let points = |pixels: usize| pixels as f32 * 72.0 / dots_per_inch;
        let (width, height) = (points(grey.width), points(grey.height));
        let first = 3 + 3 * index;
        let content = format!("q {width} 0 0 {height} 0 0 cm /P Do Q");
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&grey.pixels, 1);
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Rotate {rotate} /Contents {} 0 R /Resources << \
                 /XObject << /P {} 0 R >> >> >>",
                first + 1,
                first + 2
            )
            .into_bytes(),
        );
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()).into_bytes());
        let head = format!(
            "<< /Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode \
             /Length {} >>\nstream\n",
            grey.width,
            grey.height,
            packed.len()
        );
        objects.push([head.as_bytes(), &packed, b"\nendstream"].concat());
    }
    file(&objects)
}

/// Objects, numbered from 1, the first of them the catalog, as a file.
pub fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        out.extend_from_slice(object);
        out.extend_from_slice(b"\nendobj\n");
    }
    let start = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    offsets.iter().for_each(|offset| out.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes()));
    let size = objects.len() + 1;
    out.extend_from_slice(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    out
}
