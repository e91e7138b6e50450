//! Prints the figures of the last `cargo bench` as one table.

fn main() -> anyhow::Result<()> {
    println!();
    skysieve_bench::print(&skysieve_bench::recorded()?);
    Ok(())
}
