#[path = "../../rpc/src/config.rs"]
mod config;
#[path = "../../rpc/src/context.rs"]
mod context;
pub use config::*;
pub use context::*;
pub struct Server(std::net::SocketAddr);
impl Server {
    pub fn http(&self) -> std::net::SocketAddr { self.0 }
    pub fn privileged(&self) -> Option<std::net::SocketAddr> { None }
    pub async fn ended(self, t: tokio_util::sync::CancellationToken) -> Result<(), std::io::Error> { t.cancelled().await; Ok(()) }
}
pub async fn serve(c: RpcConfig, _: RpcContext, _: tokio_util::sync::CancellationToken) -> anyhow::Result<Server> { Ok(Server(c.http)) }
