//! States go wherever they are needed.

use openledger_store::{HistoricalState, LatestState, Store};

#[test]
fn states_can_be_sent_shared_and_kept() {
    fn assert_free<T: Send + Sync + Clone + 'static>() {}
    assert_free::<LatestState>();
    assert_free::<HistoricalState>();
    assert_free::<Store>();
}
