//! `mintage serve`: the program itself, on a socket of its own.

mod page;
mod running;
mod settings;
mod sockets;
