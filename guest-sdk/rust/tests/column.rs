//! Histories as authors' tests make them.

use skysieve_sdk::Column;

#[test]
fn a_column_is_read_from_either_end() {
    let column = Column::from(&[1, 2, 3]);
    assert_eq!((column.len(), column.first(), column.last(), column.get(3)), (3, Some(1), Some(3), None));
    assert_eq!(column.iter().rev().collect::<Vec<_>>(), [3, 2, 1]);
    let mut both = column.iter();
    assert_eq!((both.next(), both.next_back(), both.len()), (Some(1), Some(3), 1));
    assert_eq!((both.next(), both.next(), both.next_back()), (Some(2), None, None));
}

#[test]
fn nulls_are_none_and_columns_zip() {
    let (times, fluxes) = ([1.0f64, 2.0, 3.0], [Some(5.0f64), None, Some(4.0)]);
    let (time, flux) = (Column::from(&times), Column::from(&fluxes));
    let brightest =
        time.iter().zip(flux).filter_map(|(time, flux)| Some((flux?, time))).max_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(brightest, Some((5.0, 1.0)));
    assert_eq!(format!("{flux:?}"), "[Some(5.0), None, Some(4.0)]");
}

#[test]
fn the_default_is_empty() {
    let column: Column<'_, Option<&str>> = Column::default();
    assert!(column.is_empty() && column.iter().next().is_none() && column.last().is_none());
}
