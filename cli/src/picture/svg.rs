//! A small writer of SVG.

use std::fmt::Write as _;

/// What every picture is drawn with. The background is part of the picture, so that it
/// reads the same on a dark page. The fonts are those that systems have; the last word is
/// always there.
const STYLE: &str = "\
text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;\
fill:#3b4252}\
.title{font-size:15px;font-weight:600;fill:#1f2430}\
.name{font-size:12px;font-weight:600;fill:#1f2430}\
.small{font-size:10px;fill:#5b6474}\
.halo{paint-order:stroke;stroke:#fcfcfa;stroke-width:3px;stroke-linejoin:round}\
.page{fill:#fcfcfa;stroke:#d9dce2}\
.lane{fill:#ffffff;stroke:#d9dce2}\
.grid{stroke:#e7e9ee;fill:none}\
";

/// Where a text stands to the point that it is given.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

pub(super) struct Svg {
    width: f64,
    height: f64,
    style: String,
    body: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, style: &str) -> Self {
        let mut svg = Self { width, height, style: format!("{STYLE}{style}"), body: String::new() };
        svg.rounded(0.5, 0.5, width - 1.0, height - 1.0, 8.0, "page");
        svg
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.rounded(x, y, width, height, 0.0, class);
    }

    pub(super) fn rounded(&mut self, x: f64, y: f64, w: f64, h: f64, r: f64, class: &str) {
        let (x, y, w, h) = (short(x), short(y), short(w), short(h));
        let r = if r > 0.0 { format!(" rx=\"{}\"", short(r)) } else { String::new() };
        self.put(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"{r}/>\n"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (short(from.0), short(from.1), short(to.0), short(to.1));
        self.put(&format!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n"
        ));
    }

    pub(super) fn path(&mut self, path: &Path, class: &str) {
        if !path.0.is_empty() {
            self.put(&format!("<path class=\"{class}\" d=\"{}\"/>\n", path.0));
        }
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (x, y, text) = (short(at.0), short(at.1), escaped(text));
        self.put(&format!("<text{class} x=\"{x}\" y=\"{y}\"{anchor}>{text}</text>\n"));
    }

    /// A PNG image, given in base64, stretched to a place.
    pub(super) fn image(&mut self, x: f64, y: f64, width: f64, height: f64, base64: &str) {
        let (x, y, w, h) = (short(x), short(y), short(width), short(height));
        self.put(&format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" \
             preserveAspectRatio=\"none\" href=\"data:image/png;base64,{base64}\"/>\n"
        ));
    }

    fn put(&mut self, text: &str) {
        self.body.push_str(text);
    }

    /// The whole file; `title` is what is read out where it cannot be seen.
    pub(super) fn finish(self, title: &str) -> String {
        let (w, h) = (short(self.width), short(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\">\n<title>{}</title>\n<style>{}</style>\n{}</svg>\n",
            escaped(title),
            self.style,
            self.body
        )
    }
}

/// The line of a shape.
#[derive(Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn to(&mut self, x: f64, y: f64) {
        let command = if self.0.is_empty() { 'M' } else { 'L' };
        let _ = write!(self.0, "{command}{} {}", short(x), short(y));
    }

    pub(super) fn from(&mut self, x: f64, y: f64) {
        let _ = write!(self.0, "M{} {}", short(x), short(y));
    }

    /// A curve that leaves and arrives upright.
    pub(super) fn fall(&mut self, from: (f64, f64), to: (f64, f64)) {
        let half = f64::midpoint(from.1, to.1);
        let _ = write!(
            self.0,
            "C{} {} {} {} {} {}",
            short(from.0),
            short(half),
            short(to.0),
            short(half),
            short(to.0),
            short(to.1)
        );
    }

    pub(super) fn close(&mut self) {
        self.0.push('Z');
    }
}

/// A tenth of a pixel is finer than anybody sees.
fn short(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Names come from anywhere, and not every character may be in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// How wide a text is, roughly: enough to keep texts out of each other.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| if "ilI.,:;' |()".contains(c) { 0.32 } else { 0.58 }).sum::<f64>() * size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_text() {
        let mut svg = Svg::new(10.0, 10.0, "");
        svg.text((0.0, 0.0), Anchor::Start, "", "a<b>&\"\u{1}\u{ffff}");
        let text = svg.finish("</title><script>");
        assert!(text.contains(">a&lt;b&gt;&amp;&quot;\u{fffd}\u{fffd}</text>"), "{text}");
        assert!(!text.contains("<script>"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([short(1.0), short(0.25), short(-0.01)], ["1", "0.2", "0"]);
    }
}
