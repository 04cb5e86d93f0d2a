//! `mintage serve`: the program itself, on a socket of its own.

mod operator;
mod page;
mod reported;
pub(crate) mod running;
mod settings;
mod sockets;
#[cfg(unix)]
mod typed;
mod walked;
