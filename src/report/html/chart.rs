//! A chart: drawn in SVG that stretches with the page, its axes in text that does not, its figures in a table besides.

use std::fmt::Write;

use super::date;
use crate::report::Report;
use crate::time::Timestamp;

/// The height of the drawing in its own units; each step is ten wide.
const HEIGHT: u64 = 1_000;
const WIDTH: u64 = 10;

/// A series of values, one for each step of the period.
pub(super) struct Chart<'a> {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What is counted.
    pub(super) unit: &'static str,
    /// What the chart shows, in a sentence.
    pub(super) summary: String,
    pub(super) report: &'a Report,
    /// Whether a value holds from step to step, against a cap, or is a bar of its own.
    pub(super) steps: bool,
}

/// The value of a step.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) day: Timestamp,
    pub(super) value: u64,
    pub(super) cap: Option<u64>,
}

impl Chart<'_> {
    pub(super) fn write(&self, page: &mut String, marks: &[Mark]) {
        let Self { id, title, summary, .. } = self;
        let days = self.report.days_per_step;
        let each = if days > 1 { format!(" Each step is {days} days.") } else { String::new() };
        let top = round_up(marks.iter().map(|mark| mark.value.max(mark.cap.unwrap_or(0))).max().unwrap_or(0));
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n<figure>\n\
             <figcaption id=\"{id}-text\">{summary}{each}</figcaption>\n<div class=\"plot\">\n\
             <div class=\"values\" aria-hidden=\"true\"><span>{top}</span><span>{}</span><span>0</span></div>\n\
             <svg role=\"img\" aria-labelledby=\"{id} {id}-text\" preserveAspectRatio=\"none\" viewBox=\"0 0 {} {HEIGHT}\">\n\
             <path class=\"grid\" d=\"M0 0H{width}M0 {}H{width}M0 {HEIGHT}H{width}\"/>\n",
            top / 2,
            marks.len() as u64 * WIDTH,
            HEIGHT / 2,
            width = marks.len() as u64 * WIDTH,
        );
        if self.steps {
            self.curve(page, marks, top);
        } else {
            self.bars(page, marks, top);
        }
        let at = |part: usize| marks.get(part.min(marks.len().saturating_sub(1))).map(|mark| date(mark.day));
        let (first, middle, last) = (at(0), at(marks.len() / 2), at(marks.len()));
        page.push_str("</svg>\n<div class=\"days\" aria-hidden=\"true\">");
        let mut shown: Vec<String> = [first, middle, last].into_iter().flatten().collect();
        shown.dedup();
        shown.iter().for_each(|day| page.extend(["<span>", day, "</span>"]));
        page.push_str("</div>\n</div>\n");
        legend(page, marks);
        self.table(page, marks);
        page.push_str("</figure>\n</section>\n");
    }

    /// Draws what holds from step to step: what is over its cap in the colour of a warning, and the cap as a broken line.
    fn curve(&self, page: &mut String, marks: &[Mark], top: u64) {
        self.bars(page, marks, top);
        let mut line = String::new();
        let mut drawn = None;
        for (at, cap) in (0_u64..).zip(marks.iter().map(|mark| mark.cap)) {
            if let Some(cap) = cap {
                let (y, x) = (HEIGHT - scaled(cap, top), at * WIDTH);
                let joint = if drawn.is_some() { 'V' } else { 'M' };
                let start = if joint == 'M' { format!("M{x} {y}") } else { format!("V{y}") };
                let _ = write!(line, "{start}H{}", x + WIDTH);
            }
            drawn = cap;
        }
        if !line.is_empty() {
            let _ = writeln!(page, "<path class=\"cap\" d=\"{line}\"/>");
        }
    }

    fn bars(&self, page: &mut String, marks: &[Mark], top: u64) {
        // What is held touches what was held before; what is counted stands apart.
        let (gap, width) = if self.steps { (0, WIDTH) } else { (1, WIDTH - 2) };
        for (at, mark) in (0_u64..).zip(marks).filter(|(_, mark)| mark.value > 0) {
            let height = scaled(mark.value, top).max(1);
            let over = if mark.cap.is_some_and(|cap| mark.value > cap) { " class=\"over\"" } else { "" };
            let of = mark.cap.map(|cap| format!(" of {cap}")).unwrap_or_default();
            let _ = writeln!(
                page,
                "<rect{over} x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\"><title>{}: {}{of} {}</title></rect>",
                at * WIDTH + gap,
                HEIGHT - height,
                date(mark.day),
                mark.value,
                self.unit,
            );
        }
    }

    /// The same figures for those who cannot see a drawing, and for anyone who asks.
    fn table(&self, page: &mut String, marks: &[Mark]) {
        let Self { title, unit, .. } = self;
        let has_cap = marks.iter().any(|mark| mark.cap.is_some());
        let cap = if has_cap { "<th scope=\"col\" class=\"number\">cap</th>" } else { "" };
        let _ = write!(
            page,
            "<details><summary>{title} as a table</summary>\n<table>\n\
             <thead><tr><th scope=\"col\">from</th><th scope=\"col\" class=\"number\">{unit}</th>{cap}</tr></thead>\n<tbody>\n"
        );
        for mark in marks {
            let cap = match mark.cap {
                Some(cap) => format!("<td class=\"number\">{cap}</td>"),
                None if has_cap => "<td class=\"number\">none</td>".to_owned(),
                None => String::new(),
            };
            let (day, value) = (date(mark.day), mark.value);
            let _ = writeln!(page, "<tr><th scope=\"row\">{day}</th><td class=\"number\">{value}</td>{cap}</tr>");
        }
        page.push_str("</tbody>\n</table>\n</details>\n");
    }
}

fn legend(page: &mut String, marks: &[Mark]) {
    if marks.iter().any(|mark| mark.cap.is_some()) {
        let is_over = marks.iter().any(|mark| mark.cap.is_some_and(|cap| mark.value > cap));
        let over = if is_over { "<li class=\"over\">over the cap</li>" } else { "" };
        let rest = "<li class=\"limit\">cap</li></ul>\n";
        page.extend(["<ul class=\"legend\"><li class=\"held\">held at once</li>", over, rest]);
    }
}

fn scaled(value: u64, top: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(HEIGHT) / u128::from(top.max(1))).unwrap_or(HEIGHT)
}

/// Rounds up to an even number of one digit and zeros, whose half is a whole number too.
fn round_up(value: u64) -> u64 {
    let mut unit = 1_u64;
    while value / unit > 10 {
        unit = unit.saturating_mul(10);
    }
    [2, 4, 6, 8, 10, 12]
        .into_iter()
        .map(|digit: u64| digit.saturating_mul(unit))
        .find(|top| *top >= value)
        .unwrap_or(value)
}
