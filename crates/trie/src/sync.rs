/// `Sync` where the feature `parallel` is on, nothing otherwise: what [`StateTrie::update`] asks of
/// its readers, so that a single-threaded reader serves where there are no threads.
///
/// [`StateTrie::update`]: crate::StateTrie::update
#[cfg(feature = "parallel")]
pub trait MaybeSync: Sync {}
#[cfg(feature = "parallel")]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// `Sync` where the feature `parallel` is on, nothing otherwise: what [`StateTrie::update`] asks of
/// its readers, so that a single-threaded reader serves where there are no threads.
///
/// [`StateTrie::update`]: crate::StateTrie::update
#[cfg(not(feature = "parallel"))]
pub trait MaybeSync {}
#[cfg(not(feature = "parallel"))]
impl<T: ?Sized> MaybeSync for T {}

/// `Send` where the feature `parallel` is on, nothing otherwise.
#[cfg(feature = "parallel")]
pub(crate) trait MaybeSend: Send {}
#[cfg(feature = "parallel")]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Send` where the feature `parallel` is on, nothing otherwise.
#[cfg(not(feature = "parallel"))]
pub(crate) trait MaybeSend {}
#[cfg(not(feature = "parallel"))]
impl<T: ?Sized> MaybeSend for T {}
