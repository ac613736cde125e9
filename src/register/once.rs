//! What is there several times, once. For short lists that have no order but their own; never sorts, never hashes.

/// Each item once, in the place where it stood first.
pub fn once<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for item in all {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_stays_where_it_stood_first() {
        assert_eq!(once([3, 1, 3, 2, 1]), [3, 1, 2]);
        assert!(once::<u8>([]).is_empty());
    }
}
