//! kona over the records that journeys wrote.

mod records;
