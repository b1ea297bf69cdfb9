//! JSON-RPC over HTTP and WebSocket, one file a namespace.
