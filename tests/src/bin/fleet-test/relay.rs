//! A wire that can be cut: forwards connections until it is frozen. Then nothing comes through any more,
//! and nobody is told, as when a cable is pulled.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// A wire from an address of its own to another.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    wire: Arc<Wire>,
}

#[derive(Debug, Default)]
struct Wire {
    frozen: Mutex<bool>,
    thawed: Condvar,
    ended: AtomicBool,
}

impl Relay {
    /// Listens at a free port of this address.
    pub(crate) fn start(at: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((at, 0))?;
        let address = listener.local_addr()?;
        let wire = Arc::new(Wire::default());
        let accepting = wire.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                let wire = accepting.clone();
                thread::spawn(move || join(&wire, &near, to));
            }
        });
        Ok(Self { address, wire })
    }

    /// Cuts the wire, or mends it. What was said meanwhile arrives then.
    pub(crate) fn freeze(&self, frozen: bool) {
        *self.wire.frozen.lock().unwrap_or_else(PoisonError::into_inner) = frozen;
        self.wire.thawed.notify_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.wire.ended.store(true, Ordering::Relaxed);
        self.freeze(false);
        // Wakes whoever accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Wire {
    /// Waits while the wire is cut.
    fn pass(&self) {
        let frozen = self.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.thawed.wait_while(frozen, |frozen| *frozen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

fn join(wire: &Arc<Wire>, near: &TcpStream, to: SocketAddr) {
    wire.pass();
    // Nobody listens there: whoever called is told by the end of its connection.
    let Ok(far) = TcpStream::connect(to) else { return };
    let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
    let back = wire.clone();
    let backwards = thread::spawn(move || forward(&back, &far_too, &near_too));
    forward(wire, near, &far);
    let _ = backwards.join();
}

fn forward(wire: &Wire, mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read) = from.read(&mut buffer) {
        // An end is news too.
        wire.pass();
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    #[test]
    fn nothing_passes_a_frozen_wire_and_nothing_is_lost() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let relay = Relay::start(at, listener.local_addr().unwrap()).unwrap();
        let mut near = TcpStream::connect(relay.address).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let mut buffer = [0; 4];
        near.write_all(b"one.").unwrap();
        far.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"one.");
        relay.freeze(true);
        near.write_all(b"two.").unwrap();
        far.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(far.read(&mut buffer).is_err());
        relay.freeze(false);
        far.set_read_timeout(None).unwrap();
        far.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"two.");
        drop(near);
        assert_eq!(far.read(&mut buffer).unwrap(), 0);
    }
}
