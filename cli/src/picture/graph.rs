//! A planned graph as a drawing: what flows where, how late it is, what it costs.
//!
//! Rows lie below those that feed them. A wire that passes rows by gets a place in each of
//! them, so that it does not run through a node.

use tympan::core::Row;
use tympan::{Format, Plan};

use super::svg::{Anchor, Path, Svg, width};

const BOX: f64 = 190.0;
const HEIGHT: f64 = 42.0;
/// Between the rows there is room for two lines of text.
const BETWEEN: f64 = 62.0;
/// How far a wire falls straight before it arrives: its label stands beside that.
const STRAIGHT: f64 = 32.0;
const COLUMN: f64 = 218.0;
/// A wire that only passes by.
const PASSING: f64 = 110.0;
const MARGIN: f64 = 28.0;
const TOP: f64 = 70.0;

/// What a plan says of a node that changes nothing on this device.
const IDLE: &str = "nothing to do";

const STYLE: &str = "\
.node{fill:#e8eef7;stroke:#8aa4c8}\
.gated{fill:#e6f3ea;stroke:#7fb593}\
.source{fill:#fff3d6;stroke:#d9b45b}\
.output{fill:#f1e7f5;stroke:#b48ac2}\
.idle{fill:#f2f3f5;stroke:#c4c9d2}\
.wire{fill:none;stroke:#6b7789;stroke-width:1.4px}\
.held{fill:none;stroke:#6b7789;stroke-width:1.2px;stroke-dasharray:4 3}\
.tip{fill:#6b7789}\
";

/// A row of the plan at its place.
struct Place {
    /// Row of the plan; none where a wire only passes.
    row: Option<usize>,
    layer: usize,
    /// Who is above, as places.
    above: Vec<usize>,
    x: f64,
}

impl Place {
    fn half(&self) -> f64 {
        (if self.row.is_some() { COLUMN } else { PASSING }) / 2.0
    }
}

/// The drawing. `ports` names each input of each row, where it has more than one; `costs`
/// says what part of one core each row takes, where it was measured.
pub(crate) fn draw(
    name: &str,
    device: Format,
    plan: &Plan,
    ports: &[Vec<&str>],
    costs: Option<&[Option<f64>]>,
) -> String {
    let mut places = places(plan);
    let layers = layers(&places);
    arrange(&mut places, layers);
    let wide = places.iter().map(|place| place.x + place.half()).fold(0.0, f64::max);
    let tall = TOP + layers as f64 * (HEIGHT + BETWEEN) - BETWEEN + MARGIN + 18.0;
    let device_text = format!("on a device of {device}");
    let memory = format!("{:.1} KiB of memory", plan.bytes() as f64 / 1024.0);
    let mut about = vec![device_text, memory];
    if let Some(costs) = costs {
        let all: f64 = costs.iter().flatten().sum();
        about.push(format!("{} of one core here", percent(all)));
    }
    let about = about.join("  ·  ");
    let least = width(name, 15.0).max(width(&about, 11.0)).max(420.0);
    let mut svg = Svg::new((wide + MARGIN).max(least + 2.0 * MARGIN), tall, STYLE);
    svg.text((MARGIN, 28.0), Anchor::Start, "title", name);
    svg.text((MARGIN, 46.0), Anchor::Start, "", &about);
    let drawing = Drawing { plan, places: &places, ports, costs };
    // Wires first: what is written lies over them.
    for place in places.iter().filter(|place| place.row.is_some()) {
        drawing.wires(&mut svg, place);
    }
    for place in places.iter().filter(|place| place.row.is_some()) {
        drawing.node(&mut svg, place);
        drawing.labels(&mut svg, place);
    }
    if plan.rows().iter().any(|row| row.gated) {
        let y = tall - 18.0;
        svg.rounded(MARGIN, y - 9.0, 16.0, 11.0, 3.0, "gated");
        let text = "runs only while its gate is open";
        svg.text((MARGIN + 22.0, y), Anchor::Start, "small", text);
    }
    svg.finish(&format!("{name}, {about}"))
}

/// Each row below its feeders, with places for wires that pass by.
fn places(plan: &Plan) -> Vec<Place> {
    let rows = plan.rows();
    let mut layers = vec![0; rows.len()];
    // Outputs stand last, nodes may stand in any order: a longest path needs at most as many
    // rounds as there are rows.
    for _ in 0..rows.len() {
        for (i, row) in rows.iter().enumerate() {
            layers[i] = row.from.iter().map(|&from| layers[from] + 1).max().unwrap_or(0);
        }
    }
    let mut places: Vec<Place> = layers
        .iter()
        .enumerate()
        .map(|(row, &layer)| Place { row: Some(row), layer, above: Vec::new(), x: 0.0 })
        .collect();
    for (i, row) in rows.iter().enumerate() {
        for &from in &row.from {
            let mut above = from;
            for layer in layers[from] + 1..layers[i] {
                places.push(Place { row: None, layer, above: vec![above], x: 0.0 });
                above = places.len() - 1;
            }
            places[i].above.push(above);
        }
    }
    places
}

fn layers(places: &[Place]) -> usize {
    places.iter().map(|place| place.layer + 1).max().unwrap_or(0)
}

/// Orders each layer by where its neighbours are, and pulls them together.
fn arrange(places: &mut [Place], layers: usize) {
    let mut order: Vec<Vec<usize>> = (0..layers)
        .map(|l| (0..places.len()).filter(|&i| places[i].layer == l).collect())
        .collect();
    let mut below: Vec<Vec<usize>> = places.iter().map(|_| Vec::new()).collect();
    for (i, place) in places.iter().enumerate() {
        place.above.iter().for_each(|&above| below[above].push(i));
    }
    for layer in &order {
        spread(places, layer, |places, i| places[i].x);
    }
    for round in 0..24 {
        let down = round % 2 == 0;
        for step in 0..layers {
            let layer = if down { step } else { layers - 1 - step };
            let near = |places: &[Place], i: usize| {
                let neighbours = if down { &places[i].above } else { &below[i] };
                let sum: f64 = neighbours.iter().map(|&n| places[n].x).sum();
                if neighbours.is_empty() { places[i].x } else { sum / neighbours.len() as f64 }
            };
            // The order changes only at first; later only the distances do.
            if round < 12 {
                let wanted: Vec<(f64, usize)> =
                    order[layer].iter().map(|&i| (near(places, i), i)).collect();
                let mut wanted = wanted;
                wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
                order[layer] = wanted.into_iter().map(|(_, i)| i).collect();
            }
            let row = order[layer].clone();
            spread(places, &row, near);
        }
    }
    let left = places.iter().map(|p| p.x - p.half()).fold(f64::INFINITY, f64::min);
    for place in places {
        place.x += MARGIN - left;
    }
}

/// Gives each of a row the place it wants, as far as those beside it let it.
fn spread(places: &mut [Place], row: &[usize], wants: impl Fn(&[Place], usize) -> f64) {
    let wanted: Vec<f64> = row.iter().map(|&i| wants(places, i)).collect();
    let room = |a: usize, b: usize| places[row[a]].half() + places[row[b]].half();
    // From the left nobody gives way, from the right nobody does; the middle is fair.
    let mut from_left = wanted.clone();
    for i in 1..row.len() {
        from_left[i] = from_left[i].max(from_left[i - 1] + room(i - 1, i));
    }
    let mut from_right = wanted;
    for i in (1..row.len()).rev() {
        from_right[i - 1] = from_right[i - 1].min(from_right[i] - room(i - 1, i));
    }
    for (n, &i) in row.iter().enumerate() {
        places[i].x = f64::midpoint(from_left[n], from_right[n]);
    }
}

struct Drawing<'a> {
    plan: &'a Plan,
    places: &'a [Place],
    ports: &'a [Vec<&'a str>],
    costs: Option<&'a [Option<f64>]>,
}

impl Drawing<'_> {
    fn top(place: &Place) -> f64 {
        TOP + place.layer as f64 * (HEIGHT + BETWEEN)
    }

    /// Where the wires of a node's inputs arrive: in the order of those they come from, so
    /// that they do not cross here.
    fn arrivals(&self, place: &Place) -> Vec<f64> {
        let count = place.above.len();
        let mut order: Vec<usize> = (0..count).collect();
        let from = |port: usize| self.places[place.above[port]].x;
        order.sort_by(|&a, &b| from(a).total_cmp(&from(b)));
        let mut arrivals = vec![place.x; count];
        for (nth, port) in order.into_iter().enumerate() {
            let part = (nth as f64 + 1.0) / (count as f64 + 1.0) - 0.5;
            arrivals[port] = place.x + part * BOX * 0.9;
        }
        arrivals
    }

    fn wires(&self, svg: &mut Svg, place: &Place) {
        let rows = self.plan.rows();
        let row = place.row.map_or(0, |row| row);
        for ((&above, x), &from) in
            place.above.iter().zip(self.arrivals(place)).zip(&rows[row].from)
        {
            let class = if rows[from].format.ends_with("values/s") { "held" } else { "wire" };
            let mut path = Path::default();
            let mut points = vec![(x, Self::top(place) - STRAIGHT)];
            let mut next = above;
            loop {
                let at = &self.places[next];
                let y = Self::top(at);
                if at.row.is_some() {
                    points.push((at.x, y + HEIGHT));
                    break;
                }
                points.extend([(at.x, y + HEIGHT), (at.x, y)]);
                next = at.above[0];
            }
            points.reverse();
            path.from(points[0].0, points[0].1);
            for pair in points.windows(2) {
                path.fall(pair[0], pair[1]);
            }
            path.to(x, Self::top(place) - 6.0);
            svg.path(&path, class);
            let mut tip = Path::default();
            let y = Self::top(place);
            for (dx, dy) in [(0.0, 0.0), (-3.5, -7.0), (3.5, -7.0)] {
                tip.to(x + dx, y + dy);
            }
            tip.close();
            svg.path(&tip, "tip");
        }
    }

    fn node(&self, svg: &mut Svg, place: &Place) {
        let Some(number) = place.row else { return };
        let row = &self.plan.rows()[number];
        let (x, y) = (place.x - BOX / 2.0, Self::top(place));
        let (class, round) = match row.kind.as_str() {
            "source" => ("source", HEIGHT / 2.0),
            "output" => ("output", HEIGHT / 2.0),
            _ if row.frames == IDLE => ("idle", 5.0),
            _ if row.gated => ("gated", 5.0),
            _ => ("node", 5.0),
        };
        svg.rounded(x, y, BOX, HEIGHT, round, class);
        let title = if row.name == row.kind {
            row.name.clone()
        } else {
            format!("{} · {}", row.name, row.kind)
        };
        svg.text((place.x, y + 17.0), Anchor::Middle, "name", &title);
        let mut parts = match row.kind.as_str() {
            "output" if row.sum > 0.0 => vec![format!("{}, {} late", row.format, ms(row.sum))],
            "output" | "source" => vec![row.format.clone()],
            _ => vec![row.frames.replace("->", "→").replace(" x ", " × ")],
        };
        if row.delay > 0.0 {
            parts.push(format!("+{}", ms(row.delay)));
        }
        if row.bytes > 0 && self.costs.is_none() && row.kind != "source" {
            parts.push(format!("{:.1} KiB", row.bytes as f64 / 1024.0));
        }
        if let Some(cost) = self.costs.and_then(|costs| costs[number]) {
            parts.push(percent(cost));
        }
        svg.text((place.x, y + 33.0), Anchor::Middle, "small", &parts.join(" · "));
    }

    /// The row that makes what this one passes on: itself, where it has something to do.
    fn making(&self, row: usize) -> &Row {
        let mut row = &self.plan.rows()[row];
        while let (true, Some(&from)) = (row.frames == IDLE, row.from.first()) {
            row = &self.plan.rows()[from];
        }
        row
    }

    /// What comes along each wire, beside the place where it arrives.
    fn labels(&self, svg: &mut Svg, place: &Place) {
        let Some(number) = place.row else { return };
        let rows = self.plan.rows();
        let arrivals = self.arrivals(place);
        for (port, (&from, x)) in rows[number].from.iter().zip(&arrivals).enumerate() {
            let feeder = self.making(from);
            let name = self.ports[number].get(port).filter(|_| arrivals.len() > 1);
            let first = match name {
                Some(name) => format!("{name}: {}", feeder.format),
                None => feeder.format.clone(),
            };
            let late =
                if feeder.sum > 0.0 { format!("{} late", ms(feeder.sum)) } else { String::new() };
            // Of two wires, the left one is labelled on its left.
            let left = arrivals.len() > 1 && *x < place.x;
            let (x, anchor) = if left { (x - 7.0, Anchor::End) } else { (x + 7.0, Anchor::Start) };
            let y = Self::top(place) - if late.is_empty() { 11.0 } else { 20.0 };
            svg.text((x, y), anchor, "small halo", &first);
            if !late.is_empty() {
                svg.text((x, y + 11.0), anchor, "small halo", &late);
            }
        }
    }
}

fn ms(seconds: f64) -> String {
    let ms = seconds * 1000.0;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.1} ms") }
}

fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent < 0.1 { format!("{percent:.3} %") } else { format!("{percent:.2} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tympan::Graph;

    #[test]
    fn nobody_stands_on_anybody() {
        for entry in std::fs::read_dir("../graphs").expect("the graphs") {
            let path = entry.expect("a file").path();
            let graph = Graph::from_file(&path, &tympan::registry()).expect("a graph");
            let plan = graph.plan(Format::stereo(48_000)).expect("a plan");
            let mut all = places(&plan);
            let layers = layers(&all);
            arrange(&mut all, layers);
            for (i, a) in all.iter().enumerate() {
                assert!(a.above.iter().all(|&above| all[above].layer + 1 == a.layer));
                for b in all[..i].iter().filter(|b| b.layer == a.layer) {
                    let apart = (a.x - b.x).abs();
                    assert!(apart > a.half() + b.half() - 0.5, "{}: {apart}", path.display());
                }
            }
        }
    }
}
