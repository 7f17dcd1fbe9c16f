//! Periods of reports as days: `2022`, `2022-H1`, `2022-Q3`, `2022-05`, `2022-05-20`.

/// The first and the last day of a period as YYYYMMDD. A `FY` before the year is passed over. None where it is no period.
pub(in crate::index) fn days(period: &str) -> Option<(u64, u64)> {
    let period = period.trim().to_ascii_uppercase();
    let period = period.strip_prefix("FY").unwrap_or(&period).trim_start();
    let mut parts = period.split('-');
    let year: u64 = digits(parts.next().filter(|year| year.len() == 4)?, 4)?;
    let day = |month: u64, day: u64| year * 10_000 + month * 100 + day;
    // Days past the end of a month do no harm: these are borders to compare with.
    let months = |first: u64, last: u64| (day(first, 1), day(last, 31));
    let found = match (parts.next(), parts.next()) {
        (None, _) => months(1, 12),
        (Some("H1"), None) => months(1, 6),
        (Some("H2"), None) => months(7, 12),
        (Some(quarter), None) if quarter.starts_with('Q') => {
            let quarter = digits(&quarter[1..], 1).filter(|quarter| (1..=4).contains(quarter))?;
            months(quarter * 3 - 2, quarter * 3)
        }
        (Some(month), None) => {
            let month = digits(month, 2).filter(|month| (1..=12).contains(month))?;
            months(month, month)
        }
        (Some(month), Some(date)) => {
            let month = digits(month, 2).filter(|month| (1..=12).contains(month))?;
            let date = digits(date, 2).filter(|date| (1..=31).contains(date))?;
            (day(month, date), day(month, date))
        }
    };
    parts.next().is_none().then_some(found)
}

fn digits(text: &str, most: usize) -> Option<u64> {
    let fits = !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_ranges_of_days() {
        for (period, expected) in [
            ("2022", Some((20_220_101, 20_221_231))),
            ("FY2022", Some((20_220_101, 20_221_231))),
            ("2022-Q3", Some((20_220_701, 20_220_931))),
            ("2022-h1", Some((20_220_101, 20_220_631))),
            ("2022-02", Some((20_220_201, 20_220_231))),
            ("2022-05-20", Some((20_220_520, 20_220_520))),
            ("2022-Q5", None),
            ("2022-13", None),
            ("2022-05-20-1", None),
            ("last year", None),
            ("", None),
            ("２０２２", None),
            ("2022-Q", None),
        ] {
            assert_eq!(days(period), expected, "{period}");
        }
    }
}
