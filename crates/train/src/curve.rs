//! The course of a training as a picture.

use std::fmt::Write;

use crate::Epoch;

/// The size of the picture, and of the space around the plot.
const SIZE: [f64; 2] = [560.0, 300.0];
const MARGIN: [f64; 2] = [56.0, 40.0];

/// An SVG of the loss in training and on what was held out, and of the errors there in per cent, by
/// epoch: on one logarithmic axis, where no errors are drawn as 0.01 %.
#[must_use]
pub fn curve(title: &str, history: &[Epoch]) -> String {
    let loss: Vec<f64> = history.iter().map(|epoch| epoch.loss).collect();
    let held_out = |of: fn(&crate::Evaluation) -> f64| {
        history.iter().filter_map(|epoch| epoch.held_out.as_ref().map(of)).collect::<Vec<_>>()
    };
    let errors = held_out(|held_out| (100.0 * (1.0 - held_out.accuracy)).max(0.01));
    let lines = [
        ("loss in training", "#9a6700", &loss),
        ("loss, held out", "#0969da", &held_out(|held_out| held_out.loss)),
        ("errors held out, %", "#1a7f37", &errors),
    ];
    let [width, height] = SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{}\" y=\"20\" font-size=\"14\">{}</text>\n",
        MARGIN[0],
        escaped(title),
    );
    let all = lines.iter().flat_map(|(_, _, line)| line.iter().copied());
    let all = all.filter(|x| x.is_finite() && *x > 0.0);
    let (least, most) = all.fold((f64::MAX, f64::MIN_POSITIVE), |(a, b), x| (a.min(x), b.max(x)));
    let scale = Scale { least: least.min(most).ln(), most: most.ln(), epochs: history.len() };
    // Writing to a string cannot fail.
    let _ = axes(&mut svg, &scale);
    for (at, (name, colour, line)) in lines.iter().enumerate() {
        let points: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(epoch, &value)| format!("{:.1},{:.1}", scale.x(epoch + 1), scale.y(value)))
            .collect();
        let (x, y) = (width - 150.0, 20.0 + 15.0 * at as f64);
        let _ = write!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>\n\
             <text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>\n",
            points.join(" "),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Where values lie in the picture.
struct Scale {
    least: f64,
    most: f64,
    epochs: usize,
}

impl Scale {
    fn x(&self, epoch: usize) -> f64 {
        let part = (epoch as f64 - 1.0) / (self.epochs as f64 - 1.0).max(1.0);
        MARGIN[0] + part * (SIZE[0] - MARGIN[0] - 20.0)
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value.ln() - self.least) / (self.most - self.least).max(1e-9);
        SIZE[1] - MARGIN[1] - part.clamp(0.0, 1.0) * (SIZE[1] - MARGIN[1] - 70.0)
    }
}

/// The values at the ends of both axes.
fn axes(svg: &mut String, scale: &Scale) -> std::fmt::Result {
    let bottom = SIZE[1] - MARGIN[1];
    for value in [scale.least.exp(), scale.most.exp()] {
        let y = scale.y(value);
        writeln!(
            svg,
            "<line x1=\"{}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#d0d7de\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>",
            MARGIN[0],
            SIZE[0] - 20.0,
            MARGIN[0] - 6.0,
            y + 4.0,
        )?;
    }
    for epoch in [1, scale.epochs] {
        let (x, y) = (scale.x(epoch), bottom + 18.0);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{epoch}</text>")?;
    }
    let (x, y) = (SIZE[0] / 2.0, SIZE[1] - 8.0);
    writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">epoch</text>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Evaluation;

    #[test]
    fn every_line_has_a_point_for_each_epoch_inside_the_picture() {
        let epoch = |number: usize| {
            let accuracy = if number == 3 { 1.0 } else { 0.9 };
            let held_out = Some(Evaluation { accuracy, loss: 0.5 / number as f64 });
            Epoch { number, loss: 1.0 / number as f64, held_out }
        };
        let svg = curve("A <b> & c", &[epoch(1), epoch(2), epoch(3)]);
        assert!(svg.contains("A &lt;b&gt; &amp; c"));
        let lines: Vec<&str> = svg.lines().filter(|line| line.starts_with("<polyline")).collect();
        assert_eq!(lines.len(), 3);
        for line in lines {
            let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
            let points: Vec<&str> = points.split(' ').collect();
            assert_eq!(points.len(), 3);
            for point in points {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((0.0..=SIZE[0]).contains(&x) && (0.0..=SIZE[1]).contains(&y), "{point}");
            }
        }
    }
}
