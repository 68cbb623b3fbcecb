//! LOLWUT's drawing: a larder shelf, stocked at random.

use rand::Rng;

/// What may stand on a shelf, three lines each.
const JARS: [[&str; 3]; 5] = [
    [" ___ ", "[___]", "|~~~|"],
    ["  _  ", " |_| ", "/___\\"],
    [" ,-. ", "(   )", " `-' "],
    ["_____", "|:::|", "|:::|"],
    ["     ", "  .  ", " /|\\ "],
];

/// Three shelves of ten things.
pub(super) fn shelf(rng: &mut impl Rng) -> String {
    let mut drawing = String::new();
    for _ in 0..3 {
        let jars: Vec<_> = (0..10).map(|_| JARS[(rng.next_u32() % 5) as usize]).collect();
        for line in 0..3 {
            for jar in &jars {
                drawing.push(' ');
                drawing.push_str(jar[line]);
            }
            drawing.push('\n');
        }
        drawing.push_str(&"=".repeat(61));
        drawing.push('\n');
    }
    drawing
}
