//! What is wrong with a graph, shown where it is wrong.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use tympan_core::nearest;

/// A graph that cannot be used: what, where, why, and what to do.
///
/// `Display` shows the place in the file without colour; [`render`](Self::render)
/// can add it.
#[derive(Clone)]
pub struct GraphError {
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    code: &'static str,
    title: String,
    label: String,
    help: Vec<String>,
    span: Option<Range<usize>>,
    text: Arc<str>,
    path: Arc<str>,
}

impl GraphError {
    pub(crate) fn new(code: &'static str, title: impl Into<String>) -> Self {
        let inner = Inner {
            code,
            title: title.into(),
            label: String::new(),
            help: Vec::new(),
            span: None,
            text: "".into(),
            path: "".into(),
        };
        Self { inner: Box::new(inner) }
    }

    /// Where in the text it is, and what is said right there.
    pub(crate) fn at(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.inner.span = Some(span);
        self.inner.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.inner.help.push(help.into());
        self
    }

    /// The nearest of `names`, if one is near.
    pub(crate) fn nearest<'a>(self, word: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, names) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// The name that `word` was most likely meant to be, if one of them is near.
    pub fn nearest_of<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        nearest(word, names)
    }

    pub(crate) fn of(mut self, text: &Arc<str>, path: &Arc<str>) -> Self {
        self.inner.text = text.clone();
        self.inner.path = path.clone();
        self
    }

    /// A stable code for the cause, such as `T0106`.
    pub fn code(&self) -> &'static str {
        self.inner.code
    }

    /// What is wrong, in one sentence without its place.
    pub fn message(&self) -> &str {
        &self.inner.title
    }

    /// What to do, most likely first.
    pub fn helps(&self) -> impl Iterator<Item = &str> {
        self.inner.help.iter().map(String::as_str)
    }

    /// Line and column in the text, both from 1.
    pub fn place(&self) -> Option<(usize, usize)> {
        let before = self.inner.text.get(..self.inner.span.as_ref()?.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Some((line, column))
    }

    /// The error as a person reads it, with its place in the file.
    pub fn render(&self, colour: bool) -> String {
        let inner = &self.inner;
        let title = Level::ERROR.primary_title(inner.title.as_str()).id(inner.code);
        let mut group = match &inner.span {
            Some(span) if !inner.text.is_empty() => {
                let mut mark = AnnotationKind::Primary.span(span.clone());
                if !inner.label.is_empty() {
                    mark = mark.label(inner.label.as_str());
                }
                let snippet = Snippet::source(&*inner.text).path(&*inner.path).annotation(mark);
                title.element(snippet)
            }
            // Without a place in a text there is no frame to draw.
            _ => return self.plainly(colour),
        };
        for help in &inner.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).clone()
    }

    fn plainly(&self, colour: bool) -> String {
        let (red, bold, off) =
            if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut text = format!("{red}error[{}]{off}{bold}: {}{off}", self.code(), self.message());
        if !self.inner.path.is_empty() {
            text.push_str("\n --> ");
            text.push_str(&self.inner.path);
        }
        for help in self.helps() {
            text.push_str("\n  = help: ");
            text.push_str(help);
        }
        text
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// As `Display`, so that `unwrap` shows something useful.
impl fmt::Debug for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for GraphError {}
